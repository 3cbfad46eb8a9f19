import Base
import Testing

@Suite struct `Bytes written and read` {
  private func varint(_ value: UInt64) -> [UInt8] {
    var writer = ByteWriter()
    writer.write(varint: value)
    return writer.bytes
  }

  /// LEB128, as in protobuf's encoding of unsigned numbers.
  @Test func `varints have the published form`() {
    #expect(varint(0) == [0])
    #expect(varint(127) == [0x7F])
    #expect(varint(128) == [0x80, 0x01])
    #expect(varint(300) == [0xAC, 0x02])
    #expect(varint(.max) == [UInt8](repeating: 0xFF, count: 9) + [0x01])
  }

  @Test func `what was written is read, value by value`() throws {
    let numbers: [UInt64] = [0, 1, 127, 128, 1 << 32, 1 << 63, .max]
    let signed: [Int64] = [0, -1, 1, 63, -64, 64, .min, .max]
    var writer = ByteWriter()
    writer.write(3 as UInt8)
    for number in numbers {
      writer.write(number)
      writer.write(varint: number)
    }
    for number in signed { writer.write(zigzag: number) }
    writer.write(true)
    writer.write(nil as UInt64?)
    writer.write(7 as UInt64?)
    writer.write(counted: [1, 2])
    writer.write(varintCounted: [3])
    writer.write("grün")

    var reader = ByteReader(writer.bytes)
    try reader.readVersion(3)
    for number in numbers {
      #expect(try reader.readUInt64() == number)
      #expect(try reader.readVarint() == number)
    }
    for number in signed { #expect(try reader.readZigzag() == number) }
    #expect(try reader.readFlag())
    #expect(try reader.readOptional() == nil)
    #expect(try reader.readOptional() == 7)
    #expect(try reader.readCounted() == [1, 2])
    #expect(try reader.readVarintCounted() == [3])
    #expect(try reader.readString(field: "colour") == "grün")
    try reader.finish()
  }

  @Test func `small numbers of either sign are short`() {
    for value in -64...63 as ClosedRange<Int64> {
      var writer = ByteWriter()
      writer.write(zigzag: value)
      #expect(writer.bytes.count == 1, "\(value)")
    }
  }

  @Test func `a varint of more than 64 bits is refused`() {
    let tooLarge = [UInt8](repeating: 0xFF, count: 9) + [0x02]
    let tooLong = [UInt8](repeating: 0x80, count: 10) + [0x00]
    for bytes in [tooLarge, tooLong] {
      var reader = ByteReader(bytes)
      #expect(throws: CodingError.malformed(field: "varint")) { try reader.readVarint() }
    }
  }

  @Test func `a forged count reserves nothing`() {
    var fixed = ByteReader([0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3])
    #expect(throws: CodingError.truncated) { try fixed.readCount(each: 1) }
    var short = ByteReader(varint(4) + [1, 2, 3])
    #expect(throws: CodingError.truncated) { try short.readVarintCounted() }
    var pairs = ByteReader(varint(2) + [1, 2, 3])
    #expect(throws: CodingError.truncated) { try pairs.readVarintCount(each: 2) }
  }

  @Test func `bytes that cannot be what was written are named`() {
    var empty = ByteReader([UInt8]())
    #expect(throws: CodingError.truncated) { try empty.readUInt8() }
    var cut = ByteReader([1, 2, 3] as [UInt8])
    #expect(throws: CodingError.truncated) { try cut.readUInt32() }
    var flag = ByteReader([2] as [UInt8])
    #expect(throws: CodingError.malformed(field: "flag")) { try flag.readFlag() }
    var text = ByteReader([1, 0, 0, 0, 0xFF] as [UInt8])
    #expect(throws: CodingError.malformed(field: "name")) { try text.readString(field: "name") }
    var later = ByteReader([9] as [UInt8])
    #expect(throws: CodingError.unknownVersion(9)) { try later.readVersion(1) }
    let rest = ByteReader([1, 2] as [UInt8])
    #expect(throws: CodingError.trailingBytes(2)) { try rest.finish() }
  }
}
