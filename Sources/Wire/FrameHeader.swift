import Base

/// The sixteen bytes before each payload (see `Frame`).
struct FrameHeader {
  static let byteCount = 16
  /// "Qr" as it stands in the stream.
  static let magic: UInt16 = 0x7251
  static let version: UInt8 = 1

  enum Kind: UInt8, CaseIterable {
    case hello = 1
    case message = 2
    /// A part of a message that is longer than a payload.
    case piece = 3
    case snapshotHeader = 4
    case snapshotChunk = 5
    case snapshotEnd = 6
    case snapshotAccepted = 7
    case snapshotRejected = 8
    case joinQuery = 9
    case joinAnswer = 10
    case snapshotWorking = 11
  }

  var kind: Kind
  var payloadBytes: Int
  var payloadChecksum: UInt32

  /// Reads a header. *Precondition*: sixteen bytes.
  ///
  /// *Throws* what is wrong with it, checksum first but for magic and version, which tell whose
  /// bytes these are at all.
  init(_ bytes: UnsafeRawBufferPointer, limits: WireLimits) throws(WireError) {
    precondition(bytes.count == Self.byteCount, "a header has 16 bytes, not \(bytes.count)")
    let magic = UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt16.self))
    guard magic == Self.magic else { throw .badMagic(magic) }
    guard bytes[2] == Self.version else { throw .unknownVersion(bytes[2]) }
    let checksum = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 12, as: UInt32.self))
    let covered = UnsafeRawBufferPointer(rebasing: bytes[..<12])
    guard CRC32C.checksum(of: covered) == checksum else { throw .damaged }
    guard let kind = Kind(rawValue: bytes[3]) else { throw .unknownFrameKind(bytes[3]) }
    let length = Int(
      UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
    guard length <= limits.frameBytes else {
      throw .frameTooLong(bytes: length, limitBytes: limits.frameBytes)
    }
    self.kind = kind
    payloadBytes = length
    payloadChecksum = UInt32(
      littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
  }

  /// Appends a frame. *Precondition*: the payload fits into one.
  static func append(
    _ kind: Kind, _ payload: ArraySlice<UInt8>, to bytes: inout [UInt8], limits: WireLimits
  ) {
    precondition(
      payload.count <= limits.frameBytes,
      "a payload of \(payload.count) bytes exceeds \(limits.frameBytes)")
    let start = bytes.count
    bytes.reserveCapacity(start + byteCount + payload.count)
    append(magic, to: &bytes)
    bytes.append(version)
    bytes.append(kind.rawValue)
    append(UInt32(payload.count), to: &bytes)
    var crc = CRC32C()
    crc.update(payload)
    append(crc.value, to: &bytes)
    var headerCRC = CRC32C()
    headerCRC.update(bytes[start...])
    append(headerCRC.value, to: &bytes)
    bytes.append(contentsOf: payload)
  }

  private static func append<Number: FixedWidthInteger>(
    _ number: Number, to bytes: inout [UInt8]
  ) {
    withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
  }
}
