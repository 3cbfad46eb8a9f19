/// Who is to notice a mutant. Named before the run: whoever else stops it does not count.
struct Oracle: Hashable, Sendable {
  let name: String
  /// The end of the path of the product's file that traps; `nil`: it is a check that speaks.
  let trapsIn: String?
  /// What it says contains one of these.
  let says: [String]

  /// A check of the simulator, a story's demand or a drill's.
  static func check(_ name: String, _ says: String...) -> Oracle {
    Oracle(name: name, trapsIn: nil, says: says)
  }

  /// An invariant inside the product, which stops the process.
  static func trap(_ file: String, _ says: String) -> Oracle {
    Oracle(name: "trap in `\(file)`", trapsIn: "/\(file).swift", says: [says])
  }

  func claims(_ finding: Finding) -> Bool {
    switch (trapsIn, finding.trappedIn) {
    case (nil, nil): break
    case (let end?, let path?): guard "/\(path)".hasSuffix(end) else { return false }
    case (nil, .some), (.some, nil): return false
    }
    return says.contains { finding.sentence.contains($0) }
  }
}

/// What stopped a run.
struct Finding: Hashable, Sendable {
  /// The file of a trap; `nil`: a check spoke.
  var trappedIn: String?
  var sentence: String
}

extension Oracle {
  static let committedLog = check(
    "CommittedLog", "without the entry", "has committed term", "which is not committed",
    "its log ends at", "truncates the committed entry")
  static let durablePromises = check("DurablePromises", "not on disk", "without its own on disk")
  static let electionSafety = check("ElectionSafety", "both lead term")
  static let honestAge = check("HonestAge", "reports age")
  static let honestHealth = check("HonestHealth", "says that writes pass")
  static let leaseHonesty = check("LeaseHonesty", "before its time")
  static let leaseKept = check("the drill's own check", ", kept alive at ")
  static let leasesEnd = check("calm: leases end", "of leases that have ended")
  static let majorityDurability = check("MajorityDurability", "is committed and on the disks of")
  static let membershipFold = check("MembershipFold", "goes by another configuration")
  static let neverBack = check("NeverBack", "goes back from", "has applied", "its disk in")
  static let oneVoteATerm = check("OneVoteATerm", " votes for ")
  static let quorumTruth = check("QuorumTruth", "calls itself")
  static let requestFates = check(
    "RequestFates", "is applied at", "takes effect", "took effect", "is acknowledged and not")
  static let stateAgreement = check("StateAgreement", "others at", "another digest than")
  static let history = check("RevisionOrder", "had been told before it was asked")
  static let readIndex = check("the read's own check", "serves a read at")
  static let startFinds = check("restart", "and the log begins after")
  static let sentWhole = check("the snapshot's own check", "snapshot")
  static let quota = check("Quota", "behind an alarm for space")
  static let fences = check("Fences", "and its state is sound")
  static let watchGuarantees = check(
    "WatchGuarantees", "as what was before", "reads the store over and over")
  static let answeredLate = check("what is answered is shown", "answers at revision")
  static let shownFirst = check("what is fed is shown", "feeds watches at revision")
  static let rowsLetGo = check("calm: snapshots are closed", "holds rows for a snapshot in calm")
  static let patience = check("the reader's own check", "gives up a backup whose client owes")
  static let streamsEnd = check("the watcher's own check", "keeps its stream, and takes nothing")
  static let calmElects = check("calm: a leader", "no leader within")
  static let calmJoins = check(
    "calm: all follow, in equal states", "no leader within", "have not settled")
}

/// What stories and drills demand.
extension Oracle {
  static let wipedStaysOut = check("the story's demand", "takes part again")
  static let answered = check("the story's demand", "is never answered")
  static let refusedForCertain = check("the story's demand", "is not told that it was refused")
  static let oneStore = check("one store", "a second store has formed", "has formed another store")
  static let broughtUp = check(
    "the story's demand", "two of three commit nothing", "is not brought up again")
  static let threeVote = check(
    "the story's demand", "vote, and three did", "has not taken the place of")
  static let handsOver = check("the story's demand", "leads on, and writes nothing down")
  static let goesOn = check("the story's demand", "two of three commit nothing")
  static let staysPut = check("the story's demand", "has handed over to")
  static let alarmEnds = check("the story's demand", "the alarm outlives its member")
  static let newVotersElect = check("the story's demand", "no leader after the promotion")
  static let twoElect = check("the story's demand", "no leader of the two")
  static let onePlace = check("the story's demand", "was given to a second directory")
  static let spareCounts = check("the story's demand", "has called the spare")
  static let promotionWaits = check("the story's demand", "has become a voter")
  static let partialConnectivity = check("the story's demand", "does not lead")
  static let returnsQuietly = check("the story's demand", "was deposed")
  static let returnEnds = check("the story's demand", "snapshots to come back")
  static let logIsCut = check("the story's demand", "was not cut")
  static let steadyVote = check("the drill's demand", "asked again")
  static let lastingStore = check("the drill's demand", "after the power loss")
  static let lowLandmark = check("the drill's demand", "it had begun after")
  static let exactFrames = check("the drill's demand", "a bent frame")
  static let equalStores = check("the drill's demand", "the stores differ")
  static let faithfulWatches = check(
    "the drill's demand", "brought", "ahead of its events")
  static let latchedFailure = check("the drill's demand", "after a failed")
  static let noticedDamage = check("the drill's demand", "was turned, and")
  static let lostForGood = check("the drill's demand", "came back")
  static let usedReserve = check("the drill's demand", "the reserve")
}
