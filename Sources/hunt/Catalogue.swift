import Mutants

/// Every mutant with its killer, as foretold.
enum Catalogue {
  static let trials: [Trial] =
    votes + commits + reads + membership + elections + log + storage + stateMachine + watches
    + promises

  private static let votes = [
    Trial(
      .storesTermBeforeVote, "term and vote are stored in two writes", .durablePromises,
      .seeds(upTo: 100)),
    Trial(
      .asksForVotesEarly, "RequestVote leaves before the candidate's own vote is on disk",
      .durablePromises, .seeds(upTo: 100)),
    Trial(
      .grantsVotesEarly, "a vote leaves before it is on disk", .durablePromises,
      .seeds(upTo: 100)),
    Trial(
      .forgetsVoteOnStepDown, "stepping down in the same term erases the vote",
      .trap("RaftCore+Invariants", "a second vote in term"), .seeds(upTo: 500)),
    Trial(
      .comparesLogsByIndex, "of two logs the longer one is the better one, whatever its terms",
      .committedLog, .story("a long log of an old term")),
    Trial(
      .votesOnceOnly, "asked again, a voter refuses the candidate that it voted for",
      .steadyVote, .drill(.repeatedVote)),
    Trial(
      .countsLearners, "learners count in the majority", .majorityDurability,
      .seeds(upTo: 1_000)),
    Trial(
      .countsRefusals, "a refused vote counts as a vote", .electionSafety, .seeds(upTo: 1_000)),
    Trial(
      .admitsWipedMembers, "a member that lost its disk is let in under its old identity",
      .wipedStaysOut, .story("a wiped member")),
    Trial(
      .keepsLeaderAcrossTerms, "a new term begins with the old term's leader",
      .trap("RaftCore+Messages", "both lead term"), .seeds(upTo: 100)),
  ]

  private static let commits = [
    Trial(
      .commitsOlderTerms, "copies of an earlier term's entry commit it (Figure 8)",
      .committedLog, .story("figure 8")),
    Trial(
      .countsOwnCopyEarly, "a leader counts its own copy before it is on disk",
      .majorityDurability, .seeds(upTo: 100)),
    Trial(
      .countsSentEntries, "entries count as stored once they are sent", .majorityDurability,
      .seeds(upTo: 100)),
    Trial(
      .takesForwardsOfAnyTerm, "a leader appends what was sent to it in an earlier term",
      .requestFates, .story("a late forward")),
    Trial(
      .standsBeforeSnapshot, "after a snapshot, applied is one less than the snapshot's index",
      .trap("RaftCore+Invariants", "is cut"), .seeds(upTo: 500)),
  ]

  private static let reads = [
    Trial(
      .readsBeforeOwnCommit, "a new leader serves reads before its first commit", .history,
      .seeds(upTo: 1_000)),
    Trial(
      .confirmsNewestRound, "an answer to an old round of heartbeats confirms the newest",
      .history, .story("a late answer to a heartbeat")),
    Trial(
      .confirmsStaleRound, "an answer to an earlier term's heartbeat confirms a round",
      .trap("RaftCore+Commit", "answers round"), .story("a heartbeat of an earlier term")),
    Trial(
      .dropsUnconfirmedReads, "a read that no leader confirms is forgotten", .answered,
      .story("a read while the leader dies")),
    Trial(
      .followersServeReads, "a follower confirms its own reads", .honestAge, .seeds(upTo: 500)),
    Trial(
      .expiresKeptAlive, "a lease is ended though it was kept alive after the leader looked",
      .leaseKept, .drill(.leases)),
  ]

  private static let membership = [
    Trial(
      .changesBeforeOwnCommit, "a change of members before the term's first commit",
      .committedLog, .story("two majorities that do not meet")),
    Trial(
      .changesAtCommit, "a configuration is in force once committed, not once appended",
      .membershipFold, .seeds(upTo: 500)),
    Trial(
      .learnersDoNotVote, "who does not know yet that it votes refuses to", .newVotersElect,
      .story("a promotion that is not known")),
    Trial(
      .keepsTruncatedChange, "a truncated configuration stays in force", .membershipFold,
      .seeds(upTo: 3_000)),
    Trial(
      .forgetsMembersAtStart, "a restart forgets the configurations in the log",
      .membershipFold, .seeds(upTo: 500)),
    Trial(
      .changesInParallel, "a change of members while one is under way", .committedLog,
      .story("two changes at once")),
    Trial(
      .countsNewHalfOnly, "a joint configuration needs its new majority only",
      .majorityDurability, .seeds(upTo: 1_000)),
    Trial(
      .removesLastVoter, "the last voter can be removed",
      .trap("RaftCore+Invariants", "nobody votes"), .story("the last voter")),
    Trial(
      .promotesUnseen, "a learner that was never heard becomes a voter", .promotionWaits,
      .story("a learner that never came")),
    Trial(
      .bindsAnyDirectory, "a place is given to every directory that comes to it", .onePlace,
      .story("a place that two came to")),
    Trial(
      .callsSparesBlindly, "a spare is called without counting who is heard", .spareCounts,
      .story("a spare without a majority")),
  ]

  private static let elections = [
    Trial(
      .ignoresEarlierPreVotes, "a pre-vote of an earlier term gets no answer",
      .twoElect, .story("a long log and a late term")),
    Trial(
      .learnsNoTermFromRefusals, "a refused pre-vote does not tell the later term",
      .twoElect, .story("a long log and a late term")),
    Trial(
      .preVoteCountsAsContact, "to grant a pre-vote counts as to hear a leader", .calmElects,
      .seeds(upTo: 100)),
    Trial(
      .leadsUnheard, "a leader stays that no majority answers", .partialConnectivity,
      .story("quorum loss")),
    Trial(
      .standsUnasked, "elections begin without a pre-vote", .returnsQuietly,
      .story("the return of a member that was cut off")),
  ]

  private static let log = [
    Trial(
      .cutsBeforeFlush, "the log is cut up to what is applied but not yet on disk",
      .startFinds, .seeds(upTo: 1_000)),
    Trial(
      .truncatesWhatItHolds, "an old append truncates what it agrees with",
      .trap("RaftCore+Commit", "is committed, but this log ends at"), .seeds(upTo: 500)),
    Trial(
      .trustsStaleWrites, "a write that a truncation took back counts as stored (ABA)",
      .durablePromises, .seeds(upTo: 1_000)),
    Trial(
      .acknowledgesStaleWrites, "an acknowledgement rests on a write of another entry (ABA)",
      .durablePromises, .scope("stale-acknowledgement")),
    Trial(
      .appliesDuringInstall, "entries are handed out while a snapshot is installed",
      .trap("RaftCore+Storage", "is not in the stored log"), .seeds(upTo: 1_000)),
    Trial(
      .takesStaleSnapshots, "a snapshot of an earlier term passes the term gate",
      .trap("RaftCore+Messages", "both lead term"), .story("a snapshot of a leader that was")),
    Trial(
      .sendsNoSnapshot, "a follower behind the log's base is not sent a snapshot", .calmJoins,
      .seeds(upTo: 500)),
    Trial(
      .takesNewestGeneration, "a snapshot that is not installed is taken for the state",
      .lastingStore, .drill(.powerLoss)),
    Trial(
      .believesAnyPayload, "a frame's checksum is not looked at", .exactFrames,
      .drill(.frames)),
    Trial(
      .keepsLogForTheSlowest, "one slow follower keeps the leader's log from being cut",
      .logIsCut, .story("a follower that is away for long")),
    Trial(
      .cutsBehindSnapshots, "the log is cut past a snapshot that is on its way", .returnEnds,
      .story("a return while much is written")),
  ]

  private static let storage = [
    Trial(
      .writesIndexApart, "the applied index is not in the rows' transaction", .lastingStore,
      .drill(.powerLoss)),
    Trial(
      .goesOnAfterErrors, "after a failed sync the next one is believed", .latchedFailure,
      .drill(.failingDisk)),
    Trial(
      .commitsWithoutSync, "a commit of the log is not synced", .lastingStore,
      .drill(.powerLoss)),
    Trial(
      .flushesWithoutSync, "a flush counts as durable before it is", .lastingStore,
      .drill(.powerLoss)),
    Trial(
      .acknowledgesEarly, "an acknowledgement leaves before its entries are on disk",
      .durablePromises, .seeds(upTo: 100)),
    Trial(
      .syncsBeforeWriting, "what a commit of the log gathered is not written before its sync",
      .lastingStore, .drill(.powerLoss)),
    Trial(
      .dropsSegmentsEarly, "segments of the log go before its new beginning is on disk",
      .lastingStore, .drill(.powerLoss)),
    Trial(
      .forgetsSegmentNames, "a segment is written before its name is on disk", .lastingStore,
      .drill(.powerLoss)),
    Trial(
      .takesDamageForTornTail, "damage in the log's WAL is taken for a torn tail", .noticedDamage,
      .drill(.damage)),
    Trial(
      .believesAnyFollower, "a record is taken that does not follow the one before it",
      .lostForGood, .drill(.remains)),
    Trial(
      .refusesTornTails, "a torn tail is taken for damage", .lastingStore, .drill(.powerLoss)),
    Trial(
      .keepsLandmarkHigh, "the landmark is not lowered before the log's end goes back",
      .lowLandmark, .drill(.powerLoss)),
    Trial(
      .keepsReserve, "a full disk's reserve is not given up", .usedReserve,
      .drill(.fullDisk)),
  ]

  private static let stateMachine = [
    Trial(
      .readsUnscrubbed, "what is compacted can be read until its rows are gone", .equalStores,
      .drill(.stores)),
    Trial(
      .checksRangesLate, "a transaction's reads are checked when they are reached",
      .trap("Store+Apply", "changes"), .drill(.stores)),
    Trial(
      .startsWithoutRows, "a restart finds no keys", .stateAgreement, .seeds(upTo: 100)),
  ]

  private static let watches = [
    Trial(
      .joinsEarly, "a watch that catches up is in step after its first piece", .faithfulWatches,
      .drill(.watches)),
    Trial(
      .servesWhoeverLags, "a piece serves watches that it was not read for", .faithfulWatches,
      .drill(.watches)),
    Trial(
      .splitsRevisions, "an answer ends in the middle of a revision", .faithfulWatches,
      .drill(.watches)),
    Trial(
      .trustsBatches, "a batch is taken to follow on the one before", .faithfulWatches,
      .drill(.watches)),
    Trial(
      .reportsEarly, "progress is told while a watch of the stream lags", .faithfulWatches,
      .drill(.watches)),
    Trial(
      .scrubsLastDeletion, "compaction removes deletions of its own revision", .faithfulWatches,
      .drill(.watches)),
    Trial(
      .tellsPresentAsPast, "the pair before a change is read as of now", .watchGuarantees,
      .seeds(upTo: 500)),
    Trial(
      .servesWhoeverBlocks, "the store is read for a stream that takes nothing", .watchGuarantees,
      .seeds(upTo: 500)),
  ]

  private static let promises = [
    Trial(
      .halfIsQuorate, "R ≥ ⌊N/2⌋ is called quorate", .quorumTruth, .seeds(upTo: 500)),
    Trial(
      .countsPongsFromArrival, "a pong counts from its arrival, not from its ping", .quorumTruth,
      .seeds(upTo: 3_000)),
    Trial(
      .agesFromTheAnswer, "age is counted from the answer, not from the question", .honestAge,
      .seeds(upTo: 500)),
    Trial(
      .servesReadsEarly, "a read is served before its index is applied", .readIndex,
      .seeds(upTo: 100)),
    Trial(
      .takesForwardsTwice, "a forward that comes twice is appended twice", .requestFates,
      .seeds(upTo: 500)),
    Trial(
      .readsWithoutRound, "a leader serves reads without a round of heartbeats", .honestAge,
      .seeds(upTo: 500)),
    Trial(
      .forgetsHeldForwards, "a leader that is deposed forgets the forwards that gathered",
      .refusedForCertain, .story("a forward held by a leader that is deposed")),
    Trial(
      .passesAsFresh, "leave to serve serializable reads tells of a state as of now", .honestAge,
      .seeds(upTo: 500)),
    Trial(
      .roundsLeasesDown, "a new leader rounds down what is left of a lease", .leaseHonesty,
      .seeds(upTo: 500)),
    Trial(
      .leavesKeysOfLeases, "the keys of a lease stay when it ends", .leasesEnd,
      .seeds(upTo: 100)),
    Trial(
      .growsBeyondQuota, "apply takes what grows behind an alarm for space", .quota,
      .seeds(upTo: 500)),
    Trial(
      .believesOneDigest, "one member's digest is enough to fence those that differ", .fences,
      .story("a changed state")),
  ]
}
