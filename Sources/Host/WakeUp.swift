package import Base
package import Dispatch
package import NIOCore

/// How the consumer of an inbox learns that something waits.
package enum WakeUp: Sendable {
  case thread(DispatchSemaphore)
  case loop(LoopWakeUp)
  /// The consumer looks by itself.
  case nobody

  package func wake() {
    switch self {
    case .thread(let semaphore): semaphore.signal()
    case .loop(let loop): loop.wake()
    case .nobody: break
    }
  }
}

/// Who drains the inboxes of an event loop, on that loop.
package protocol LoopConsumer: AnyObject {
  func drain()
}

/// The one way to wake an event loop for its inboxes. It is there before whoever drains them:
/// what wakes it earlier is found when the consumer drains for the first time.
package final class LoopWakeUp: @unchecked Sendable {
  package let loop: any EventLoop
  // Protected by the event loop: it is touched on that loop and nowhere else.
  private var consumer: (any LoopConsumer)?

  package init(_ loop: any EventLoop) { self.loop = loop }

  /// On the loop, once at the start; `nil`: at the end, so that nothing is kept alive.
  package func serve(_ consumer: (any LoopConsumer)?) {
    loop.preconditionInEventLoop()
    self.consumer = consumer
  }

  /// From any thread.
  package func wake() { loop.execute { self.consumer?.drain() } }
}

extension DispatchSemaphore {
  /// Waits for a signal, until the instant at the latest.
  package func wait(until instant: Instant) {
    guard instant < .distantFuture else { return wait() }
    let rest = max(instant - MonotonicClock.now(), .zero)
    _ = wait(timeout: .now() + .nanoseconds(Int(rest.nanoseconds)))
  }
}
