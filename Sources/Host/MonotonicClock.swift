public import Base
import Glibc

/// The clock of a process: counts on while the machine sleeps and is never set back.
public enum MonotonicClock {
  /// The present instant (`CLOCK_BOOTTIME`).
  public static func now() -> Instant {
    var time = timespec()
    let result = clock_gettime(CLOCK_BOOTTIME, &time)
    precondition(result == 0, "CLOCK_BOOTTIME is not to be read: errno \(errno)")
    return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }
}

extension Duration {
  /// Whole milliseconds, rounded up: an age is never below the true one.
  var milliseconds: Int64 { (nanoseconds + 999_999) / 1_000_000 }
}
