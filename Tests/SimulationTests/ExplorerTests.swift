import Raft
import Testing

@testable import Simulation

/// Small worlds, walked through: each in a second or two, in debug. The wide ones are
/// `make explore`'s (Docs/Exploration.md).
@Suite struct `Every state of a small cluster` {
  private func explore(_ adjust: (inout Scope) -> Void) -> Exploration {
    var explorer = Explorer(Scope(name: "test", summary: "", adjust))
    return explorer.run()
  }

  private func coarse(_ scope: inout Scope) {
    scope.disks = .prompt
    scope.preVotes = .atOnce
    scope.losesHeartbeats = true
    scope.losesStale = true
  }

  @Test func `of two elections is safe, to the end`() {
    let seen = explore { coarse(&$0) }
    #expect(seen.violation == nil)
    #expect(seen.isComplete)
    // Two terms can be won by one member or by two; far fewer states would be a walk that stops.
    #expect(seen.states > 3_000)
  }

  @Test func `of one election with slow disks and a crash is safe`() {
    let seen = explore {
      $0.terms = 1
      $0.crashes = 1
      $0.preVotes = .atOnce
      $0.losesHeartbeats = true
      $0.depthLimit = 14
    }
    #expect(seen.violation == nil)
    #expect(seen.states > 2_000)
  }

  @Test func `of pre-votes by message is safe`() {
    let seen = explore {
      $0.depthLimit = 9
    }
    #expect(seen.violation == nil)
    #expect(seen.states > 1_000)
  }

  @Test func `of a learner that is promoted, replaces a voter or leaves is safe`() {
    let seen = explore {
      coarse(&$0)
      $0.voters = 2
      $0.learners = 1
      $0.terms = 1
      $0.crashes = 1
      $0.changes = 1
      $0.changeKinds = [.promote, .replace, .remove]
    }
    #expect(seen.violation == nil)
    #expect(seen.isComplete)
  }

  @Test func `of a read at any member is safe, to the end`() {
    let seen = explore {
      coarse(&$0)
      $0.terms = 1
      $0.reads = 1
      $0.losesHeartbeats = false
    }
    #expect(seen.violation == nil)
    #expect(seen.isComplete)
    #expect(seen.states > 200)
  }

  @Test func `of a log that is cut and a snapshot that takes its place is safe, to the end`() {
    let seen = explore {
      coarse(&$0)
      $0.terms = 1
      $0.cuts = 1
      $0.heartbeats = 1
      $0.crashes = 1
    }
    #expect(seen.violation == nil)
    #expect(seen.isComplete)
    #expect(seen.states > 200)
  }

  @Test func `of a lone voter is one election and its entry`() {
    let seen = explore {
      coarse(&$0)
      $0.voters = 1
      $0.terms = 1
    }
    // Nothing, and a leader that has committed: nobody else is there.
    #expect(seen.states == 2)
    #expect(seen.isComplete)
  }

  @Test func `that differ only in who is who are one`() {
    let seen = explore {
      coarse(&$0)
      $0.depthLimit = 1
    }
    // Any of three can stand, asking any of two: one new state, met six times.
    #expect(seen.states == 2)
    #expect(seen.moves == 6)
  }

  @Test func `is the same walk each time`() {
    let first = explore {
      $0.terms = 1
      $0.shell = .forgetsVotes
      coarse(&$0)
      $0.crashes = 1
    }
    let second = explore {
      $0.terms = 1
      $0.shell = .forgetsVotes
      coarse(&$0)
      $0.crashes = 1
    }
    #expect(first.states == second.states)
    #expect(first.story == second.story)
    #expect(!first.story.isEmpty)
  }
}

/// A walk is worth what it finds: the shell around the core breaks one of its promises. (The core's
/// own mistakes are planted by `make explore`.)
@Suite struct `The explorer finds by the shortest way` {
  private func firstViolation(_ adjust: (inout Scope) -> Void) -> Exploration {
    let scope = Scope(name: "test", summary: "") {
      $0.terms = 1
      $0.crashes = 1
      $0.preVotes = .atOnce
      $0.losesHeartbeats = true
      adjust(&$0)
    }
    var explorer = Explorer(scope)
    return explorer.run()
  }

  @Test func `a vote that a crash takes back`() {
    let seen = firstViolation {
      $0.disks = .prompt
      $0.shell = .forgetsVotes
    }
    #expect(seen.violation?.invariant == .oneVoteATerm)
    #expect(
      seen.story == [
        "1. m1's time runs out; it asks m2, and stands",
        "     m1 stands in term 1 (vote m1), log –",
        "2. m1 crashes and starts again from its disk",
        "     m1 follows nobody in term 1, log –",
        "3. m2's time runs out; it asks m3, and stands",
        "     m2 stands in term 1 (vote m2), log –",
        "4. m2 → m1: term 1, vote? last 0@0",
        "     m1 follows nobody in term 1 (vote m2), log –",
        "   ✗ one vote a term: m1 votes for m1 and for m2 in term 1",
      ])
  }

  @Test func `two leaders in a term, if votes are not looked at`() {
    let seen = firstViolation {
      $0.shell = .forgetsVotes
      $0.invariants = [.electionSafety]
    }
    #expect(seen.violation?.invariant == .electionSafety)
    #expect(seen.depth > 4)
  }

  @Test func `a promise that leaves before its write is done`() {
    let seen = firstViolation { $0.shell = .sendsPromisesEarly }
    #expect(seen.violation?.invariant == .durablePromises)
    #expect(seen.depth == 1)
  }

  @Test func `a log that is cut behind a state that was never kept`() {
    let seen = firstViolation {
      $0.cuts = 1
      $0.crashes = 0
      $0.disks = .prompt
      $0.losesStale = true
      $0.shell = .forgetsState
    }
    #expect(seen.violation?.invariant == .meetingState)
    #expect(seen.story.last?.contains("a state at 0") == true, "\(seen.story)")
  }

  @Test func `what such a promise leads to`() {
    let seen = firstViolation {
      $0.shell = .sendsPromisesEarly
      $0.invariants = Invariant.outcomes
    }
    #expect(seen.violation?.invariant == .oneVoteATerm)
    #expect(seen.depth > 1)
  }

  @Test func `where a walk was, for another process to tell`() {
    var trails: [String] = []
    let scope = Scope(name: "test", summary: "") {
      $0.terms = 1
      $0.depthLimit = 4
    }
    var explorer = Explorer(scope, willStep: { trails.append($0) })
    _ = explorer.run()
    let last = trails.last ?? ""
    let story = Explorer.story(ofTrapped: last, in: scope)
    #expect(story?.last == "   ✗ the core finds an invariant broken and stops")
    #expect(story?.contains { $0.hasPrefix("4. ") } == true)
    #expect(Explorer.story(ofTrapped: "0.0.5", in: scope) == nil)
  }
}

/// Nothing of the catalogue is cheap enough to walk here; that it is what it says is.
@Suite struct `The catalogue of scopes` {
  @Test func `names each scope once`() {
    let names = (Scope.wide + Scope.shortest).map(\.name)
    #expect(Set(names).count == names.count)
    for name in names { #expect(Scope.named(name)?.name == name) }
    #expect(Scope.named("nowhere") == nil)
  }

  @Test func `plants nothing by itself`() {
    for scope in Scope.wide + Scope.shortest { #expect(scope.shell == .sound) }
  }
}
