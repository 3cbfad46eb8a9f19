import Base

/// One member's monotonic clock: it begins anywhere and runs a little fast or slow.
struct MemberClock {
  /// What the clock shows when the world begins, in nanoseconds.
  var offset: Int64
  /// How much faster than the world it runs, in millionths; negative: slower.
  var driftMillionths: Int64

  private static let million: Int64 = 1_000_000

  /// What the clock shows at an instant of the world.
  func local(at world: Instant) -> Instant {
    let passed = world.nanoseconds
    return Instant(nanoseconds: offset + passed + passed * driftMillionths / Self.million)
  }

  /// The first instant of the world at which the clock shows `local` or more.
  func world(when local: Instant) -> Instant {
    if local == .distantFuture { return .distantFuture }
    let shown = max(0, local.nanoseconds - offset)
    // Rounded down first, so that the multiplication stays within 64 bits for years.
    let rate = Self.million + driftMillionths
    var world = shown / rate * Self.million + shown % rate * Self.million / rate
    // Two divisions, each rounded: the answer is at most two ticks away.
    world = max(0, world - 2)
    while self.local(at: Instant(nanoseconds: world)) < local { world += 1 }
    return Instant(nanoseconds: world)
  }

  /// How long the world took for what this clock measured as `duration`; never too long by more
  /// than a nanosecond.
  func worldDuration(_ duration: Duration) -> Duration {
    let measured = duration.nanoseconds
    let rate = Self.million + driftMillionths
    return .nanoseconds(measured / rate * Self.million + measured % rate * Self.million / rate)
  }
}
