import Base

/// Appends little-endian integers and counted bytes: how this module writes its own records.
extension [UInt8] {
  mutating func append<Number: FixedWidthInteger>(number: Number) {
    Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
  }

  /// A 32-bit count, then the bytes.
  mutating func append(counted bytes: [UInt8]) {
    append(number: UInt32(bytes.count))
    append(contentsOf: bytes)
  }
}

/// Takes such records apart; every step answers `nil` when the bytes end too early.
struct ByteCursor {
  private let bytes: ArraySlice<UInt8>
  private var position: Int

  init(_ bytes: [UInt8]) { self.init(bytes[...]) }

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    position = bytes.startIndex
  }

  var remaining: Int { bytes.endIndex - position }

  mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
    guard count >= 0, count <= remaining else { return nil }
    defer { position += count }
    return bytes[position..<position + count]
  }

  mutating func number<Number: FixedWidthInteger>(_: Number.Type) -> Number? {
    guard let slice = take(MemoryLayout<Number>.size) else { return nil }
    return slice.withUnsafeBytes { Number(littleEndian: $0.loadUnaligned(as: Number.self)) }
  }

  mutating func counted() -> ArraySlice<UInt8>? {
    guard let count = number(UInt32.self) else { return nil }
    return take(Int(count))
  }
}

extension Collection where Element == UInt8 {
  /// CRC-32C of contiguous bytes.
  var checksum: UInt32 {
    var crc = CRC32C()
    let isContiguous: Void? = withContiguousStorageIfAvailable { bytes in
      crc.update(UnsafeRawBufferPointer(bytes))
    }
    if isContiguous == nil { crc.update(Array(self)) }
    return crc.value
  }
}
