/// How each mutant of `Mutants/` is tested, and who notices it: named before the run.
enum Catalogue {
  static let cases: [MutantCase] =
    votes + commits + reads + membership + forming + elections + log + storage + stateMachine
    + watches + promises + health

  private static let votes = [
    MutantCase("V1", .durablePromises, .seeds(upTo: 100)),
    MutantCase("V2", .durablePromises, .seeds(upTo: 100)),
    MutantCase("V2b", .durablePromises, .seeds(upTo: 100)),
    MutantCase("V3", .trap("RaftCore+Invariants", "a second vote in term"), .seeds(upTo: 500)),
    MutantCase("V4", .committedLog, .story("a long log of an old term")),
    MutantCase("V5", .steadyVote, .drill(.repeatedVote)),
    MutantCase("V6", .majorityDurability, .seeds(upTo: 1_000)),
    MutantCase("V7", .electionSafety, .seeds(upTo: 1_000)),
    MutantCase("V8", .wipedStaysOut, .story("a wiped member")),
    MutantCase("V9", .trap("RaftCore+Messages", "both lead term"), .seeds(upTo: 100)),
  ]

  private static let commits = [
    MutantCase("C1", .committedLog, .story("figure 8")),
    MutantCase("C2", .majorityDurability, .seeds(upTo: 100)),
    MutantCase("C3", .majorityDurability, .seeds(upTo: 100)),
    MutantCase("C5", .requestFates, .story("a late forward")),
    MutantCase("Q62", .requestFates, .story("a handshake of an earlier boot")),
    MutantCase("C6", .trap("RaftCore+Invariants", "is cut"), .seeds(upTo: 500)),
  ]

  private static let reads = [
    MutantCase("R1", .history, .seeds(upTo: 1_000)),
    MutantCase("R2", .history, .story("a late answer to a heartbeat")),
    MutantCase(
      "R2b", .trap("RaftCore+Commit", "answers round"), .story("a heartbeat of an earlier term")),
    MutantCase("R4", .answered, .story("a read while the leader dies")),
    MutantCase("R5", .history, .seeds(upTo: 500)),
    MutantCase("Q61", .history, .seeds(upTo: 3_000)),
    MutantCase("R6", .leaseKept, .drill(.leases)),
  ]

  private static let membership = [
    MutantCase("M1", .committedLog, .story("two majorities that do not meet")),
    MutantCase("M2", .membershipFold, .seeds(upTo: 500)),
    MutantCase("M3", .newVotersElect, .story("a promotion that is not known")),
    MutantCase("M4", .membershipFold, .seeds(upTo: 3_000)),
    MutantCase("M5", .membershipFold, .seeds(upTo: 500)),
    MutantCase("M6", .committedLog, .story("two changes at once")),
    MutantCase("M7", .majorityDurability, .seeds(upTo: 1_000)),
    MutantCase("M8", .trap("RaftCore+Invariants", "nobody votes"), .story("the last voter")),
    MutantCase("M10", .promotionWaits, .story("a learner that never came")),
    MutantCase("V8b", .onePlace, .story("a place that two came to")),
    MutantCase("Q63", .threeVote, .story("a spare and a successor for one voter")),
    MutantCase("Q64", .alarmEnds, .story("an alarm of who was removed before a power loss")),
    MutantCase("M9", .spareCounts, .story("a spare without a majority")),
  ]

  private static let forming = [
    MutantCase("Q31", .oneStore, .story("a disk lost while the store forms")),
    MutantCase("Q32", .oneStore, .seeds(upTo: 3_000)),
    MutantCase("Q33", .oneStore, .seeds(upTo: 3_000)),
  ]

  private static let elections = [
    MutantCase("P1", .twoElect, .story("a long log and a late term")),
    MutantCase("P3", .twoElect, .story("a long log and a late term")),
    MutantCase("P4", .calmElects, .seeds(upTo: 100)),
    MutantCase("P5", .partialConnectivity, .story("quorum loss")),
    MutantCase("P6", .returnsQuietly, .story("the return of a member that was cut off")),
  ]

  private static let log = [
    MutantCase("L1", .startFinds, .seeds(upTo: 1_000)),
    MutantCase(
      "L2", .trap("RaftCore+Commit", "is committed, but this log ends at"), .seeds(upTo: 500)),
    MutantCase("L3", .durablePromises, .seeds(upTo: 1_000)),
    MutantCase("L3b", .durablePromises, .scope("stale-acknowledgement")),
    MutantCase("L4", .trap("RaftCore+Storage", "is not in the stored log"), .seeds(upTo: 1_000)),
    MutantCase(
      "L5", .trap("RaftCore+Messages", "both lead term"),
      .story("a snapshot of a leader that was")),
    MutantCase("L6", .calmJoins, .seeds(upTo: 500)),
    MutantCase("L7", .lastingStore, .drill(.powerLoss)),
    MutantCase("L8", .exactFrames, .drill(.frames)),
    MutantCase("L9", .logIsCut, .story("a follower that is away for long")),
    MutantCase("L9b", .returnEnds, .story("a return while much is written")),
    MutantCase("Q43", .stateAgreement, .seeds(upTo: 3_000)),
    MutantCase("Q44", .stateAgreement, .seeds(upTo: 3_000)),
    MutantCase("Q45", .sentWhole, .seeds(upTo: 1_000)),
    MutantCase("Q51", .startFinds, .seeds(upTo: 3_000)),
    MutantCase(
      "Q52", .broughtUp, .story("a leader that dies silently in the middle of a snapshot")),
    MutantCase("Q53", .broughtUp, .story("a follower that dies silently before its word")),
  ]

  private static let storage = [
    MutantCase("S1", .lastingStore, .drill(.powerLoss)),
    MutantCase("S3", .latchedFailure, .drill(.failingDisk)),
    MutantCase("S5", .lastingStore, .drill(.powerLoss)),
    MutantCase("S5f", .lastingStore, .drill(.powerLoss)),
    MutantCase("S5b", .durablePromises, .seeds(upTo: 100)),
    MutantCase("S5c", .lastingStore, .drill(.powerLoss)),
    MutantCase("S5d", .lastingStore, .drill(.powerLoss)),
    MutantCase("S5e", .lastingStore, .drill(.powerLoss)),
    MutantCase("S6", .noticedDamage, .drill(.damage)),
    MutantCase("S6b", .lostForGood, .drill(.remains)),
    MutantCase("S7", .lastingStore, .drill(.powerLoss)),
    MutantCase("S7b", .lowLandmark, .drill(.powerLoss)),
    MutantCase("Q46", .durablePromises, .seeds(upTo: 100)),
    MutantCase("Q47", .startFinds, .seeds(upTo: 3_000)),
    MutantCase("S8", .usedReserve, .drill(.fullDisk)),
  ]

  private static let stateMachine = [
    MutantCase("A2", .equalStores, .drill(.stores)),
    MutantCase("A3", .trap("Store+Apply", "changes"), .drill(.stores)),
    MutantCase("A5", .stateAgreement, .seeds(upTo: 100)),
    MutantCase("Q41", .answeredLate, .seeds(upTo: 100)),
    MutantCase("Q42", .shownFirst, .seeds(upTo: 100)),
    MutantCase("Q48", .requestFates, .story("a slot inside a snapshot")),
  ]

  private static let watches = [
    MutantCase("A4", .faithfulWatches, .drill(.watches)),
    MutantCase("A4b", .faithfulWatches, .drill(.watches)),
    MutantCase("A4c", .faithfulWatches, .drill(.watches)),
    MutantCase("A4d", .faithfulWatches, .drill(.watches)),
    MutantCase("A4e", .faithfulWatches, .drill(.watches)),
    MutantCase("A4f", .faithfulWatches, .drill(.watches)),
    MutantCase("A4g", .watchGuarantees, .seeds(upTo: 500)),
    MutantCase("A4h", .watchGuarantees, .seeds(upTo: 500)),
    MutantCase("Q49", .streamsEnd, .seeds(upTo: 500)),
  ]

  private static let promises = [
    MutantCase("Q1", .quorumTruth, .seeds(upTo: 500)),
    MutantCase("Q2", .quorumTruth, .seeds(upTo: 3_000)),
    MutantCase("Q3", .honestAge, .seeds(upTo: 500)),
    MutantCase("Q4", .readIndex, .seeds(upTo: 100)),
    MutantCase("Q5", .requestFates, .seeds(upTo: 500)),
    MutantCase("Q6", .honestAge, .seeds(upTo: 500)),
    MutantCase("Q7", .refusedForCertain, .story("a forward held by a leader that is deposed")),
    MutantCase("Q8", .honestAge, .seeds(upTo: 500)),
    MutantCase("Q9", .leaseHonesty, .seeds(upTo: 500)),
    MutantCase("Q10", .leasesEnd, .seeds(upTo: 100)),
    MutantCase("Q21", .quota, .seeds(upTo: 500)),
    MutantCase("Q65", .refusedForCertain, .story("a forward held by a leader that is deposed")),
    MutantCase("Q22", .fences, .story("a changed state")),
    MutantCase("Q81", .rowsLetGo, .seeds(upTo: 500)),
    MutantCase("Q82", .patience, .seeds(upTo: 500)),
  ]

  private static let health = [
    MutantCase("Q71", .handsOver, .story("a leader whose disk stalls")),
    MutantCase("Q77", .goesOn, .story("a leader whose disk stalls in the middle of a snapshot")),
    MutantCase("Q72", .staysPut, .story("disks that are slow everywhere")),
    MutantCase("Q73", .staysPut, .story("members without room")),
    MutantCase("Q74", .honestHealth, .seeds(upTo: 100)),
    MutantCase("Q75", .honestHealth, .seeds(upTo: 500)),
    MutantCase("Q76", .honestHealth, .seeds(upTo: 500)),
  ]
}
