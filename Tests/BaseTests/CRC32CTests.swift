import Testing

@testable import Base

@Suite struct CRC32CTests {
  /// RFC 3720 §B.4, and the check value of the CRC catalogue.
  @Test func `the known vectors come out`() {
    #expect(CRC32C.checksum(of: []) == 0)
    #expect(CRC32C.checksum(of: [UInt8]("123456789".utf8)) == 0xE306_9283)
    #expect(CRC32C.checksum(of: [UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    #expect(CRC32C.checksum(of: [UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
    #expect(CRC32C.checksum(of: (0..<32).map { UInt8($0) }) == 0x46DD_794E)
    #expect(CRC32C.checksum(of: (0..<32).reversed().map { UInt8($0) }) == 0x113F_DB5C)
  }

  @Test func `pieces give the same as the whole, wherever it is cut`() {
    let bytes = (0..<67).map { UInt8($0 &* 37 & 0xFF) }
    let whole = CRC32C.checksum(of: bytes)
    for cut in 0...bytes.count {
      var crc = CRC32C()
      crc.update(bytes[..<cut])
      bytes.withUnsafeBytes { crc.update(UnsafeRawBufferPointer(rebasing: $0[cut...])) }
      #expect(crc.value == whole)
    }
  }

  @Test func `the processor and the tables agree, whatever the length and place`() {
    let bytes = (0..<300).map { UInt8($0 &* 101 & 0xFF) }
    bytes.withUnsafeBytes { bytes in
      for start in 0..<9 {
        for end in start...bytes.count {
          var one = CRC32C()
          var other = CRC32C()
          one.update(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
          other.updateByTables(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
          #expect(one == other, "\(start)..<\(end)")
        }
      }
    }
  }

  @Test func `any flipped bit changes the value`() {
    var bytes = (0..<41).map { UInt8($0) }
    let whole = CRC32C.checksum(of: bytes)
    for bit in 0..<bytes.count * 8 {
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(CRC32C.checksum(of: bytes) != whole)
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
    }
  }
}
