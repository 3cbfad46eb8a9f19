/// What a load measured.
public struct LoadReport: Sendable {
  /// From the first request to the last answer.
  public var elapsed = Duration.zero
  /// One a request, failed ones too; in the order of the answers.
  public var latencies: [Duration] = []
  /// How often each error text came back.
  public var errors: [String: Int] = [:]

  public init() {}

  public var requestsPerSecond: Double {
    elapsed > .zero ? Double(latencies.count) / (elapsed / .seconds(1)) : 0
  }

  public var errorCount: Int { errors.values.reduce(0, +) }

  /// The latencies below which these shares of all requests lie, each share in `0 ... 1`.
  public func percentiles(_ shares: [Double]) -> [Duration] {
    let sorted = latencies.sorted()
    guard let longest = sorted.last else { return shares.map { _ in .zero } }
    return shares.map { share in
      let rank = Int((Double(sorted.count) * share).rounded(.up)) - 1
      return rank < sorted.count ? sorted[max(0, rank)] : longest
    }
  }
}
