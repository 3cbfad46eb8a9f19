/// What became of a mutant.
struct Verdict: Sendable {
  let mutantCase: MutantCase
  let outcome: Outcome
  /// What the same run finds in the product as it is; `nil`: nothing, as it must be.
  var foundInSound: String?
  /// What the unit suites say against it (`UnitSuites`); `nil`: nothing, or they were not run.
  var unitObjection: String?

  /// Why this is no kill; `nil`: the mutant died of whom it was to die.
  var objection: String? {
    if let accident = outcome.accident { return "the run broke down: \(accident)" }
    guard let finding = outcome.finding else { return "it lives" }
    guard mutantCase.oracle.claims(finding) else {
      let place = finding.trappedIn.map { "\($0): " } ?? ""
      return "not \(mutantCase.oracle.name), but: \(place)\(finding.sentence)"
    }
    if let foundInSound { return "the sound product fails as well: \(foundInSound)" }
    return unitObjection
  }

  /// `seed 17, 2,118 events`
  var needed: String {
    let place = outcome.place
    return outcome.steps.map { "\(place), \($0) events" } ?? place
  }

  /// Runs the mutant, then shows that the same run finds nothing without it.
  /// `suites` nil: the unit suites are left out.
  static func test(_ mutantCase: MutantCase, suites: UnitSuites?) throws -> Verdict {
    let outcome = try Child.play(mutantCase, planting: mutantCase.mutant)
    var verdict = Verdict(mutantCase: mutantCase, outcome: outcome)
    if outcome.finding != nil {
      let seed = outcome.place.hasPrefix("seed ") ? UInt64(outcome.place.dropFirst(5)) : nil
      let sound = try Child.play(mutantCase, planting: nil, onlySeed: seed)
      verdict.foundInSound = sound.accident ?? sound.finding?.sentence
    }
    verdict.unitObjection = try suites?.objection(to: mutantCase.mutant)
    return verdict
  }
}
