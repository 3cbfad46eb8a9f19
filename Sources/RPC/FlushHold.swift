public import NIOCore

/// Holds back the writes of a loop's connections while a batch is carried out, so that each
/// connection is written once a batch and not once a call.
public final class FlushHold: @unchecked Sendable {
  // Protected by the loop: it is touched on that loop and nowhere else.
  private var isHolding = false
  private var waiting: [FlushGate] = []

  init() {}

  /// On the loop: carries a batch out.
  public func hold(during batch: () -> Void) {
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

/// The holds of all loops of a group, for those who answer calls in batches of their own.
public struct FlushHolds: Sendable {
  private let holds: [ObjectIdentifier: FlushHold]

  public init(_ group: any EventLoopGroup) {
    var holds: [ObjectIdentifier: FlushHold] = [:]
    for loop in group.makeIterator() { holds[ObjectIdentifier(loop)] = FlushHold() }
    self.holds = holds
  }

  /// *Precondition*: the loop is one of the group.
  public subscript(loop: any EventLoop) -> FlushHold {
    guard let hold = holds[ObjectIdentifier(loop)] else {
      preconditionFailure("a loop outside the group")
    }
    return hold
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
