public import Raft

/// What is known of this member's deaths while it applied entries: the evidence for a query of
/// death, an entry that ends every process which applies it.
///
/// It outlives the process, not the machine: a lost record only costs one more death.
public struct ApplyRecord: Hashable, Sendable {
  /// The entry whose application began and has not ended; zero: none.
  public var applying: LogIndex
  /// The entry at which the process died last; zero: none.
  public var suspect: LogIndex
  /// How many processes in a row died at `suspect`.
  public var deaths: UInt64
  /// A hash of the version that died: another one may get past the entry.
  public var build: UInt64

  public init(
    applying: LogIndex = .zero, suspect: LogIndex = .zero, deaths: UInt64 = 0, build: UInt64 = 0
  ) {
    self.applying = applying
    self.suspect = suspect
    self.deaths = deaths
    self.build = build
  }

  /// Deaths in a row at one entry before it is no longer tried: one may be an accident.
  public static let deathLimit: UInt64 = 2

  /// Judges the last process's end when a new one starts, whose state contains the entries up to
  /// `applied`.
  ///
  /// Returns the entry that must not be applied again; `nil`: go on. `triesAgain`: somebody asked
  /// for one more attempt.
  public mutating func begin(
    applied: LogIndex, build: UInt64, triesAgain: Bool = false
  ) -> LogIndex? {
    guard self.build == build, !triesAgain else {
      self = ApplyRecord(build: build)
      return nil
    }
    if applying > applied {
      deaths = applying == suspect ? deaths + 1 : 1
      suspect = applying
    }
    applying = .zero
    if suspect <= applied { (suspect, deaths) = (.zero, 0) }
    return deaths >= Self.deathLimit ? suspect : nil
  }
}
