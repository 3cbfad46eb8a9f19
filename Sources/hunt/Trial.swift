/// One mutant, and how it is to die.
struct Trial: Sendable {
  /// Its id: `Mutants/` has a file of that name.
  let mutant: String
  let killer: Killer
  let ground: Ground

  init(_ mutant: String, _ killer: Killer, _ ground: Ground) {
    self.mutant = mutant
    self.killer = killer
    self.ground = ground
  }
}

/// Where a mutant is hunted.
enum Ground: Hashable, Sendable {
  /// Simulated lives, from seed 1 on.
  case seeds(upTo: UInt64)
  /// A story led by hand, by its name (`Simulation.Story`).
  case story(String)
  /// Every state of a small world, by the scope's name (`Simulation.Scope`).
  case scope(String)
  /// A part of the product alone: one store on a disk that fails, one decoder, one core.
  case drill(Drill)
}
