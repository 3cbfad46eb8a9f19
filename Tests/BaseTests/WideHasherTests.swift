import Base
import Testing

@Suite struct WideHasherTests {
  private func hash(_ bytes: [UInt8]) -> [UInt64] {
    var hasher = WideHasher()
    hasher.absorb(bytes)
    let lanes = hasher.finish()
    return [lanes.0, lanes.1, lanes.2, lanes.3]
  }

  /// Stored digests rest on it: a change of this value is a change of the file format.
  @Test func `the value of a given input stays the same for ever`() {
    #expect(
      hash([UInt8]("quorate".utf8)) == [
        3_125_034_132_016_043_961, 14_652_842_101_769_450_133, 950_534_445_440_876_420,
        11_339_573_637_363_200_854,
      ])
  }

  @Test func `a flipped bit changes about half of every lane`() {
    for length in [1, 8, 31, 32, 33, 100] {
      var bytes = (0..<length).map { UInt8($0 &* 73 & 0xFF) }
      let before = hash(bytes)
      for bit in 0..<length * 8 {
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        let after = hash(bytes)
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        for lane in 0..<4 {
          let changed = (before[lane] ^ after[lane]).nonzeroBitCount
          #expect((10...54).contains(changed), "length \(length), bit \(bit), lane \(lane)")
        }
      }
    }
  }

  @Test func `the length counts, and so does where one input ends`() {
    #expect(hash([]) != hash([0]))
    #expect(hash([0]) != hash([0, 0]))
    var one = WideHasher()
    one.absorb([1, 2])
    one.absorb([3])
    var other = WideHasher()
    other.absorb([1])
    other.absorb([2, 3])
    #expect(one.finish() != other.finish())
  }

  @Test func `bytes in somebody else's buffer hash like an array`() {
    let bytes = (0..<77).map { UInt8($0) }
    var hasher = WideHasher()
    bytes[5...].withUnsafeBytes { hasher.absorb($0) }
    let lanes = hasher.finish()
    #expect([lanes.0, lanes.1, lanes.2, lanes.3] == hash(Array(bytes[5...])))
  }
}
