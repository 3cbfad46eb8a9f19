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

  /// The bytes of a key from `offset` on, as many as the number has, so that comparing the numbers
  /// compares the bytes, except that a key's end looks like zeroes.
  static func head<Head: FixedWidthInteger & BitwiseCopyable>(
    of key: UnsafeRawBufferPointer, from offset: Int
  ) -> Head {
    let end = offset + MemoryLayout<Head>.size
    if end <= key.count {
      return Head(bigEndian: key.loadUnaligned(fromByteOffset: offset, as: Head.self))
    }
    var head: Head = 0
    for index in offset..<end { head = head << 8 | (index < key.count ? Head(key[index]) : 0) }
    return head
  }
}
