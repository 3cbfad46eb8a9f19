import Raft

/// Term, commit index, applied index and revision never go back: the term not even across crashes,
/// the others not within a boot, and applied never passes commit.
struct NeverBack {
  /// What is compared between two steps of one member.
  struct Marks: Equatable {
    var boot: Boot
    var term: Term
    var commitIndex: LogIndex
    var applied: LogIndex
    var revision: Int64
  }

  private var marksOf: [MemberID: Marks] = [:]
  /// What the disk held last.
  private var durableTermOf: [MemberID: Term] = [:]

  mutating func violation(member: MemberID, _ marks: Marks) -> String? {
    defer { marksOf[member] = marks }
    if marks.applied > marks.commitIndex {
      return "\(name(member)) has applied \(marks.applied.number) and committed "
        + "\(marks.commitIndex.number)"
    }
    if let durable = durableTermOf[member], marks.term < durable {
      return "\(name(member)) is in term \(marks.term.number), its disk in \(durable.number)"
    }
    guard let before = marksOf[member], before.boot == marks.boot, before != marks else {
      return nil
    }
    if marks.term < before.term {
      return back(member, "term", before.term.number, marks.term.number)
    }
    if marks.commitIndex < before.commitIndex {
      return back(member, "commit", before.commitIndex.number, marks.commitIndex.number)
    }
    if marks.applied < before.applied {
      return back(member, "applied", before.applied.number, marks.applied.number)
    }
    if marks.revision < before.revision {
      return "\(name(member))'s revision goes back from \(before.revision) to \(marks.revision)"
    }
    return nil
  }

  mutating func violation(member: MemberID, durable term: Term) -> String? {
    defer { durableTermOf[member] = term }
    guard let before = durableTermOf[member], term < before else { return nil }
    return back(member, "durable term", before.number, term.number)
  }

  /// The member's disk was lost, and with it what it promised.
  mutating func forget(_ member: MemberID) { durableTermOf[member] = nil }

  private func back(_ member: MemberID, _ what: String, _ from: UInt64, _ to: UInt64) -> String {
    "\(name(member))'s \(what) goes back from \(from) to \(to)"
  }
}
