import Mutants

/// Every mutant with its killer.
enum Catalogue {
  static let trials: [Trial] = votes + commits + membership + log

  private static let votes = [
    Trial(
      .storesTermBeforeVote, "term and vote are stored in two writes",
      .durablePromises, .seeds(upTo: 100)),
    Trial(
      .asksForVotesEarly, "RequestVote leaves before the candidate's own vote is on disk",
      .durablePromises, .seeds(upTo: 100)),
    Trial(
      .forgetsVoteOnStepDown, "stepping down in the same term erases the vote",
      .trap("RaftCore+Invariants", "a second vote in term"), .seeds(upTo: 500)),
  ]

  private static let commits = [
    Trial(
      .commitsOlderTerms, "copies of an earlier term's entry commit it (Figure 8)",
      .trap("RaftCore+Membership", "is not committed"), .seeds(upTo: 1_000))
  ]

  private static let membership = [
    Trial(
      .changesBeforeOwnCommit, "a change of members before the term's first commit",
      .committedLog, .seeds(upTo: 1_000))
  ]

  private static let log = [
    Trial(
      .trustsStaleWrites, "a write that a truncation took back counts as stored (ABA)",
      .trap("RaftCore+Invariants", "is durable, the log ends at"), .seeds(upTo: 1_000)),
    Trial(
      .acknowledgesStaleWrites, "an acknowledgement rests on a write of another entry (ABA)",
      .durablePromises, .scope("stale-acknowledgement")),
  ]

  static let accountMarkdown = ""
}
