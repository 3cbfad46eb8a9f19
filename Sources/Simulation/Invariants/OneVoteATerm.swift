import Raft

/// At most one vote a term and data directory, across crashes (Raft Figure 2, §5.2). Looks at what
/// leaves the member: that is what others count.
struct OneVoteATerm {
  private struct Ballot: Hashable {
    var voter: MemberID
    var incarnation: Incarnation
    var term: Term
  }

  private var candidateOf: [Ballot: MemberID] = [:]

  mutating func violation(
    voter: MemberID, incarnation: Incarnation, term: Term, candidate: MemberID
  ) -> String? {
    let ballot = Ballot(voter: voter, incarnation: incarnation, term: term)
    if let other = candidateOf[ballot], other != candidate {
      return "\(name(voter)) votes for \(name(other)) and \(name(candidate)) in term "
        + "\(term.number)"
    }
    candidateOf[ballot] = candidate
    return nil
  }
}
