/// One checksummed value in a row of its own: `format, kind, payload, CRC-32C`.
enum Record {
  /// The row's key, so that no record can stand in another's place.
  enum Kind: UInt8 {
    case identity = 1
    case hardState = 2
    case base = 3
    /// The one row of a state file's `meta`.
    case meta = 4
    /// What the store was formed with; not there before it has formed, and in directories of
    /// earlier builds.
    case founding = 5
  }

  static let format: UInt8 = 1

  static func seal(_ kind: Kind, _ payload: [UInt8]) -> [UInt8] {
    var bytes = [format, kind.rawValue] + payload
    bytes.append(number: bytes.checksum)
    return bytes
  }

  /// The payload; `nil`: these are not the bytes that were sealed.
  static func open(_ kind: Kind, _ bytes: [UInt8]) -> [UInt8]? {
    guard bytes.count >= 6, bytes[0] == format, bytes[1] == kind.rawValue else { return nil }
    var trailer = ByteCursor(bytes.suffix(4))
    guard trailer.number(UInt32.self) == bytes.dropLast(4).checksum else { return nil }
    return Array(bytes[2..<bytes.count - 4])
  }
}
