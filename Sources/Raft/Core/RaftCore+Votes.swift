import Base

/// Asking for votes and giving them (Raft §5.2, §5.4.1). Given whatever this member believes its
/// own role to be: its configuration may be older than the candidate's, who counts its own voters.
extension RaftCore {
  /// Would this member vote for the asker? Nothing changes here by answering (Thesis §9.6).
  mutating func answer(
    _ request: PreVote, for term: Term, from candidate: MemberID, _ output: inout Output
  ) {
    let isNewTerm = term > currentTerm
    guard isNewTerm && mayHoldAll(request.lastEntry) && !hearsLeader else {
      return refusePreVote(of: candidate, &output)
    }
    let reply = Message(term: term, body: .preVoteReply(VoteReply(granted: true)))
    output.sends.append(Envelope(to: candidate, message: reply))
  }

  /// Whether a log that ends so may hold every committed entry, as far as this one tells: it is at
  /// least as up-to-date (Raft §5.4.1).
  private func mayHoldAll(_ last: EntryID) -> Bool {
    last >= lastEntry
  }

  /// The refusal carries this member's term: an asker that is behind catches up with it. Else two
  /// members, one with the longer log, one with the later term, would refuse each other for ever.
  mutating func refusePreVote(of candidate: MemberID, _ output: inout Output) {
    let reply = Message(term: currentTerm, body: .preVoteReply(VoteReply(granted: false)))
    output.sends.append(Envelope(to: candidate, message: reply))
  }

  mutating func receive(
    _ reply: VoteReply, preVoteFor term: Term, from voter: MemberID, _ output: inout Output
  ) {
    guard case .preCandidate(let candidate) = role, reply.granted, term == currentTerm.next,
      !candidate.granted.contains(voter)
    else { return }
    asking.granted.append(voter)
    if isElected {
      becomeCandidate(quickTries: candidate.quickTries, isTransfer: false, &output)
    }
  }

  /// Grants at most one vote per term, and only to a candidate whose log may hold every
  /// committed entry (Raft §5.2, §5.4.1). Asked again, it answers the same.
  mutating func answer(
    _ request: RequestVote, from candidate: MemberID, _ output: inout Output
  ) {
    guard isFree(for: candidate) && mayHoldAll(request.lastEntry) else {
      return send(.voteReply(VoteReply(granted: false)), to: candidate, &output)
    }
    hardState.votedFor = candidate
    waitForElection(&output)
    // A granted vote is a promise to remember: it leaves only once it is on disk.
    promise(.voteReply(VoteReply(granted: true)), to: candidate, &output)
  }

  /// Whether this member's vote of this term is not given, or given to this very candidate.
  private func isFree(for candidate: MemberID) -> Bool {
    votedFor == nil || votedFor == candidate
  }

  mutating func receive(_ reply: VoteReply, from voter: MemberID, _ output: inout Output) {
    guard reply.granted else { return }
    count(voteOf: voter, &output)
  }

  /// This member's own vote has reached the disk, if that is what it waited for.
  mutating func countOwnVote(_ output: inout Output) {
    guard case .candidate(let candidate) = role, durability.hardState == hardState,
      !candidate.granted.contains(id)
    else { return }
    if candidate.quickTries > 0 {
      // Only now are the others asked, so only now does their time to answer begin.
      let delay = settings.connectionLossDelay
      let electionAt = now + dice.duration(in: delay * 2..<delay * 5)
      standing.electionAt = electionAt
    }
    count(voteOf: id, &output)
  }

  private mutating func count(voteOf voter: MemberID, _ output: inout Output) {
    guard case .candidate(let candidate) = role, !candidate.granted.contains(voter) else { return }
    standing.granted.append(voter)
    // The own vote is among them, or the term it was given in might be forgotten.
    if isElected && standing.granted.contains(id) { becomeLeader(&output) }
  }

  /// Whoever gave its vote waits for the outcome before it campaigns itself.
  private mutating func waitForElection(_ output: inout Output) {
    guard case .follower = role else { return becomeFollower(currentTerm, leader: nil, &output) }
    let electionAt = drawElectionInstant()
    following.electionAt = electionAt
    following.quickTries = 0
  }
}
