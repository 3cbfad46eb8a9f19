public import Base

/// Everything that can move a core: an event, and the instant at which it happened.
public struct Input: Sendable {
  public var now: Instant
  public var event: Event

  public init(now: Instant, event: Event) {
    self.now = now
    self.event = event
  }

  public enum Event: Sendable {
    /// The instant that `Output.wakeAt` named has come. Harmless when early.
    case timer
    /// A message of this member's present boot and the sender's present boot has arrived.
    case message(Message, from: MemberID)
    /// The write with this ticket, and every write before it, is on disk.
    case stored(WriteTicket)
    /// Commands to append, in order, if this member leads.
    case propose([Proposal])
    /// A linearizable read asks from which applied index on it may be served.
    case read(ReadID)
    /// Change the members, if this member leads and no change is under way.
    case change(ConfigurationChange, ProposalID)
    /// Hand leadership to a voter; `nil`: the one whose log is furthest (Thesis §3.10).
    case transferLeadership(to: MemberID?)
    /// The session with this member was established.
    case sessionOpened(MemberID)
    /// The established session with this member broke.
    case sessionLost(MemberID)
    /// The entries that `Output.fetches` asked for; empty: they have been cut away meanwhile.
    case fetched(LogFetch, [Entry])
    /// The state machine has applied everything up to here.
    case applied(LogIndex)
    /// Applied entries up to here would survive a crash: the log may be cut up to here.
    case durableApplied(LogIndex)
    /// The stream that `Output.snapshots` asked for has ended.
    case snapshotSent(SnapshotRequest, SnapshotOutcome)
    /// The state machine now stands at the snapshot that `Output.restore` named.
    case restored(LogBase)
  }
}

/// One command that waits to be appended.
public struct Proposal: Hashable, Sendable {
  public var id: ProposalID
  public var command: [UInt8]

  public init(id: ProposalID, command: [UInt8]) {
    self.id = id
    self.command = command
  }
}

/// How a snapshot stream to a follower ended.
public enum SnapshotOutcome: Hashable, Sendable {
  /// The receiver holds all of it; its acknowledgement follows as an `AppendReply`.
  case delivered(LogBase)
  case failed
}
