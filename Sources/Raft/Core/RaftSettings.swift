/// What a core is told once, when it starts.
public struct RaftSettings: Hashable, Sendable {
  public var heartbeatInterval: Duration = .milliseconds(100)
  /// Each draw lies in `electionTimeout ..< 2 × electionTimeout` (Raft §5.2).
  public var electionTimeout: Duration = .milliseconds(1000)
  /// One AppendEntries carries about this much at most, and at least one entry.
  public var appendLimitBytes = 1 << 20
  /// AppendEntries on their way to one follower without an answer.
  public var inflightLimit = 256
  /// Bytes on their way to one follower without an answer; at least one message goes.
  public var inflightLimitBytes = 16 << 20
  /// Recent entries kept in memory.
  public var windowLimitBytes = 32 << 20
  /// Entries appended but not committed; above it proposals are refused.
  public var uncommittedLimitBytes = 64 << 20
  /// Entries handed to the state machine but not yet reported applied.
  public var unappliedLimitBytes = 16 << 20
  /// Entries kept behind `durableApplied` so that a slow follower needs no snapshot.
  public var retainedEntries: UInt64 = 10_000
  public var retainedBytes = 16 << 20
  /// Kept, instead, while a follower is brought up by a snapshot, so that it goes on from there by
  /// the log: under load the log of a transfer's time is longer than what is kept for the slow.
  public var heldBytes = 256 << 20
  /// A learner may be promoted when it lacks no more entries than this.
  public var promotionLag: UInt64 = 1_000
  /// After the session with the leader broke, a pre-vote starts within a draw below this; a
  /// repetition waits between one and two times it.
  public var connectionLossDelay: Duration = .milliseconds(20)
  /// How often an election is repeated at that scale before ordinary timeouts hold again.
  public var connectionLossTries = 8

  public init() {}
}

/// What a member finds on its disk when it starts.
public struct Recovered: Sendable {
  public var hardState: HardState
  public var base: LogBase
  /// The whole log after `base.last`, consecutive.
  public var entries: [Entry]
  /// What the state machine has applied; `base.last.index ... last entry`.
  public var applied: LogIndex
  /// Of the store that the log is of.
  public var founding: Founding

  public init(
    hardState: HardState, base: LogBase, entries: [Entry], applied: LogIndex,
    founding: Founding = .unknown
  ) {
    self.hardState = hardState
    self.base = base
    self.entries = entries
    self.applied = applied
    self.founding = founding
  }
}
