import Raft

/// What must be remembered of the past, because a later state could contradict it; what no state
/// can contradict any more is forgotten, so that pasts that no longer differ are one.
struct HistoryVariables: Hashable {
  private struct Reign: Hashable {
    var term: Term
    var leader: MemberID
  }

  private struct Ballot: Hashable {
    var voter: MemberID
    var term: Term
    var candidate: MemberID
  }

  private struct OpenRead: Hashable {
    var id: ReadID
    var asker: MemberID
    /// How much was committed when it was asked.
    var due: LogIndex
  }

  /// In the order in which they were asked.
  private var reads: [OpenRead] = []
  /// Ascending by term.
  private var reigns: [Reign] = []
  /// Votes that have left and that the voter's disk does not show, in the order of voters.
  private var ballots: [Ballot] = []
  /// What was ever committed anywhere, from index one.
  private(set) var committed: [EntryID] = []
  /// The term in which each was first committed; zero: before any term that can still begin.
  private var committedIn: [Term] = []

  /// A member was elected with this log: alone in its term, and with all that was committed before.
  mutating func elect(_ leader: MemberID, in term: Term, log: [Entry]) -> Violation? {
    if let rival = reigns.first(where: { $0.term == term })?.leader, rival != leader {
      return Violation(
        invariant: .electionSafety,
        text: "m\(rival.number) and m\(leader.number) both lead term \(term.number)")
    }
    if !reigns.contains(where: { $0.term == term }) {
      reigns.append(Reign(term: term, leader: leader))
      reigns.sort { $0.term < $1.term }
    }
    guard let last = committedIn.lastIndex(where: { $0 < term }) else { return nil }
    let due = committed[last]
    guard last >= log.count || log[last].id != due else { return nil }
    return Violation(
      invariant: .leaderCompleteness,
      text: "m\(leader.number) leads term \(term.number) without entry \(due.index.number) of "
        + "term \(due.term.number), which is committed")
  }

  /// A member takes its log up to `index` as committed. News: nobody did so before.
  mutating func commit(
    _ member: MemberID, upTo index: LogIndex, in term: Term, log: [Entry]
  ) -> (isNews: Bool, violation: Violation?) {
    let shared = min(Int(index.number), committed.count)
    for position in 0..<shared where log[position].id != committed[position] {
      return (
        false,
        Violation(
          invariant: .stateMachineSafety,
          text: "at index \(position + 1) m\(member.number) commits term "
            + "\(log[position].term.number), others committed term "
            + "\(committed[position].term.number)")
      )
    }
    guard Int(index.number) > committed.count else { return (false, nil) }
    for entry in log[shared..<Int(index.number)] {
      committed.append(entry.id)
      committedIn.append(term)
    }
    return (true, nil)
  }

  /// A vote left, or the disk that showed one shows another.
  mutating func vote(_ voter: MemberID, for candidate: MemberID, in term: Term) -> Violation? {
    let ballot = Ballot(voter: voter, term: term, candidate: candidate)
    for other in ballots where other.voter == voter && other.term == term && other != ballot {
      return Violation(
        invariant: .oneVoteATerm,
        text: "m\(voter.number) votes for m\(other.candidate.number) and for "
          + "m\(candidate.number) in term \(term.number)")
    }
    guard !ballots.contains(ballot) else { return nil }
    ballots.append(ballot)
    ballots.sort { ($0.voter, $0.term.number) < ($1.voter, $1.term.number) }
    return nil
  }

  // MARK: Reads

  mutating func ask(_ id: ReadID, at asker: MemberID) {
    reads.append(OpenRead(id: id, asker: asker, due: LogIndex(UInt64(committed.count))))
  }

  /// The member that was asked may serve it at this index.
  mutating func answer(_ readable: Readable) -> Violation? {
    guard let read = reads.first(where: { $0.id == readable.read }) else { return nil }
    forget(read.id)
    guard readable.index < read.due else { return nil }
    return Violation(
      invariant: .currentReads,
      text: "m\(read.asker.number) serves a read at \(readable.index.number); "
        + "\(read.due.number) was committed when it was asked")
  }

  /// Nobody will serve it.
  mutating func forget(_ id: ReadID) { reads.removeAll { $0.id == id } }

  mutating func forgetReads(of asker: MemberID) { reads.removeAll { $0.asker == asker } }

  // MARK: What no longer matters

  /// `disks`: the hard states of all members, counted from one. A term below all of them is over.
  mutating func forget(_ disks: [HardState]) {
    guard let over = disks.map(\.currentTerm).min() else { return }
    reigns.removeAll { $0.term < over }
    for position in committedIn.indices where committedIn[position] < over {
      committedIn[position] = .zero
    }
    ballots.removeAll { ballot in
      let disk = disks[Int(ballot.voter.number) - 1]
      return disk.currentTerm > ballot.term
        || disk == HardState(currentTerm: ballot.term, votedFor: ballot.candidate)
    }
  }

  static func canonicalize(_ history: HistoryVariables, _ canonical: inout CanonicalState) {
    canonical.add(history.reads.count)
    for read in history.reads {
      canonical.add(read.id.number)
      canonical.add(read.asker)
      canonical.add(read.due)
    }
    canonical.add(history.reigns.count)
    for reign in history.reigns {
      canonical.add(reign.term)
      canonical.add(reign.leader)
    }
    let ballots = history.ballots.sorted {
      (canonical.name(of: $0.voter), $0.term.number) < (
        canonical.name(of: $1.voter), $1.term.number
      )
    }
    canonical.add(ballots.count)
    for ballot in ballots {
      canonical.add(ballot.voter)
      canonical.add(ballot.term)
      canonical.add(ballot.candidate)
    }
    canonical.add(history.committed.count)
    for (id, term) in zip(history.committed, history.committedIn) {
      canonical.add(id)
      canonical.add(term)
    }
  }
}
