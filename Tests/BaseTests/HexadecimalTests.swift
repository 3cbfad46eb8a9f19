import Base
import Testing

@Suite struct `Hexadecimal digits` {
  @Test func `numbers have no leading zeros`() {
    #expect(hexadecimal(0) == "0")
    #expect(hexadecimal(0xAB) == "ab")
    #expect(hexadecimal(.max) == "ffffffffffffffff")
  }

  @Test func `bytes have two digits each`() {
    #expect(hexadecimal([] as [UInt8]) == "")
    #expect(hexadecimal([0, 9, 0xA0, 0xFF]) == "0009a0ff")
  }
}
