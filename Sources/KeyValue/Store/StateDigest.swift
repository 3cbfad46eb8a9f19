import Base

/// 256 bits that do not depend on the order in which rows were added: the wrapping sum of a
/// 256-bit hash a row. Not cryptographic: it finds accidents, not attackers.
public struct StateDigest: Hashable, Sendable {
  public var lanes: (UInt64, UInt64, UInt64, UInt64)

  /// Of no row.
  public init() { lanes = (0, 0, 0, 0) }

  public init(lanes: (UInt64, UInt64, UInt64, UInt64)) { self.lanes = lanes }

  /// Of one row.
  public init(of row: Row) {
    self = row.key.withUnsafeBytes { key in
      row.value.withUnsafeBytes { value in
        StateDigest(of: row.head, key: key, value: value)
      }
    }
  }

  /// Of one row whose bytes lie elsewhere.
  public init(of head: RowHead, key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
    var hasher = WideHasher()
    hasher.absorb(
      UInt64(bitPattern: head.number), UInt64(bitPattern: head.modRevision),
      UInt64(bitPattern: head.subRevision), UInt64(bitPattern: head.createRevision))
    hasher.absorb(UInt64(bitPattern: head.version), UInt64(bitPattern: head.lease), 0, 0)
    hasher.absorb(key)
    hasher.absorb(value)
    lanes = hasher.finish()
  }

  /// 64 bits of it: of one row, the row's own checksum in the table.
  public var checksum: UInt64 { lanes.0 }

  /// One more row, or a set of rows that has none in common with this one.
  public static func + (left: StateDigest, right: StateDigest) -> StateDigest {
    StateDigest(
      lanes: (
        left.lanes.0 &+ right.lanes.0, left.lanes.1 &+ right.lanes.1,
        left.lanes.2 &+ right.lanes.2, left.lanes.3 &+ right.lanes.3
      ))
  }

  /// Without rows that were added before.
  public static func - (left: StateDigest, right: StateDigest) -> StateDigest {
    StateDigest(
      lanes: (
        left.lanes.0 &- right.lanes.0, left.lanes.1 &- right.lanes.1,
        left.lanes.2 &- right.lanes.2, left.lanes.3 &- right.lanes.3
      ))
  }

  public static func == (left: StateDigest, right: StateDigest) -> Bool {
    left.lanes == right.lanes
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(lanes.0)
    hasher.combine(lanes.1)
    hasher.combine(lanes.2)
    hasher.combine(lanes.3)
  }
}
