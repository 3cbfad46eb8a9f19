import Base
import Testing

@Suite struct `Drawn numbers` {
  /// The first outputs of the reference implementation for seed 1234567.
  @Test func `they are the published ones`() {
    var dice = SplitMix64(seed: 1_234_567)
    let drawn = (0..<3).map { _ in dice.next() }
    #expect(
      drawn == [
        6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
      ])
  }

  @Test func `bounds hold and every number comes up`() {
    var dice = SplitMix64(seed: 1)
    var counts = [0, 0, 0, 0, 0]
    for _ in 0..<5000 { counts[dice.index(below: 5)] += 1 }
    #expect(counts.allSatisfy { (900...1100).contains($0) })
    for _ in 0..<100 {
      let drawn = dice.duration(in: .milliseconds(10)..<Duration.milliseconds(20))
      #expect(drawn >= .milliseconds(10) && drawn < .milliseconds(20))
    }
  }

  @Test(arguments: [0, 1, 2, 1000])
  func `draws can be passed over`(count: Int) {
    var drawn = SplitMix64(seed: 99)
    for _ in 0..<count { _ = drawn.next() }
    #expect(drawn == SplitMix64(seed: 99, after: UInt64(count)))
  }
}
