/// How each mutant of `Mutants/` is hunted, and who kills it: named before the run.
enum Catalogue {
  static let trials: [Trial] =
    votes + commits + reads + membership + forming + elections + log + storage + stateMachine
    + watches + promises + health

  private static let votes = [
    Trial("V1", .durablePromises, .seeds(upTo: 100)),
    Trial("V2", .durablePromises, .seeds(upTo: 100)),
    Trial("V2b", .durablePromises, .seeds(upTo: 100)),
    Trial("V3", .trap("RaftCore+Invariants", "a second vote in term"), .seeds(upTo: 500)),
    Trial("V4", .committedLog, .story("a long log of an old term")),
    Trial("V5", .steadyVote, .drill(.repeatedVote)),
    Trial("V6", .majorityDurability, .seeds(upTo: 1_000)),
    Trial("V7", .electionSafety, .seeds(upTo: 1_000)),
    Trial("V8", .wipedStaysOut, .story("a wiped member")),
    Trial("V9", .trap("RaftCore+Messages", "both lead term"), .seeds(upTo: 100)),
  ]

  private static let commits = [
    Trial("C1", .committedLog, .story("figure 8")),
    Trial("C2", .majorityDurability, .seeds(upTo: 100)),
    Trial("C3", .majorityDurability, .seeds(upTo: 100)),
    Trial("C5", .requestFates, .story("a late forward")),
    Trial("Q62", .requestFates, .story("a greeting of an earlier boot")),
    Trial("C6", .trap("RaftCore+Invariants", "is cut"), .seeds(upTo: 500)),
  ]

  private static let reads = [
    Trial("R1", .history, .seeds(upTo: 1_000)),
    Trial("R2", .history, .story("a late answer to a heartbeat")),
    Trial(
      "R2b", .trap("RaftCore+Commit", "answers round"), .story("a heartbeat of an earlier term")),
    Trial("R4", .answered, .story("a read while the leader dies")),
    Trial("R5", .honestAge, .seeds(upTo: 500)),
    Trial("Q61", .history, .story("a read of an earlier boot")),
    Trial("R6", .leaseKept, .drill(.leases)),
  ]

  private static let membership = [
    Trial("M1", .committedLog, .story("two majorities that do not meet")),
    Trial("M2", .membershipFold, .seeds(upTo: 500)),
    Trial("M3", .newVotersElect, .story("a promotion that is not known")),
    Trial("M4", .membershipFold, .seeds(upTo: 3_000)),
    Trial("M5", .membershipFold, .seeds(upTo: 500)),
    Trial("M6", .committedLog, .story("two changes at once")),
    Trial("M7", .majorityDurability, .seeds(upTo: 1_000)),
    Trial("M8", .trap("RaftCore+Invariants", "nobody votes"), .story("the last voter")),
    Trial("M10", .promotionWaits, .story("a learner that never came")),
    Trial("V8b", .onePlace, .story("a place that two came to")),
    Trial("Q63", .threeVote, .story("a spare and a successor for one voter")),
    Trial("Q64", .alarmEnds, .story("an alarm of who was removed before a power loss")),
    Trial("M9", .spareCounts, .story("a spare without a majority")),
  ]

  private static let forming = [
    Trial("Q31", .oneStore, .story("a disk lost while the store forms")),
    Trial("Q32", .oneStoreEver, .seeds(upTo: 3_000)),
    Trial("Q33", .oneStoreEver, .seeds(upTo: 3_000)),
  ]

  private static let elections = [
    Trial("P1", .twoElect, .story("a long log and a late term")),
    Trial("P3", .twoElect, .story("a long log and a late term")),
    Trial("P4", .calmElects, .seeds(upTo: 100)),
    Trial("P5", .partialConnectivity, .story("quorum loss")),
    Trial("P6", .returnsQuietly, .story("the return of a member that was cut off")),
  ]

  private static let log = [
    Trial("L1", .startFinds, .seeds(upTo: 1_000)),
    Trial("L2", .trap("RaftCore+Commit", "is committed, but this log ends at"), .seeds(upTo: 500)),
    Trial("L3", .durablePromises, .seeds(upTo: 1_000)),
    Trial("L3b", .durablePromises, .scope("stale-acknowledgement")),
    Trial("L4", .trap("RaftCore+Storage", "is not in the stored log"), .seeds(upTo: 1_000)),
    Trial(
      "L5", .trap("RaftCore+Messages", "both lead term"),
      .story("a snapshot of a leader that was")),
    Trial("L6", .calmJoins, .seeds(upTo: 500)),
    Trial("L7", .lastingStore, .drill(.powerLoss)),
    Trial("L8", .exactFrames, .drill(.frames)),
    Trial("L9", .logIsCut, .story("a follower that is away for long")),
    Trial("L9b", .returnEnds, .story("a return while much is written")),
    Trial("Q43", .stateAgreement, .seeds(upTo: 3_000)),
    Trial("Q44", .stateAgreement, .seeds(upTo: 3_000)),
    Trial("Q45", .sentWhole, .seeds(upTo: 1_000)),
    Trial("Q51", .startFinds, .seeds(upTo: 3_000)),
    Trial("Q52", .broughtUp, .story("a leader that dies silently in the middle of a snapshot")),
    Trial("Q53", .broughtUp, .story("a follower that dies silently before its word")),
  ]

  private static let storage = [
    Trial("S1", .lastingStore, .drill(.powerLoss)),
    Trial("S3", .latchedFailure, .drill(.failingDisk)),
    Trial("S5", .lastingStore, .drill(.powerLoss)),
    Trial("S5f", .lastingStore, .drill(.powerLoss)),
    Trial("S5b", .durablePromises, .seeds(upTo: 100)),
    Trial("S5c", .lastingStore, .drill(.powerLoss)),
    Trial("S5d", .lastingStore, .drill(.powerLoss)),
    Trial("S5e", .lastingStore, .drill(.powerLoss)),
    Trial("S6", .noticedDamage, .drill(.damage)),
    Trial("S6b", .lostForGood, .drill(.remains)),
    Trial("S7", .lastingStore, .drill(.powerLoss)),
    Trial("S7b", .lowLandmark, .drill(.powerLoss)),
    Trial("Q46", .durablePromises, .seeds(upTo: 100)),
    Trial("Q47", .startFinds, .seeds(upTo: 3_000)),
    Trial("S8", .usedReserve, .drill(.fullDisk)),
  ]

  private static let stateMachine = [
    Trial("A2", .equalStores, .drill(.stores)),
    Trial("A3", .trap("Store+Apply", "changes"), .drill(.stores)),
    Trial("A5", .stateAgreement, .seeds(upTo: 100)),
    Trial("Q41", .shown, .seeds(upTo: 100)),
    Trial("Q42", .shown, .seeds(upTo: 100)),
    Trial("Q48", .requestFates, .story("a slot inside a snapshot")),
  ]

  private static let watches = [
    Trial("A4", .faithfulWatches, .drill(.watches)),
    Trial("A4b", .faithfulWatches, .drill(.watches)),
    Trial("A4c", .faithfulWatches, .drill(.watches)),
    Trial("A4d", .faithfulWatches, .drill(.watches)),
    Trial("A4e", .faithfulWatches, .drill(.watches)),
    Trial("A4f", .faithfulWatches, .drill(.watches)),
    Trial("A4g", .watchGuarantees, .seeds(upTo: 500)),
    Trial("A4h", .watchGuarantees, .seeds(upTo: 500)),
    Trial("W1", .shownFirst, .seeds(upTo: 100)),
    Trial("W3", .streamsEnd, .seeds(upTo: 500)),
  ]

  private static let promises = [
    Trial("Q1", .quorumTruth, .seeds(upTo: 500)),
    Trial("Q2", .quorumTruth, .seeds(upTo: 3_000)),
    Trial("Q3", .honestAge, .seeds(upTo: 500)),
    Trial("Q4", .readIndex, .seeds(upTo: 100)),
    Trial("Q5", .requestFates, .seeds(upTo: 500)),
    Trial("Q6", .honestAge, .seeds(upTo: 500)),
    Trial("Q7", .refusedForCertain, .story("a forward held by a leader that is deposed")),
    Trial("Q8", .honestAge, .seeds(upTo: 500)),
    Trial("Q9", .leaseHonesty, .seeds(upTo: 500)),
    Trial("Q10", .leasesEnd, .seeds(upTo: 100)),
    Trial("Q21", .quota, .seeds(upTo: 500)),
    Trial("Q65", .refusedForCertain, .story("a forward held by a leader that is deposed")),
    Trial("Q22", .fences, .story("a changed state")),
  ]

  private static let health = [
    Trial("Q71", .handsOver, .story("a leader whose disk stalls")),
    Trial("Q77", .goesOn, .story("a leader whose disk stalls in the middle of a snapshot")),
    Trial("Q72", .staysPut, .story("disks that are slow everywhere")),
    Trial("Q73", .staysPut, .story("members without room")),
    Trial("Q74", .honestHealth, .seeds(upTo: 100)),
    Trial("Q75", .honestHealth, .seeds(upTo: 500)),
    Trial("Q76", .honestHealth, .seeds(upTo: 500)),
  ]
}
