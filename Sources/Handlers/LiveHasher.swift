package import KeyValue

/// 32 bits over live pairs in key order (etcd's HashKV is as wide).
package struct LiveHasher {
  private var digest = StateDigest()
  private var count: UInt64 = 0

  /// Row numbers are left out of nothing: they are equal on all members.
  package mutating func add(_ row: Row) {
    digest = digest + StateDigest(of: row)
    count += 1
  }

  package var value: UInt32 { Self.fold(digest, count) }

  /// All 256 bits into 32.
  package static func fold(_ digest: StateDigest, _ salt: UInt64 = 0) -> UInt32 {
    let lanes = digest.lanes
    let mixed = lanes.0 ^ lanes.1 ^ lanes.2 ^ lanes.3 ^ salt
    return UInt32(truncatingIfNeeded: mixed ^ (mixed >> 32))
  }
}
