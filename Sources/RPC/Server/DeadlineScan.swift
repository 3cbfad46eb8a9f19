internal import NIOCore

/// Ends the calls of one connection whose time is up, with at most one timer however many there
/// are: the timer stands at the earliest deadline it has seen, and when it fires, the open calls
/// are walked once. A call that ends in time costs nothing more. Confined to its loop.
final class DeadlineScan {
  private let eventLoop: any EventLoop
  private var timer: Scheduled<Void>?
  private var timerInstant = NIODeadline.distantFuture
  /// Ends what is over and returns the earliest deadline of the rest, nil when none has one.
  private let scan: (_ now: NIODeadline) -> NIODeadline?

  init(eventLoop: any EventLoop, scan: @escaping (_ now: NIODeadline) -> NIODeadline?) {
    self.eventLoop = eventLoop
    self.scan = scan
  }

  func add(_ deadline: NIODeadline) {
    guard deadline < timerInstant else { return }
    timer?.cancel()
    timerInstant = deadline
    timer = eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.fire() }
  }

  func stop() {
    timer?.cancel()
    timer = nil
    timerInstant = .distantFuture
  }

  private func fire() {
    timer = nil
    timerInstant = .distantFuture
    let now = NIODeadline.now()
    if let next = scan(now) {
      // Deadlines that stand close together share a walk.
      add(max(next, now + .milliseconds(1)))
    }
  }
}
