import Base

/// How long to wait before the next attempt: doubles up to a bound, and the upper half is drawn, so
/// that members which lost each other together do not meet again and again.
struct Backoff {
  private let first: Duration
  private let limit: Duration
  private var current: Duration

  /// *Precondition*: `.zero < first <= limit`.
  init(first: Duration, limit: Duration) {
    precondition(first > .zero && first <= limit, "no back-off goes from \(first) to \(limit)")
    self.first = first
    self.limit = limit
    current = first
  }

  /// The next wait, in `current / 2 ..< current`; the one after is twice as long.
  mutating func next(_ dice: inout SplitMix64) -> Duration {
    let wait = dice.duration(in: current / 2..<current)
    current = min(current * 2, limit)
    return wait
  }

  mutating func reset() { current = first }
}
