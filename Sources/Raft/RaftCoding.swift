/// The byte form of what Raft keeps on disk and sends to other members: little-endian integers of
/// fixed width, counts of 32 bits before what they count, and a version first in each record.
public enum RaftCoding {
  /// Why bytes are not what they should be.
  public enum Failure: Error, Hashable, Sendable {
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
  public struct Writer: Sendable {
    public private(set) var bytes: [UInt8]

    public init(reserving count: Int = 0) {
      bytes = []
      bytes.reserveCapacity(count)
    }

    public mutating func write(_ value: UInt8) { bytes.append(value) }

    public mutating func write(_ value: UInt32) {
      withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    public mutating func write(_ value: UInt64) {
      withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// A count of 32 bits. *Precondition*: it fits.
    public mutating func write(count: Int) {
      demand(count >= 0 && count <= UInt32.max, "a count of \(count) does not fit 32 bits")
      write(UInt32(count))
    }

    /// The count, then the bytes.
    public mutating func write(counted value: [UInt8]) {
      write(count: value.count)
      bytes.append(contentsOf: value)
    }

    /// The count of UTF-8 bytes, then the bytes.
    public mutating func write(_ value: String) {
      write(count: value.utf8.count)
      bytes.append(contentsOf: value.utf8)
    }

    /// Bytes as they are, without a count.
    public mutating func write(raw value: [UInt8]) { bytes.append(contentsOf: value) }
  }

  /// Bytes being read. What it returns is checked; nothing is read past the end.
  public struct Reader: Sendable {
    private let bytes: [UInt8]
    private var position: Int
    private let end: Int

    public init(_ bytes: [UInt8]) {
      self.bytes = bytes
      position = 0
      end = bytes.count
    }

    public init(_ slice: ArraySlice<UInt8>) { self.init(Array(slice)) }

    public var remaining: Int { end - position }

    public mutating func readUInt8() throws(Failure) -> UInt8 {
      guard position < end else { throw .truncated }
      defer { position += 1 }
      return bytes[position]
    }

    public mutating func readUInt32() throws(Failure) -> UInt32 {
      UInt32(truncatingIfNeeded: try readInteger(width: 4))
    }

    public mutating func readUInt64() throws(Failure) -> UInt64 { try readInteger(width: 8) }

    /// A count of things that take at least `each` bytes, so that a forged count cannot make the
    /// reader reserve more than it was sent.
    public mutating func readCount(each: Int) throws(Failure) -> Int {
      let count = Int(try readUInt32())
      guard count <= remaining / max(each, 1) else { throw .truncated }
      return count
    }

    public mutating func readCounted() throws(Failure) -> [UInt8] {
      let count = try readCount(each: 1)
      defer { position += count }
      return Array(bytes[position..<position + count])
    }

    public mutating func readString(field: String) throws(Failure) -> String {
      guard let string = String(validating: try readCounted(), as: UTF8.self) else {
        throw .malformed(field: field)
      }
      return string
    }

    /// *Throws* `unknownVersion` unless the next byte is `known`.
    public mutating func readVersion(_ known: UInt8) throws(Failure) {
      let version = try readUInt8()
      guard version == known else { throw .unknownVersion(version) }
    }

    /// *Throws* `trailingBytes` unless all bytes were read.
    public func finish() throws(Failure) {
      guard remaining == 0 else { throw .trailingBytes(remaining) }
    }

    private mutating func readInteger(width: Int) throws(Failure) -> UInt64 {
      guard remaining >= width else { throw .truncated }
      var value: UInt64 = 0
      for offset in 0..<width {
        value |= UInt64(bytes[position + offset]) << UInt64(8 * offset)
      }
      position += width
      return value
    }
  }
}
