/// How often each latency came, in nanoseconds and to within a thousandth: counts in buckets that
/// are linear inside a power of two (the layout of Gil Tene's HdrHistogram with three digits).
///
/// Ours because the whole of it is this file: the package for it brings two more with it, and what
/// a benchmark needs is to count, to merge and to rank.
public struct LatencyHistogram: Sendable, Equatable {
  /// 2¹⁰ buckets a power of two: a value is at most 1/1024 above what is reported for it.
  private static let precisionBits = 10
  private static let bucketsPerPower = 1 << precisionBits

  /// Grown to the highest bucket in use.
  private var counts: [UInt64] = []
  public private(set) var count: UInt64 = 0
  /// Exact. 0 when nothing was recorded.
  public private(set) var maximum: Int64 = 0
  private var sum: Double = 0
  private var sumOfSquares: Double = 0

  public init() {}

  /// *Precondition*: not negative.
  public mutating func record(_ nanoseconds: Int64) {
    precondition(nanoseconds >= 0, "a latency of \(nanoseconds) ns")
    let bucket = Self.bucket(of: nanoseconds)
    if bucket >= counts.count {
      counts.append(contentsOf: repeatElement(0, count: bucket + 1 - counts.count))
    }
    counts[bucket] += 1
    count += 1
    sum += Double(nanoseconds)
    sumOfSquares += Double(nanoseconds) * Double(nanoseconds)
    maximum = max(maximum, nanoseconds)
  }

  public mutating func merge(_ other: LatencyHistogram) {
    if other.counts.count > counts.count {
      counts.append(contentsOf: repeatElement(0, count: other.counts.count - counts.count))
    }
    for (bucket, more) in other.counts.enumerated() { counts[bucket] += more }
    count += other.count
    sum += other.sum
    sumOfSquares += other.sumOfSquares
    maximum = max(maximum, other.maximum)
  }

  /// 0 when nothing was recorded.
  public var mean: Double { count > 0 ? sum / Double(count) : 0 }

  /// Of all values, not of a sample. 0 when nothing was recorded.
  public var standardDeviation: Double {
    guard count > 0 else { return 0 }
    return max(0, sumOfSquares / Double(count) - mean * mean).squareRoot()
  }

  /// The lowest recorded value that `share` of all values do not exceed, to within a bucket; the
  /// maximum itself for 1, and 0 when nothing was recorded. *Precondition*: `share` in `0 ... 1`.
  public func percentile(_ share: Double) -> Int64 {
    precondition((0...1).contains(share), "no share is \(share)")
    guard count > 0 else { return 0 }
    let rank = max(1, UInt64((Double(count) * share).rounded(.up)))
    if rank >= count { return maximum }
    var running: UInt64 = 0
    for (bucket, more) in counts.enumerated() {
      running += more
      if running >= rank { return min(maximum, Self.highest(in: bucket)) }
    }
    preconditionFailure("\(count) values, and only \(running) in the buckets")
  }

  /// The first 2¹¹ buckets hold one value each; above, each power of two has 2¹⁰.
  static func bucket(of value: Int64) -> Int {
    let power = Int64.bitWidth - value.leadingZeroBitCount - 1 - precisionBits
    guard power > 0 else { return Int(value) }
    return power * bucketsPerPower + Int(value >> Int64(power))
  }

  /// The highest value that falls into a bucket.
  static func highest(in bucket: Int) -> Int64 {
    guard bucket >= 2 * bucketsPerPower else { return Int64(bucket) }
    let power = bucket / bucketsPerPower - 1
    let mantissa = Int64(bucket - power * bucketsPerPower)
    return ((mantissa + 1) << Int64(power)) - 1
  }
}
