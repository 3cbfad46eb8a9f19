import Dispatch
import Foundation
import Synchronization

/// A thread of its own that works through an inbox, batch after batch.
///
/// Disks block; event loops and the shared pool must not. So each file has a thread.
final class Worker<Element: Sendable>: Sendable {
  let inbox: Inbox<Element>
  private let ended = DispatchSemaphore(value: 0)

  /// Starts the thread. `work` gets every batch, in order, never two at a time; what `start`
  /// makes lives on the thread and nowhere else.
  init<Resource>(
    name: String, limit: Int,
    start: @escaping @Sendable () -> Resource,
    work: @escaping @Sendable (inout Resource, [Element]) -> Void,
    end: @escaping @Sendable (inout Resource) -> Void = { _ in }
  ) {
    let wakeUps = DispatchSemaphore(value: 0)
    let inbox = Inbox<Element>(limit: limit) { wakeUps.signal() }
    self.inbox = inbox
    let ended = self.ended
    let thread = Thread {
      var resource = start()
      while true {
        wakeUps.wait()
        let isClosed = inbox.isClosed
        let batch = inbox.drain()
        if !batch.isEmpty { work(&resource, batch) }
        if isClosed { break }
      }
      end(&resource)
      ended.signal()
    }
    thread.name = name
    thread.start()
  }

  /// Takes nothing more, lets the thread finish what waits, and waits for its end.
  func finish() {
    inbox.close()
    ended.wait()
    // The next caller finds the thread ended as well.
    ended.signal()
  }
}
