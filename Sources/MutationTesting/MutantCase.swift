/// One mutant, and how it is to die.
struct MutantCase: Sendable {
  /// Its id: `Mutants/` has a file of that name.
  let mutant: String
  let oracle: Oracle
  let arena: Arena

  init(_ mutant: String, _ oracle: Oracle, _ arena: Arena) {
    self.mutant = mutant
    self.oracle = oracle
    self.arena = arena
  }
}

/// Where a mutant is to be noticed.
enum Arena: Hashable, Sendable {
  /// Simulated lives, from seed 1 on.
  case seeds(upTo: UInt64)
  /// A story led by hand, by its name (`Simulation.Story`).
  case story(String)
  /// Every state of a small world, by the scope's name (`Simulation.Scope`).
  case scope(String)
  /// A part of the product alone: one store on a disk that fails, one decoder, one core.
  case drill(Drill)
}
