import Testing

@testable import LoadGenerator

@Suite struct `A histogram of latencies` {
  /// Draws over many powers of two, as latencies come: dense below, rare above.
  private static func values(_ count: Int, seed: UInt64) -> [Int64] {
    var state = seed
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let width = 1 + Int64(state >> 59) * 7 / 6
      return Int64(state >> 16) & ((1 << min(width, 40)) - 1)
    }
  }

  @Test(arguments: [1, 2, 3, 10, 999, 20_000])
  func `every rank is within a thousandth of the sorted values`(count: Int) {
    let values = Self.values(count, seed: UInt64(count))
    var histogram = LatencyHistogram()
    for value in values { histogram.record(value) }
    let sorted = values.sorted()
    for share in [0, 0.001, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1] {
      let rank = max(1, Int((Double(count) * share).rounded(.up)))
      let exact = sorted[rank - 1]
      let found = histogram.percentile(share)
      #expect(found >= exact && found <= exact + exact / 1024, "\(share) of \(count)")
    }
    #expect(histogram.count == UInt64(count) && histogram.maximum == sorted.last)
    let mean = values.map(Double.init).reduce(0, +) / Double(count)
    #expect(abs(histogram.mean - mean) <= mean * 1e-9)
  }

  @Test func `small values and the greatest are exact`() {
    var histogram = LatencyHistogram()
    for value in Int64(0)..<2048 { histogram.record(value) }
    #expect(histogram.percentile(0.5) == 1023)
    histogram.record(123_456_789_012)
    #expect(histogram.percentile(1) == 123_456_789_012)
    histogram.record(.max)
    #expect(histogram.percentile(1) == .max)
  }

  /// A gap or an overlap between buckets would put a value where it is not.
  @Test func `buckets follow each other without a gap`() {
    for bucket in 0..<20_000 {
      let highest = LatencyHistogram.highest(in: bucket)
      #expect(LatencyHistogram.bucket(of: highest) == bucket)
      #expect(LatencyHistogram.bucket(of: highest + 1) == bucket + 1)
    }
  }

  @Test func `merged, two are what one would have been`() {
    let values = Self.values(5_000, seed: 3)
    var whole = LatencyHistogram()
    var halves = [LatencyHistogram(), LatencyHistogram()]
    for (number, value) in values.enumerated() {
      whole.record(value)
      halves[number % 2].record(value)
    }
    halves[0].merge(halves[1])
    // The sums of the means may round differently.
    #expect(abs(halves[0].mean - whole.mean) < 1e-6 * whole.mean)
    for share in stride(from: 0.0, through: 1, by: 0.01) {
      #expect(halves[0].percentile(share) == whole.percentile(share))
    }
    #expect(halves[0].count == whole.count && halves[0].maximum == whole.maximum)
  }

  @Test func `of nothing, all is zero`() {
    let histogram = LatencyHistogram()
    #expect(histogram.percentile(0.5) == 0 && histogram.percentile(1) == 0)
    #expect(histogram.mean == 0 && histogram.count == 0)
  }
}
