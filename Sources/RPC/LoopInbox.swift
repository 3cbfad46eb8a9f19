internal import NIOCore
internal import Synchronization

/// The way from any thread onto one event loop: a locked list that the loop drains as a whole.
/// However many items pile up, the loop is woken once for them (design §7).
///
/// Bounded by its users: each open call has at most one unary answer in it, or stream messages up
/// to that stream's send limit.
final class LoopInbox<Item: Sendable>: Sendable {
  let eventLoop: any EventLoop
  private let items = Mutex<[Item]>([])
  private let deliver: @Sendable ([Item]) -> Void

  /// `deliver` is called on the loop with what has piled up, in order.
  init(eventLoop: any EventLoop, deliver: @escaping @Sendable ([Item]) -> Void) {
    self.eventLoop = eventLoop
    self.deliver = deliver
  }

  func put(_ item: Item) {
    let isFirst = items.withLock { items in
      items.append(item)
      return items.count == 1
    }
    if isFirst { eventLoop.execute { self.drain() } }
  }

  private func drain() {
    deliver(
      items.withLock { items in
        let batch = items
        items = []
        return batch
      })
  }
}

/// Holds back the writes of a loop's connections while a batch is carried out, so that each
/// connection is written once a batch and not once a call. Confined to its loop.
final class FlushHold {
  private var isHolding = false
  private var waiting: [FlushGate] = []

  func hold(during batch: () -> Void) {
    precondition(!isHolding, "a batch within a batch")
    isHolding = true
    batch()
    isHolding = false
    let gates = waiting
    waiting.removeAll(keepingCapacity: true)
    for gate in gates { gate.release() }
  }

  /// True when the flush has to wait for the end of the batch.
  fileprivate func postpones(_ gate: FlushGate) -> Bool {
    guard isHolding else { return false }
    if !gate.isWaiting {
      gate.isWaiting = true
      waiting.append(gate)
    }
    return true
  }
}

/// A connection's way to its socket: what is to be flushed waits while the hold wants it.
final class FlushGate {
  private let hold: FlushHold
  private let pass: () -> Void
  fileprivate var isWaiting = false

  /// `pass` writes what the connection has to write.
  init(_ hold: FlushHold, pass: @escaping () -> Void) {
    self.hold = hold
    self.pass = pass
  }

  func flush() {
    if !hold.postpones(self) { pass() }
  }

  fileprivate func release() {
    isWaiting = false
    pass()
  }
}
