/// What a load measured.
public struct LoadReport: Sendable {
  /// From the first request to the last answer.
  public var elapsed = Duration.zero
  /// Of every request, failed ones too, in nanoseconds.
  public var latencies = LatencyHistogram()
  /// How often each error text came back.
  public var errors: [String: Int] = [:]
  /// Of the answers' messages together.
  public var answerBytes = 0
  /// The longest time in which no request of any client was answered well.
  public var longestGap = Duration.zero

  public init() {}

  public var requests: Int { Int(latencies.count) }

  public var errorCount: Int { errors.values.reduce(0, +) }

  /// Requests that went well.
  public var perSecond: Double {
    elapsed > .zero ? Double(requests - errorCount) / (elapsed / .seconds(1)) : 0
  }

  mutating func merge(_ other: LoadReport) {
    elapsed = max(elapsed, other.elapsed)
    latencies.merge(other.latencies)
    errors.merge(other.errors) { $0 + $1 }
    answerBytes += other.answerBytes
    longestGap = max(longestGap, other.longestGap)
  }
}

/// How far a load has come.
public struct LoadMoment: Sendable {
  public var elapsed: Duration
  /// Well.
  public var answered: Int
  public var failed: Int
}
