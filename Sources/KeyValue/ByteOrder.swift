/// Keys are ordered as unsigned bytes, a prefix before what it begins (etcd's order).
enum ByteOrder {
  /// Below zero: `left` comes first; zero: equal; above zero: `right` comes first.
  static func compare(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Int {
    let common = min(left.count, right.count)
    var offset = 0
    while offset + 8 <= common {
      let a = left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      let b = right.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      if a != b { return UInt64(bigEndian: a) < UInt64(bigEndian: b) ? -1 : 1 }
      offset += 8
    }
    while offset < common {
      if left[offset] != right[offset] { return Int(left[offset]) - Int(right[offset]) }
      offset += 1
    }
    return left.count - right.count
  }

  static func compare(_ left: [UInt8], _ right: [UInt8]) -> Int {
    left.withUnsafeBytes { left in right.withUnsafeBytes { compare(left, $0) } }
  }

  /// How many bytes both begin with.
  static func commonPrefix(
    _ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer
  ) -> Int {
    let common = min(left.count, right.count)
    var offset = 0
    while offset + 8 <= common {
      let a = left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      let b = right.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      if a != b { return offset + (a ^ b).littleEndian.trailingZeroBitCount / 8 }
      offset += 8
    }
    while offset < common && left[offset] == right[offset] { offset += 1 }
    return offset
  }
}
