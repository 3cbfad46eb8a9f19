import Testing

@testable import MutationTesting

/// What a run tells is what is believed of it.
@Suite struct OutcomeTests {
  private func outcome(_ text: String, endedWell: Bool = false) -> Outcome {
    Outcome(lines: text.split(separator: "\n"), endedWell: endedWell)
  }

  @Test func `a check that speaks is found at its seed`() {
    let outcome = outcome("at seed 1\nat seed 2\nsteps 40\nfound 1 and 2 both lead term 3\n")
    #expect(outcome.place == "seed 2")
    #expect(outcome.steps == 40)
    #expect(outcome.finding == Finding(sentence: "1 and 2 both lead term 3"))
    #expect(Oracle.electionSafety.claims(outcome.finding!))
  }

  /// A trap that says the same is another oracle.
  @Test func `a trap is known by its file`() {
    let outcome = outcome(
      "at seed 9\nRaft/RaftCore+Messages.swift:88: Precondition failed: m1 and m2 both lead term 3")
    #expect(outcome.finding?.trappedIn == "Raft/RaftCore+Messages.swift")
    #expect(!Oracle.electionSafety.claims(outcome.finding!))
    #expect(Oracle.trap("RaftCore+Messages", "both lead term").claims(outcome.finding!))
    #expect(!Oracle.trap("Messages", "both lead term").claims(outcome.finding!))
  }

  @Test func `an end that nobody foresaw kills nothing`() {
    let outcome = outcome("at seed 3\n")
    #expect(outcome.finding == nil && outcome.accident == "at seed 3")
    #expect(self.outcome("at seed 3\n", endedWell: true).accident == nil)
  }
}

/// Nobody dies by accident.
@Suite struct VerdictTests {
  private func verdict(_ text: String, sound: String? = nil) -> Verdict {
    let mutantCase = MutantCase("C1", .committedLog, .seeds(upTo: 9))
    let outcome = Outcome(lines: text.split(separator: "\n"), endedWell: false)
    return Verdict(mutantCase: mutantCase, outcome: outcome, foundInSound: sound)
  }

  @Test func `a kill by whom it was foretold counts`() {
    #expect(verdict("at seed 1\nfound m1 has committed term 2").objection == nil)
  }

  @Test func `a kill by another does not`() {
    let objection = verdict("at seed 1\nfound m1 and m2 both lead term 2").objection
    #expect(objection?.hasPrefix("not CommittedLog, but: ") == true)
  }

  @Test func `a kill that the sound product shares does not`() {
    let verdict = verdict("at seed 1\nfound m1 has committed term 2", sound: "the same")
    #expect(verdict.objection == "the sound product fails as well: the same")
  }
}
