internal import NIOCore

/// A bucket of permissions that fills with time: what a peer may do of something that costs us
/// work and it nothing.
struct RateLimit {
  private let capacity: Int64
  private let nanosecondsEach: Int64
  private var left: Int64
  private var filledAt = NIODeadline.uptimeNanoseconds(0)

  /// As many at once, and as many in each half minute.
  init(perHalfMinute capacity: Int) {
    precondition(capacity > 0, "a rate of \(capacity)")
    self.capacity = Int64(capacity)
    nanosecondsEach = max(1, 30_000_000_000 / Int64(capacity))
    left = Int64(capacity)
  }

  /// False when it was once too many.
  mutating func take(at now: NIODeadline) -> Bool {
    if left < capacity {
      let earned = max(0, (now - filledAt).nanoseconds) / nanosecondsEach
      left = min(capacity, left + earned)
      filledAt = filledAt + .nanoseconds(earned * nanosecondsEach)
    }
    if left == capacity { filledAt = now }
    guard left > 0 else { return false }
    left -= 1
    return true
  }
}
