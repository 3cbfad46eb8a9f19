import CChecksum

/// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78; RFC 3720 §B.4), eight bytes a step: by the
/// processor's own instruction where it has one, else by tables.
///
/// Fed in pieces it gives the same value as fed at once.
public struct CRC32C: Hashable, Sendable {
  private var register: UInt32 = 0xFFFF_FFFF

  public init() {}

  /// The checksum of everything fed so far; zero for nothing.
  public var value: UInt32 { ~register }

  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    if CRC32C.hasInstruction {
      register = quorate_crc32c(register, bytes.baseAddress, bytes.count)
    } else {
      updateByTables(bytes)
    }
  }

  /// The same on any processor.
  mutating func updateByTables(_ bytes: UnsafeRawBufferPointer) {
    register = CRC32C.tables.withUnsafeBufferPointer { tables in
      CRC32C.advance(register, over: bytes, tables)
    }
  }

  private static let hasInstruction = quorate_has_crc32c() != 0

  public mutating func update(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { update($0) }
  }

  public mutating func update(_ bytes: ArraySlice<UInt8>) {
    bytes.withUnsafeBytes { update($0) }
  }

  public static func checksum(of bytes: UnsafeRawBufferPointer) -> UInt32 {
    var crc = CRC32C()
    crc.update(bytes)
    return crc.value
  }

  public static func checksum(of bytes: [UInt8]) -> UInt32 {
    bytes.withUnsafeBytes { checksum(of: $0) }
  }

  /// Eight tables of 256: table k is the effect of a byte that k more bytes follow.
  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var register = UInt32(byte)
      for _ in 0..<8 {
        register = register & 1 == 0 ? register >> 1 : (register >> 1) ^ 0x82F6_3B78
      }
      tables[byte] = register
    }
    for index in 256..<tables.count {
      let shorter = tables[index - 256]
      tables[index] = (shorter >> 8) ^ tables[Int(shorter & 0xFF)]
    }
    return tables
  }()

  private static func advance(
    _ start: UInt32, over bytes: UnsafeRawBufferPointer, _ tables: UnsafeBufferPointer<UInt32>
  ) -> UInt32 {
    var register = start
    var offset = 0
    while offset + 8 <= bytes.count {
      let word = UInt64(
        littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      let mixed = word ^ UInt64(register)
      register =
        tables[7 * 256 + Int(mixed & 0xFF)]
        ^ tables[6 * 256 + Int(mixed >> 8 & 0xFF)]
        ^ tables[5 * 256 + Int(mixed >> 16 & 0xFF)]
        ^ tables[4 * 256 + Int(mixed >> 24 & 0xFF)]
        ^ tables[3 * 256 + Int(mixed >> 32 & 0xFF)]
        ^ tables[2 * 256 + Int(mixed >> 40 & 0xFF)]
        ^ tables[256 + Int(mixed >> 48 & 0xFF)]
        ^ tables[Int(mixed >> 56)]
      offset += 8
    }
    while offset < bytes.count {
      register = (register >> 8) ^ tables[Int((register ^ UInt32(bytes[offset])) & 0xFF)]
      offset += 1
    }
    return register
  }
}
