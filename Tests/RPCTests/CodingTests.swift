import NIOCore
import Testing

@testable import RPC

@Suite struct `The text forms of gRPC` {
  @Test(arguments: [
    ("", ""), ("plain text", "plain text"), ("100%", "100%25"), ("a\nb", "a%0Ab"),
    ("—", "%E2%80%94"), ("~\u{7F}", "~%7F"),
  ])
  func `a message is percent-encoded and comes back`(plain: String, encoded: String) {
    #expect(PercentEncoding.encode(plain) == encoded)
    #expect(PercentEncoding.decode(encoded) == plain)
  }

  @Test(arguments: [
    ("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("a%41%", "aA%"), ("%ff", "\u{FFFD}"),
  ])
  func `a malformed escape is taken as it stands`(encoded: String, plain: String) {
    #expect(PercentEncoding.decode(encoded) == plain)
  }

  @Test(
    arguments: [
      ([], ""), ([0], "AA"), ([255, 255], "//8"), ([1, 2, 3], "AQID"), ([0xFB, 0xF0], "+/A"),
    ] as [([UInt8], String)])
  func `bytes are base64 without padding`(bytes: [UInt8], text: String) {
    #expect(Base64.encode(bytes) == text)
    #expect(Base64.decode(text) == bytes)
  }

  @Test func `padding is taken, and what is no base64 is refused`() {
    #expect(Base64.decode("AA==") == [0])
    #expect(Base64.decode("//8=") == [255, 255])
    for text in ["A", "AAAAA", "AA=", "A===", "A!AA", "====", "AAAA="] {
      #expect(Base64.decode(text) == nil, "\(text)")
    }
  }

  @Test(
    arguments: [
      ("1n", 1), ("20u", 20_000), ("5m", 5_000_000), ("7S", 7_000_000_000), ("2M", 120_000_000_000),
      ("1H", 3_600_000_000_000), ("00000001S", 1_000_000_000),
      ("99999999H", 3_153_600_000_000_000_000),
    ] as [(String, Int64)])
  func `a timeout is digits and a unit`(text: String, nanoseconds: Int64) {
    #expect(CallTimeout.parse(text) == .nanoseconds(nanoseconds))
  }

  @Test(arguments: ["", "S", "1", "1s", "123456789S", "-1S", "1 S", "+1S", "1.5S"])
  func `a malformed timeout is refused`(text: String) {
    #expect(CallTimeout.parse(text) == nil)
  }

  @Test(
    arguments: [
      (0, "1n"), (99_999_999, "99999999n"), (100_000_000, "100000u"), (100_000_001, "100001u"),
      (5_000_000_000, "5000000u"), (86_400_000_000_000, "86400000m"),
    ] as [(Int64, String)])
  func `a timeout is written in the finest unit that fits, and rounded up`(
    nanoseconds: Int64, text: String
  ) {
    #expect(CallTimeout.format(.nanoseconds(nanoseconds)) == text)
  }
}

@Suite struct `Length-prefixed messages` {
  private let allocator = ByteBufferAllocator()

  /// Two messages, one of them empty, cut at every place.
  @Test func `messages come out whole wherever the bytes are cut`() throws {
    var stream = MessageReader.frame([1, 2, 3], allocator: allocator)
    stream.writeImmutableBuffer(MessageReader.frame([], allocator: allocator))
    let bytes = Array(stream.readableBytesView)
    for cut in 0...bytes.count {
      var reader = MessageReader(limitBytes: 3)
      var messages: [[UInt8]] = []
      for part in [bytes[..<cut], bytes[cut...]] {
        reader.append(ByteBuffer(bytes: part))
        while let message = try reader.next() { messages.append(Array(message.readableBytesView)) }
      }
      #expect(messages == [[1, 2, 3], []], "cut at \(cut)")
      #expect(reader.bufferedBytes == 0)
    }
  }

  @Test func `a message above the limit fails by its length alone`() {
    var reader = MessageReader(limitBytes: 3)
    reader.append(ByteBuffer(bytes: [0, 0, 0, 0, 4]))
    #expect(throws: MessageReader.Failure.tooLarge(length: 4, limit: 3)) { try reader.next() }
  }

  @Test func `a compressed message and an unknown flag are refused`() {
    var compressed = MessageReader(limitBytes: 3)
    compressed.append(ByteBuffer(bytes: [1, 0, 0, 0, 0]))
    #expect(throws: MessageReader.Failure.compressed) { try compressed.next() }
    var unknown = MessageReader(limitBytes: 3)
    unknown.append(ByteBuffer(bytes: [2, 0, 0, 0, 0]))
    #expect(throws: MessageReader.Failure.malformedFlag(2)) { try unknown.next() }
  }
}

@Suite struct `The send budget` {
  @Test func `a refused sender is told once, when half is free`() {
    let budget = SendBudget(limitBytes: 10)
    #expect(budget.take(6))
    #expect(budget.take(4))
    #expect(!budget.take(1))
    #expect(!budget.release(4), "six of ten are still unsent")
    #expect(budget.release(6))
    #expect(budget.take(1))
    #expect(!budget.release(1), "nobody was refused since")
  }

  @Test func `a message longer than the limit is taken alone`() {
    let budget = SendBudget(limitBytes: 10)
    #expect(budget.take(100))
    #expect(!budget.take(1))
    #expect(budget.release(100))
  }

  @Test func `a closed stream takes nothing`() {
    let budget = SendBudget(limitBytes: 10)
    budget.close()
    #expect(!budget.take(1))
  }
}
