/// Appends numbers and bytes in the store's encoding: LEB128 numbers, bytes after their length.
struct ByteWriter {
  private(set) var buffer: [UInt8] = []

  mutating func reserve(_ count: Int) { buffer.reserveCapacity(count) }

  mutating func byte(_ value: UInt8) { buffer.append(value) }

  mutating func flag(_ value: Bool) { buffer.append(value ? 1 : 0) }

  mutating func number(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      buffer.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    buffer.append(UInt8(rest))
  }

  /// Small numbers of either sign are short.
  mutating func signed(_ value: Int64) {
    number(UInt64(bitPattern: value << 1 ^ value >> 63))
  }

  mutating func bytes(_ value: [UInt8]) {
    number(UInt64(value.count))
    buffer += value
  }
}

/// The bytes are not what a `ByteWriter` wrote.
struct MalformedBytes: Error {}

/// Takes apart what a `ByteWriter` wrote. It throws, but never traps, whatever the bytes.
struct ByteReader {
  private let buffer: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { buffer = bytes }

  var remaining: Int { buffer.count - position }

  mutating func byte() throws(MalformedBytes) -> UInt8 {
    guard position < buffer.count else { throw MalformedBytes() }
    position += 1
    return buffer[position - 1]
  }

  mutating func flag() throws(MalformedBytes) -> Bool {
    switch try byte() {
    case 0: return false
    case 1: return true
    default: throw MalformedBytes()
    }
  }

  mutating func number() throws(MalformedBytes) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), through: 63, by: 7) {
      let byte = try byte()
      // Only one bit is left for the tenth byte.
      guard shift < 63 || byte <= 1 else { throw MalformedBytes() }
      value |= UInt64(byte & 0x7F) << shift
      if byte & 0x80 == 0 { return value }
    }
    throw MalformedBytes()
  }

  mutating func signed() throws(MalformedBytes) -> Int64 {
    let value = try number()
    return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
  }

  mutating func bytes() throws(MalformedBytes) -> [UInt8] {
    let count = try count(ofAtLeast: 1)
    position += count
    return Array(buffer[position - count..<position])
  }

  /// How many elements follow, each of at least `size` bytes: never more than can be there.
  mutating func count(ofAtLeast size: Int) throws(MalformedBytes) -> Int {
    let count = try number()
    guard count <= UInt64(remaining / size) else { throw MalformedBytes() }
    return Int(count)
  }
}
