/// One snapshot connection in one run of a process; never used twice.
public struct SnapshotStreamID: Hashable, Sendable {
  public let number: UInt64
  /// This member dialed it, and sends; otherwise a peer did.
  public let isDialed: Bool

  public init(_ number: UInt64, isDialed: Bool) {
    self.number = number
    self.isDialed = isDialed
  }
}
