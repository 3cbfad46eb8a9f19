import Base
import Raft

/// State Machine Safety and Leader Completeness: what is committed is committed for all, and every
/// later leader holds it (Raft Figure 3, §5.4).
struct CommittedLog {
  /// The committed entry of each index, from one.
  private var ids: [EntryID] = []
  private var firstCommitted: [Instant] = []
  /// The term in which each was first committed: at least its own, and never falling.
  private var committedIn: [Term] = []

  var lastIndex: LogIndex { LogIndex(UInt64(ids.count)) }
  var last: EntryID { ids.last ?? .zero }

  /// `nil`: not committed yet. *Precondition*: not zero.
  func id(at index: LogIndex) -> EntryID? {
    index <= lastIndex ? ids[Int(index.number) - 1] : nil
  }

  /// When the index was first committed anywhere, in the world's time; `nil`: not yet.
  func instant(of index: LogIndex) -> Instant? {
    index <= lastIndex ? firstCommitted[Int(index.number) - 1] : nil
  }

  /// A member in `term` whose log is `log` takes everything up to `index` as committed.
  mutating func violation(
    member: MemberID, commits index: LogIndex, in term: Term, log: ShadowLog, at now: Instant
  ) -> String? {
    guard index <= log.lastIndex else {
      return "\(name(member)) commits \(index.number), its log ends at \(log.lastIndex.number)"
    }
    if index <= lastIndex {
      // Equal ids at one index are equal logs up to there (Log Matching).
      return disagreement(member, log.id(at: index))
    }
    if lastIndex > .zero, let violation = disagreement(member, log.id(at: lastIndex)) {
      return violation
    }
    for number in (lastIndex.number + 1)...index.number {
      guard let id = log.id(at: LogIndex(number)) else {
        return "\(name(member)) commits \(number), which only its snapshot holds"
      }
      ids.append(id)
      firstCommitted.append(now)
      committedIn.append(term)
    }
    return nil
  }

  /// A member applies this entry.
  func violation(member: MemberID, applies entry: EntryID) -> String? {
    guard let committed = id(at: entry.index) else {
      return "\(name(member)) applies entry \(entry.index.number), which is not committed"
    }
    return committed == entry ? nil : disagreement(member, entry)
  }

  /// A member was elected with this log: it holds what was committed in earlier terms. Of later
  /// ones it need not know: its votes may have been long on their way.
  func violation(leader: MemberID, term: Term, log: ShadowLog) -> String? {
    guard let position = committedIn.lastIndex(where: { $0 < term }) else { return nil }
    let due = ids[position]
    guard !log.covers(due) else { return nil }
    return "\(name(leader)) leads term \(term.number) without the entry \(due.index.number) of "
      + "term \(due.term.number), committed in term \(committedIn[position].number)"
  }

  private func disagreement(_ member: MemberID, _ found: EntryID?) -> String? {
    guard let found, found.index > .zero, let committed = id(at: found.index), committed != found
    else { return nil }
    return "at index \(found.index.number) \(name(member)) has committed term "
      + "\(found.term.number), others term \(committed.term.number)"
  }
}
