import Mutants

/// What became of a mutant.
struct Judgement: Sendable {
  let trial: Trial
  let outcome: Outcome
  /// What the same run finds in the product as it is; `nil`: nothing, as it must be.
  var foundInSound: String?

  /// Why this is no kill; `nil`: the mutant died of whom it was to die.
  var objection: String? {
    if let accident = outcome.accident { return "the run broke down: \(accident)" }
    guard let finding = outcome.finding else { return "it lives" }
    guard trial.killer.claims(finding) else {
      let place = finding.trappedIn.map { "\($0): " } ?? ""
      return "not \(trial.killer.name), but: \(place)\(finding.sentence)"
    }
    return foundInSound.map { "the sound product fails as well: \($0)" }
  }

  /// `seed 17, 2,118 events`
  var needed: String {
    outcome.steps.map { "\(outcome.place), \($0) events" } ?? outcome.place
  }

  /// Hunts the mutant, then shows that the same run finds nothing without it.
  static func hunt(_ trial: Trial) throws -> Judgement {
    let outcome = try Child.play(trial, planting: trial.mutant)
    var judgement = Judgement(trial: trial, outcome: outcome)
    if outcome.finding != nil {
      let seed = outcome.place.hasPrefix("seed ") ? UInt64(outcome.place.dropFirst(5)) : nil
      let sound = try Child.play(trial, planting: nil, onlySeed: seed)
      judgement.foundInSound = sound.accident ?? sound.finding?.sentence
    }
    return judgement
  }
}
