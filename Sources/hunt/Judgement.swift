/// What became of a mutant.
struct Judgement: Sendable {
  let trial: Trial
  let outcome: Outcome
  /// What the same run finds in the product as it is; `nil`: nothing, as it must be.
  var foundInSound: String?
  /// What the unit suites say against it (`UnitSuites`); `nil`: nothing, or they were not run.
  var unitObjection: String?

  /// Why this is no kill; `nil`: the mutant died of whom it was to die.
  var objection: String? {
    if let accident = outcome.accident { return "the run broke down: \(accident)" }
    guard let finding = outcome.finding else { return "it lives" }
    guard trial.killer.claims(finding) else {
      let place = finding.trappedIn.map { "\($0): " } ?? ""
      return "not \(trial.killer.name), but: \(place)\(finding.sentence)"
    }
    if let foundInSound { return "the sound product fails as well: \(foundInSound)" }
    return unitObjection
  }

  /// `seed 17, 2,118 events`
  var needed: String {
    let place = outcome.place
    return outcome.steps.map { "\(place), \($0) events" } ?? place
  }

  /// Hunts the mutant, then shows that the same run finds nothing without it.
  /// `suites` nil: the unit suites are left out.
  static func hunt(_ trial: Trial, suites: UnitSuites?) throws -> Judgement {
    let outcome = try Child.play(trial, planting: trial.mutant)
    var judgement = Judgement(trial: trial, outcome: outcome)
    if outcome.finding != nil {
      let seed = outcome.place.hasPrefix("seed ") ? UInt64(outcome.place.dropFirst(5)) : nil
      let sound = try Child.play(trial, planting: nil, onlySeed: seed)
      judgement.foundInSound = sound.accident ?? sound.finding?.sentence
    }
    judgement.unitObjection = try suites?.objection(to: trial.mutant)
    return judgement
  }
}
