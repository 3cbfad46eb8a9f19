import KeyValue
import Raft

/// What the state file is about to contain is durable in this member's own log (Docs/Storage.md,
/// *durableApplied*).
struct AppliedDurable {
  func violation(_ member: MemberID, _ meta: StateMeta, _ durable: ShadowLog) -> String? {
    let applied = EntryID(term: Term(meta.appliedTerm), index: LogIndex(meta.appliedIndex))
    return durable.covers(applied)
      ? nil
      : "\(name(member))'s state contains entry \(applied.index.number) of term "
        + "\(applied.term.number), which its log has not on disk"
  }
}
