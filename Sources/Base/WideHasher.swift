/// A fast hash of 256 bits: four lanes of 64 bits that every input word reaches.
///
/// It finds accidents (a flipped bit, a lost or doubled row), not attackers: it has no key and no
/// claim of cryptographic strength. Equal input gives equal output on every machine, for ever:
/// stored digests depend on it.
public struct WideHasher: Sendable {
  private var first: UInt64 = 0x243F_6A88_85A3_08D3
  private var second: UInt64 = 0x1319_8A2E_0370_7344
  private var third: UInt64 = 0xA409_3822_299F_31D0
  private var fourth: UInt64 = 0x082E_FA98_EC4E_6C89

  public init() {}

  /// Four words at once: one round.
  public mutating func absorb(_ one: UInt64, _ two: UInt64, _ three: UInt64, _ four: UInt64) {
    round(one, two, three, four)
  }

  /// The length, then the bytes: `"ab", "c"` and `"a", "bc"` differ.
  public mutating func absorb(_ bytes: UnsafeRawBufferPointer) {
    round(UInt64(bytes.count), 0, 0, 0)
    var offset = 0
    while offset + 32 <= bytes.count {
      round(
        WideHasher.word(bytes, offset), WideHasher.word(bytes, offset + 8),
        WideHasher.word(bytes, offset + 16), WideHasher.word(bytes, offset + 24))
      offset += 32
    }
    guard offset < bytes.count else { return }
    var tail: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    tail.0 = WideHasher.partial(bytes, offset)
    tail.1 = WideHasher.partial(bytes, offset + 8)
    tail.2 = WideHasher.partial(bytes, offset + 16)
    tail.3 = WideHasher.partial(bytes, offset + 24)
    round(tail.0, tail.1, tail.2, tail.3)
  }

  public mutating func absorb(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { absorb($0) }
  }

  /// The hash of everything absorbed.
  public func finish() -> (UInt64, UInt64, UInt64, UInt64) {
    var last = self
    for _ in 0..<4 { last.round(0, 0, 0, 0) }
    return (last.first, last.second, last.third, last.fourth)
  }

  /// Each step can be undone for given words, so that two inputs of one length that differ in one
  /// block never meet in the same state.
  private mutating func round(_ one: UInt64, _ two: UInt64, _ three: UInt64, _ four: UInt64) {
    first = (first ^ one) &* 0x9E37_79B1_85EB_CA87
    second = (second ^ two) &* 0xC2B2_AE3D_27D4_EB4F
    third = (third ^ three) &* 0x1656_67B1_9E37_79F9
    fourth = (fourth ^ four) &* 0x85EB_CA77_C2B2_AE63
    first ^= first >> 32
    second ^= second >> 29
    third ^= third >> 31
    fourth ^= fourth >> 33
    second &+= first &+ 0xBE54_66CF_34E9_0C6C
    third &+= second
    fourth &+= third
    first &+= fourth << 23 | fourth >> 41
  }

  private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// The word at `offset`, with zeroes for what is beyond the end.
  private static func partial(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
    if offset + 8 <= bytes.count { return word(bytes, offset) }
    var word: UInt64 = 0
    var index = bytes.count
    while index > offset {
      index -= 1
      word = word << 8 | UInt64(bytes[index])
    }
    return word
  }
}
