import Base
import Raft

/// A member that says that writes pass has applied one which was committed within three election
/// timeouts (Docs/Operations.md, what a member says of writes).
struct HonestHealth {
  /// A member with the state `applied` says at `now` that a write would be served. `limit`:
  /// three of its election timeouts, in the world's time.
  func violation(
    member: MemberID, applied: LogIndex, at now: Instant, limit: Duration,
    _ committed: CommittedLog
  ) -> String? {
    let age = applied == .zero ? nil : committed.instant(of: applied).map { now - $0 }
    // A clock's two readings are each rounded down.
    if let age, age <= limit + .nanoseconds(2) { return nil }
    let last = age.map { "the last that it knows was committed \($0) ago" } ?? "it knows of none"
    return "\(name(member)) says that writes pass, and \(last)"
  }
}
