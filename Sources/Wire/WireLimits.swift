/// The bounds of one connection; both sides must use the same or larger ones to receive.
public struct WireLimits: Hashable, Sendable {
  /// The payload of one frame; a longer message travels in pieces of this size, between which
  /// others may pass.
  public var frameBytes = 64 << 10
  /// One message put together again.
  public var messageBytes = 16 << 20
  /// Messages that wait to leave; beyond it new ones are dropped, as the network may.
  public var outboxBytes = 32 << 20

  public init() {}
}
