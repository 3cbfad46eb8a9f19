#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A rule of the product that one process does without, so that we see who notices.
///
/// The raw value is the row of `Catalogue.rows` (in `hunt`), which says what is broken, where it
/// was seen and by whom it must be noticed. The product names a mutant only inside `#if Mutants`,
/// and has no arrow to this module without that trait.
public enum Mutant: String, CaseIterable, Sendable {
  // Votes and terms.
  case storesTermBeforeVote = "V1"
  case asksForVotesEarly = "V2"
  case forgetsVoteOnStepDown = "V3"

  // Commit rule.
  case commitsOlderTerms = "C1"

  // Membership.
  case changesBeforeOwnCommit = "M1"

  // Log, snapshot, transport.
  case trustsStaleWrites = "L3"
  case acknowledgesStaleWrites = "L3-ack"

  /// The variable of the environment that names the one to plant.
  public static let variable = "QUORATE_MUTANT"

  /// The one that this process plants; `nil`: none. *Precondition*: the variable is unset, empty or
  /// names a mutant.
  public static let planted: Mutant? = {
    guard let value = getenv(variable) else { return nil }
    let name = String(cString: value)
    guard !name.isEmpty else { return nil }
    guard let mutant = Mutant(rawValue: name) else {
      preconditionFailure("\(variable)=\(name) names no mutant")
    }
    return mutant
  }()

  public var isPlanted: Bool { self == Self.planted }
}
