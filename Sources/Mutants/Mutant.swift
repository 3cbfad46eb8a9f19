#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A rule of the product that one process does without, so that we see who notices.
///
/// The raw value is the row of `Catalogue.rows` (in `hunt`), which says what is broken, where it
/// was seen and by whom it must be noticed. The product names a mutant only inside `#if Mutants`,
/// and has no arrow to this module without that trait.
public enum Mutant: String, CaseIterable, Sendable {
  // Votes and terms.
  case storesTermBeforeVote = "V1"
  case asksForVotesEarly = "V2"
  case grantsVotesEarly = "V2b"
  case forgetsVoteOnStepDown = "V3"
  case comparesLogsByIndex = "V4"
  case votesOnceOnly = "V5"
  case countsLearners = "V6"
  case countsRefusals = "V7"
  case admitsWipedMembers = "V8"
  case keepsLeaderAcrossTerms = "V9"

  // Commit rule.
  case commitsOlderTerms = "C1"
  case countsOwnCopyEarly = "C2"
  case countsSentEntries = "C3"
  case takesForwardsOfAnyTerm = "C5"
  case standsBeforeSnapshot = "C6"

  // Reads and time.
  case readsBeforeOwnCommit = "R1"
  case confirmsNewestRound = "R2"
  case confirmsStaleRound = "R2b"
  case dropsUnconfirmedReads = "R4"
  case followersServeReads = "R5"
  case expiresKeptAlive = "R6"

  // Membership.
  case changesBeforeOwnCommit = "M1"
  case changesAtCommit = "M2"
  case learnersDoNotVote = "M3"
  case keepsTruncatedChange = "M4"
  case forgetsMembersAtStart = "M5"
  case changesInParallel = "M6"
  case countsNewHalfOnly = "M7"
  case removesLastVoter = "M8"
  case promotesUnseen = "M10"

  // Pre-vote, check-quorum, connectivity.
  case ignoresEarlierPreVotes = "P1"
  case learnsNoTermFromRefusals = "P3"
  case preVoteCountsAsContact = "P4"
  case leadsUnheard = "P5"
  case standsUnasked = "P6"

  // Log, snapshot, transport.
  case cutsBeforeFlush = "L1"
  case bindsAnyDirectory = "V8b"
  case callsSparesBlindly = "M9"
  case truncatesWhatItHolds = "L2"
  case trustsStaleWrites = "L3"
  case acknowledgesStaleWrites = "L3b"
  case appliesDuringInstall = "L4"
  case takesStaleSnapshots = "L5"
  case sendsNoSnapshot = "L6"
  case takesNewestGeneration = "L7"
  case believesAnyPayload = "L8"
  case keepsLogForTheSlowest = "L9"
  case cutsBehindSnapshots = "L9b"

  // Storage.
  case writesIndexApart = "S1"
  case goesOnAfterErrors = "S3"
  case commitsWithoutSync = "S5"
  case flushesWithoutSync = "S5f"
  case acknowledgesEarly = "S5b"
  case syncsBeforeWriting = "S5c"
  case dropsSegmentsEarly = "S5d"
  case forgetsSegmentNames = "S5e"
  case takesDamageForTornTail = "S6"
  case believesAnyFollower = "S6b"
  case refusesTornTails = "S7"
  case keepsLandmarkHigh = "S7b"
  case keepsReserve = "S8"

  // State machine.
  case readsUnscrubbed = "A2"
  case checksRangesLate = "A3"
  case startsWithoutRows = "A5"

  // Watches.
  case joinsEarly = "A4"
  case servesWhoeverLags = "A4b"
  case splitsRevisions = "A4c"
  case trustsBatches = "A4d"
  case reportsEarly = "A4e"
  case scrubsLastDeletion = "A4f"
  case tellsPresentAsPast = "A4g"
  case servesWhoeverBlocks = "A4h"

  // The product's own promises (Docs/Consistency.md): the quorum rule, ages, forwards, reads.
  case halfIsQuorate = "Q1"
  case countsPongsFromArrival = "Q2"
  case agesFromTheAnswer = "Q3"
  case servesReadsEarly = "Q4"
  case takesForwardsTwice = "Q5"
  case readsWithoutRound = "Q6"
  case forgetsHeldForwards = "Q7"
  case passesAsFresh = "Q8"
  case roundsLeasesDown = "Q9"
  case leavesKeysOfLeases = "Q10"
  case growsBeyondQuota = "Q21"
  case believesOneDigest = "Q22"

  /// The variable of the environment that names the one to plant.
  public static let variable = "QUORATE_MUTANT"

  /// The one that this process plants; `nil`: none. *Precondition*: the variable is unset, empty or
  /// names a mutant.
  public static let planted: Mutant? = {
    guard let value = getenv(variable) else { return nil }
    let name = String(cString: value)
    guard !name.isEmpty else { return nil }
    guard let mutant = Mutant(rawValue: name) else {
      preconditionFailure("\(variable)=\(name) names no mutant")
    }
    return mutant
  }()

  public var isPlanted: Bool { self == Self.planted }
}
