/// Why bytes are not what a `ByteWriter` wrote.
public enum CodingError: Error, Hashable, Sendable {
  /// The bytes end before the value does.
  case truncated
  /// A later program wrote this; the number is the version found.
  case unknownVersion(UInt8)
  /// A byte has a value that the field cannot have.
  case malformed(field: String)
  /// Bytes are left over after the value.
  case trailingBytes(Int)
}

/// Bytes under construction.
///
/// Two families share it. What Raft keeps and members exchange has little-endian integers of fixed
/// width, and counts of 32 bits before what they count. What the store's commands are made of has
/// varints: LEB128, seven bits a byte, the lowest first, the high bit set on all bytes but the
/// last.
public struct ByteWriter: Sendable {
  @usableFromInline var buffer: [UInt8] = []

  @inlinable
  public init(reserving count: Int = 0) { buffer.reserveCapacity(count) }

  /// What has been written so far.
  @inlinable
  public var bytes: [UInt8] { buffer }

  @inlinable
  public mutating func write(_ value: UInt8) { buffer.append(value) }

  @inlinable
  public mutating func write(_ value: UInt32) {
    withUnsafeBytes(of: value.littleEndian) { buffer.append(contentsOf: $0) }
  }

  @inlinable
  public mutating func write(_ value: UInt64) {
    withUnsafeBytes(of: value.littleEndian) { buffer.append(contentsOf: $0) }
  }

  @inlinable
  public mutating func write(_ flag: Bool) { write(flag ? 1 as UInt8 : 0) }

  /// A flag, then the value if there is one.
  @inlinable
  public mutating func write(_ number: UInt64?) {
    write(number != nil)
    if let number { write(number) }
  }

  /// A count of 32 bits. *Precondition*: it fits.
  @inlinable
  public mutating func write(count: Int) {
    demand(count >= 0 && count <= UInt32.max, "a count of \(count) does not fit 32 bits")
    write(UInt32(count))
  }

  /// The count, then the bytes.
  @inlinable
  public mutating func write(counted value: [UInt8]) {
    write(count: value.count)
    buffer.append(contentsOf: value)
  }

  /// The count of UTF-8 bytes, then the bytes.
  @inlinable
  public mutating func write(_ value: String) {
    write(count: value.utf8.count)
    buffer.append(contentsOf: value.utf8)
  }

  /// Bytes as they are, without a count.
  @inlinable
  public mutating func write(raw value: [UInt8]) { buffer.append(contentsOf: value) }

  /// One byte below 128, at most ten.
  @inlinable
  public mutating func write(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      buffer.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    buffer.append(UInt8(rest))
  }

  /// A varint of the zigzag form (0, -1, 1, -2, …): small numbers of either sign are short.
  @inlinable
  public mutating func write(zigzag value: Int64) {
    write(varint: UInt64(bitPattern: value << 1 ^ value >> 63))
  }

  /// The count as a varint, then the bytes.
  @inlinable
  public mutating func write(varintCounted value: [UInt8]) {
    write(varint: UInt64(value.count))
    buffer.append(contentsOf: value)
  }
}

/// Bytes being read. What it returns is checked; nothing is read past the end, and it throws, but
/// never traps, whatever the bytes.
public struct ByteReader: Sendable {
  @usableFromInline let bytes: [UInt8]
  @usableFromInline var position = 0

  @inlinable
  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  @inlinable
  public init(_ slice: ArraySlice<UInt8>) { self.init(Array(slice)) }

  @inlinable
  public var remaining: Int { bytes.count - position }

  @inlinable
  public mutating func readUInt8() throws(CodingError) -> UInt8 {
    guard position < bytes.count else { throw .truncated }
    defer { position += 1 }
    return bytes[position]
  }

  @inlinable
  public mutating func readUInt32() throws(CodingError) -> UInt32 {
    UInt32(truncatingIfNeeded: try readInteger(width: 4))
  }

  @inlinable
  public mutating func readUInt64() throws(CodingError) -> UInt64 { try readInteger(width: 8) }

  @inlinable
  public mutating func readFlag() throws(CodingError) -> Bool {
    switch try readUInt8() {
    case 0: return false
    case 1: return true
    case _: throw .malformed(field: "flag")
    }
  }

  @inlinable
  public mutating func readOptional() throws(CodingError) -> UInt64? {
    try readFlag() ? try readUInt64() : nil
  }

  /// A count of things that take at least `each` bytes, so that a forged count cannot make the
  /// reader reserve more than it was sent.
  @inlinable
  public mutating func readCount(each: Int) throws(CodingError) -> Int {
    let count = Int(try readUInt32())
    guard count <= remaining / max(each, 1) else { throw .truncated }
    return count
  }

  @inlinable
  public mutating func readCounted() throws(CodingError) -> [UInt8] {
    take(try readCount(each: 1))
  }

  @inlinable
  public mutating func readString(field: String) throws(CodingError) -> String {
    guard let string = String(validating: try readCounted(), as: UTF8.self) else {
      throw .malformed(field: field)
    }
    return string
  }

  @inlinable
  public mutating func readVarint() throws(CodingError) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), through: 63, by: 7) {
      let byte = try readUInt8()
      // Only one bit is left for the tenth byte.
      guard shift < 63 || byte <= 1 else { throw .malformed(field: "varint") }
      value |= UInt64(byte & 0x7F) << shift
      if byte & 0x80 == 0 { return value }
    }
    throw .malformed(field: "varint")
  }

  @inlinable
  public mutating func readZigzag() throws(CodingError) -> Int64 {
    let value = try readVarint()
    return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
  }

  /// `readCount` for a count written as a varint.
  @inlinable
  public mutating func readVarintCount(each: Int) throws(CodingError) -> Int {
    let count = try readVarint()
    guard count <= UInt64(remaining / max(each, 1)) else { throw .truncated }
    return Int(count)
  }

  @inlinable
  public mutating func readVarintCounted() throws(CodingError) -> [UInt8] {
    take(try readVarintCount(each: 1))
  }

  /// *Throws* `unknownVersion` unless the next byte is `known`.
  @inlinable
  public mutating func readVersion(_ known: UInt8) throws(CodingError) {
    let version = try readUInt8()
    guard version == known else { throw .unknownVersion(version) }
  }

  /// *Throws* `trailingBytes` unless all bytes were read.
  @inlinable
  public func finish() throws(CodingError) {
    guard remaining == 0 else { throw .trailingBytes(remaining) }
  }

  /// *Precondition*: so many bytes remain.
  @inlinable
  mutating func take(_ count: Int) -> [UInt8] {
    defer { position += count }
    return Array(bytes[position..<position + count])
  }

  @inlinable
  mutating func readInteger(width: Int) throws(CodingError) -> UInt64 {
    guard remaining >= width else { throw .truncated }
    var value: UInt64 = 0
    for offset in 0..<width {
      value |= UInt64(bytes[position + offset]) << UInt64(8 * offset)
    }
    position += width
    return value
  }
}
