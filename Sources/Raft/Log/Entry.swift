/// One slot of the log (Raft §5.3).
public struct Entry: Hashable, Sendable {
  public let id: EntryID
  public let content: Content

  /// What the slot carries.
  public enum Content: Hashable, Sendable {
    /// Nothing: a leader's first entry, so that its term has something to commit (Raft §8).
    case noop
    /// The members from this slot on, in force when appended (Raft §6).
    case configuration(Configuration)
    /// Opaque bytes for the state machine.
    case command([UInt8])
  }

  public init(id: EntryID, content: Content) {
    self.id = id
    self.content = content
  }

  public var index: LogIndex { id.index }
  public var term: Term { id.term }
}

/// What a log begins after: everything up to `last` lives in a snapshot (Raft §7).
///
/// A store that has never cut its log has the base `(zero, first configuration)`.
public struct LogBase: Hashable, Sendable {
  public var last: EntryID
  /// The configuration in force at `last`.
  public var configuration: Configuration

  public init(last: EntryID, configuration: Configuration) {
    self.last = last
    self.configuration = configuration
  }
}

/// What a member must never forget beside its log; one atomic record (Raft Figure 2).
public struct HardState: Hashable, Sendable {
  public var currentTerm: Term
  /// The candidate that got this member's vote in `currentTerm`; `nil`: none yet.
  public var votedFor: MemberID?

  public init(currentTerm: Term = .zero, votedFor: MemberID? = nil) {
    self.currentTerm = currentTerm
    self.votedFor = votedFor
  }
}
