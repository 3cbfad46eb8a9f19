import Testing

@testable import hunt

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
    #expect(Killer.electionSafety.claims(outcome.finding!))
  }

  /// A trap that says the same is another killer.
  @Test func `a trap is known by its file`() {
    let outcome = outcome(
      "at seed 9\nRaft/RaftCore+Messages.swift:88: Precondition failed: m1 and m2 both lead term 3")
    #expect(outcome.finding?.trappedIn == "Raft/RaftCore+Messages.swift")
    #expect(!Killer.electionSafety.claims(outcome.finding!))
    #expect(Killer.trap("RaftCore+Messages", "both lead term").claims(outcome.finding!))
    #expect(!Killer.trap("Messages", "both lead term").claims(outcome.finding!))
  }

  @Test func `an end that nobody foresaw kills nothing`() {
    let outcome = outcome("at seed 3\n")
    #expect(outcome.finding == nil && outcome.accident == "at seed 3")
    #expect(self.outcome("at seed 3\n", endedWell: true).accident == nil)
  }
}

/// Nobody dies by accident.
@Suite struct JudgementTests {
  private func judgement(_ text: String, sound: String? = nil) -> Judgement {
    let trial = Trial("C1", .committedLog, .seeds(upTo: 9))
    let outcome = Outcome(lines: text.split(separator: "\n"), endedWell: false)
    return Judgement(trial: trial, outcome: outcome, foundInSound: sound)
  }

  @Test func `a kill by whom it was foretold counts`() {
    #expect(judgement("at seed 1\nfound m1 has committed term 2").objection == nil)
  }

  @Test func `a kill by another does not`() {
    let objection = judgement("at seed 1\nfound m1 and m2 both lead term 2").objection
    #expect(objection?.hasPrefix("not CommittedLog, but: ") == true)
  }

  @Test func `a kill that the sound product shares does not`() {
    let judgement = judgement("at seed 1\nfound m1 has committed term 2", sound: "the same")
    #expect(judgement.objection == "the sound product fails as well: the same")
  }
}
