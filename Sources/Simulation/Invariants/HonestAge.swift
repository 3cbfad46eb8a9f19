import Base
import Raft

/// A reported age is never below the true one, pauses and drift included (Docs/Consistency.md, *The
/// age of a serializable answer*).
struct HonestAge {
  /// An answer from state `applied` leaves at `now` with this age, in the world's time.
  func violation(
    member: MemberID, applied: LogIndex, age: Duration, at now: Instant, _ committed: CommittedLog
  ) -> String? {
    // The state is stale since the first entry that it misses was committed.
    guard let since = committed.instant(of: applied.next) else { return nil }
    let truth = now - since
    // A clock's two readings are each rounded down.
    guard age + .nanoseconds(2) < truth else { return nil }
    return "\(name(member)) reports age \(age) and is \(truth) behind"
  }
}
