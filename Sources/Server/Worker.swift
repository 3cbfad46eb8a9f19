import Dispatch
import Foundation
import Synchronization

/// A thread of its own that works through an inbox, batch after batch.
///
/// Disks block; event loops and the shared pool must not. So each file has a thread. The inbox is
/// there before the thread, so that threads which hand work to each other can be started in turn.
final class Worker<Job: Sendable>: Sendable {
  private let name: String
  private let inbox: Inbox<Job>
  private let wakeUps: DispatchSemaphore
  private let ended = DispatchSemaphore(value: 0)

  /// `limit`: how many jobs may wait. What bounds them lies elsewhere; a full inbox is a bound that
  /// was broken.
  init(name: String, limit: Int = 1 << 20) {
    self.name = name
    let wakeUps = DispatchSemaphore(value: 0)
    self.wakeUps = wakeUps
    inbox = Inbox(limit: limit) { wakeUps.signal() }
  }

  /// Hands a job over; after `finish` it is dropped.
  func post(_ job: Job) {
    let isTaken = inbox.offer(job)
    precondition(isTaken || inbox.isClosed, "\(inbox.count) jobs wait for the thread \(name)")
  }

  /// Starts the thread. `work` gets every batch, in order, never two at a time; what `start` makes
  /// lives on the thread and nowhere else; `end` is its last act.
  func run<Resource>(
    start: @escaping @Sendable () -> Resource,
    work: @escaping @Sendable (inout Resource, [Job]) -> Void,
    end: @escaping @Sendable (inout Resource) -> Void
  ) {
    let thread = Thread { [name, inbox, wakeUps, ended] in
      // From within: only so does the system hear of it.
      Thread.current.name = name
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
