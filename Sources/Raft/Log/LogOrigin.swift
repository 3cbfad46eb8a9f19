import Base

/// What a member's log begins after when its directory is made: nothing, or a state that was
/// brought back from a snapshot file.
///
/// All first members of a store have the same origin; it is part of what they hold against each
/// other before the store forms.
public struct LogOrigin: Hashable, Sendable {
  /// The entry that the state contains and nobody has.
  public var last: EntryID
  /// Of that state; zero: it is empty.
  public var digest: UInt64

  /// *Precondition*: a state that is not empty has an entry that it ends with, so that a member
  /// without it is never brought up to date by the log alone.
  public init(last: EntryID, digest: UInt64) {
    demand(
      (digest == 0) == (last == .zero), "a state at \(last.index.number) has the digest \(digest)")
    self.last = last
    self.digest = digest
  }

  public static let nothing = LogOrigin(last: .zero, digest: 0)
}
