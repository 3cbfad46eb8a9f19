/// The scopes that are walked through (Docs/Exploration.md).
extension Scope {
  /// `nil`: no scope has this name.
  public static func named(_ name: String) -> Scope? {
    (wide + shortest).first { $0.name == name }
  }

  /// Walked to their ends by `make explore`: nothing is wrong in any state of them.
  public static let wide: [Scope] = [
    Scope(name: "first-term", summary: "one term, every message on its own, slow disks") {
      $0.terms = 1
      $0.losesHeartbeats = true
    },
    Scope(name: "crash", summary: "one term, a crash, slow disks, heartbeats") {
      $0.terms = 1
      $0.crashes = 1
      $0.preVotes = .atOnce
    },
    Scope(name: "two-terms", summary: "two terms, slow disks") {
      $0.preVotes = .atOnce
      $0.losesHeartbeats = true
    },
    Scope(name: "two-terms-crash", summary: "two terms, a crash, slow disks, stale is lost") {
      $0.crashes = 1
      $0.preVotes = .atOnce
      $0.losesHeartbeats = true
      $0.losesStale = true
    },
    Scope(name: "two-terms-change", summary: "two terms, a member removed, slow disks") {
      $0.changes = 1
      $0.changeKinds = [.remove]
      $0.preVotes = .atOnce
      $0.losesHeartbeats = true
      $0.losesStale = true
    },
    Scope(
      name: "learner", summary: "a learner votes, replaces a voter, or one leaves; slow disks"
    ) {
      $0.voters = 2
      $0.learners = 1
      $0.changes = 1
      $0.changeKinds = [.promote, .replace, .remove]
      $0.preVotes = .atOnce
      $0.losesHeartbeats = true
      $0.losesStale = true
    },
    coarse("three-terms", "three terms, a member removed") {
      $0.terms = 3
      $0.changes = 1
      $0.changeKinds = [.remove]
    },
    coarse("three-terms-crash", "three terms, a crash") {
      $0.terms = 3
      $0.crashes = 1
    },
    coarse("commands", "two terms, two crashes, a repetition, a command") {
      $0.crashes = 2
      $0.duplicates = 1
      $0.proposals = 1
    },
    coarse("reads", "one term, a read at any member, a crash; heartbeats arrive") {
      $0.terms = 1
      $0.reads = 1
      $0.crashes = 1
      $0.losesHeartbeats = false
    },
    coarse("snapshots", "one term, a log cut, a round of heartbeats, a crash; moves come later") {
      $0.terms = 1
      $0.cuts = 1
      $0.heartbeats = 1
      $0.crashes = 1
      $0.movesLater = true
    },
    coarse("learner-crash", "a learner votes, replaces a voter, or one leaves; a crash") {
      $0.voters = 2
      $0.learners = 1
      $0.crashes = 1
      $0.changes = 1
      $0.changeKinds = [.promote, .replace, .remove]
    },
  ]

  /// Each just wide and deep enough for one famous mistake, which `make explore` plants; without it
  /// nothing is wrong in them. All begin with empty logs in term zero.
  public static let shortest: [Scope] = [
    coarse("figure-8", "copies of an earlier term's entry commit it (Raft Figure 8)") {
      $0.terms = 4
      $0.invariants = Invariant.outcomes
      $0.depthLimit = 16
    },
    Scope(name: "double-vote", summary: "term and vote in two writes, a crash between them") {
      $0.terms = 1
      $0.crashes = 1
      $0.preVotes = .atOnce
      $0.losesHeartbeats = true
      $0.invariants = Invariant.outcomes
      $0.depthLimit = 7
    },
    Scope(name: "early-request", summary: "votes are asked for before the own one is on disk") {
      $0.terms = 1
      $0.crashes = 1
      $0.preVotes = .atOnce
      $0.losesHeartbeats = true
      $0.invariants = Invariant.outcomes
      $0.depthLimit = 5
    },
    Scope(name: "stale-acknowledgement", summary: "an index is matched without its term (ABA)") {
      $0.duplicates = 1
      $0.preVotes = .atOnce
      $0.losesHeartbeats = true
      $0.losesStale = true
      $0.depthLimit = 12
    },
    coarse("early-read", "a leader serves a read before its first commit") {
      $0.reads = 1
      $0.losesHeartbeats = false
      $0.invariants = Invariant.outcomes
      $0.depthLimit = 12
    },
    coarse("early-cut", "a log is cut behind what a crash would leave of the state") {
      $0.terms = 1
      $0.cuts = 1
      $0.depthLimit = 8
    },
    // The round of heartbeats lets the leader try again whom it found too far behind.
    coarse("snapshot", "a follower that was away comes back by snapshot") {
      $0.terms = 1
      $0.cuts = 1
      $0.heartbeats = 1
      $0.depthLimit = 12
    },
    coarse("snapshot-move", "the same, and its state machine moves to the snapshot later") {
      $0.terms = 1
      $0.cuts = 1
      $0.heartbeats = 1
      $0.movesLater = true
      $0.depthLimit = 12
    },
    // With three voters it cannot happen: see Docs/Exploration.md.
    coarse("single-server", "members change before the term's first commit; four voters") {
      $0.voters = 4
      $0.terms = 3
      $0.changes = 2
      $0.changeKinds = [.remove]
      $0.invariants = Invariant.outcomes
      $0.depthLimit = 17
    },
  ]

  /// For depth: disks are prompt, pre-votes one move, heartbeats and stale messages lost.
  private static func coarse(
    _ name: String, _ summary: String, _ adjust: (inout Scope) -> Void
  ) -> Scope {
    Scope(name: name, summary: summary) {
      $0.disks = .prompt
      $0.preVotes = .atOnce
      $0.losesHeartbeats = true
      $0.losesStale = true
      adjust(&$0)
    }
  }
}
