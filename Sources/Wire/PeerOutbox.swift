public import Replica

/// Messages on their way out of one control connection, in two lanes: what is short and urgent
/// passes between the pieces of what is long, so that a heartbeat never waits for a large append.
public struct PeerOutbox: Sendable {
  public let limits: WireLimits

  public init(limits: WireLimits = WireLimits()) { self.limits = limits }

  public var isEmpty: Bool { true }

  /// Takes a message in; false: there is no room and it was dropped, as a network may.
  public mutating func enqueue(_ message: PeerMessage) -> Bool { true }

  /// Moves frames to `bytes`, at least one if any waits, until `bytes` holds about `limitBytes`.
  public mutating func drain(into bytes: inout [UInt8], limitBytes: Int) {}
}
