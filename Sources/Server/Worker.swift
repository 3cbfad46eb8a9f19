import Base
import Dispatch
import Foundation
import Synchronization

/// A thread of its own that works through an inbox, batch after batch.
///
/// Disks block; event loops and the shared pool must not. So each file has a thread. The inbox is
/// there before the thread, so that threads which hand work to each other can be started in turn.
final class Worker<Job: Sendable>: Sendable {
  private let name: String
  let inbox: Inbox<Job>
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
    run(
      start: start, firstTurn: .distantFuture,
      turn: { resource, batch in
        if !batch.isEmpty { work(&resource, batch) }
        return .distantFuture
      }, end: end)
  }

  /// The same for work that also has its times: `turn` gets every batch, or none, and returns when
  /// it wants to be called again if nothing comes before.
  func run<Resource>(
    start: @escaping @Sendable () -> Resource, firstTurn: Instant = .zero,
    turn: @escaping @Sendable (inout Resource, [Job]) -> Instant,
    end: @escaping @Sendable (inout Resource) -> Void
  ) {
    let thread = Thread { [name, inbox, wakeUps, ended] in
      // From within: only so does the system hear of it.
      Thread.current.name = name
      var resource = start()
      var wakeAt = firstTurn
      while true {
        wakeUps.wait(until: wakeAt)
        let isClosed = inbox.isClosed
        wakeAt = turn(&resource, inbox.drain())
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

extension DispatchSemaphore {
  /// Waits for a signal, until the instant at the latest.
  fileprivate func wait(until instant: Instant) {
    guard instant < .distantFuture else { return wait() }
    let rest = max(instant - MonotonicClock.now(), .zero)
    _ = wait(timeout: .now() + .nanoseconds(Int(rest.nanoseconds)))
  }
}
