public import Base
public import KeyValue
public import Raft

/// Everything that one step of a replica asks of the world.
///
/// A shell carries them out in the order in which they are declared: what is told to a client
/// comes after the writes are queued, but rests on none of them.
public struct ReplicaEffects: Equatable, Sendable {
  /// Leave at once: they claim nothing that is not yet durable. May be lost.
  public var sends: [PeerEnvelope] = []
  /// To be made durable first in, first out. One fsync may cover many.
  public var writes: [ReplicaWrite] = []
  /// The state machine must move to this installed snapshot before it applies anything more.
  public var restore: LogBase?
  /// Committed and durable here, in order, each exactly once in a boot: for the state machine.
  public var apply: [Entry] = []
  /// Entries to be read from the log.
  public var fetches: [LogFetch] = []
  /// Snapshots to be streamed to followers.
  public var snapshots: [SnapshotRequest] = []
  /// For clients of this member. A command that was applied is answered by its result instead.
  public var answers: [Answer] = []
  /// The quorum rule's result, when it has changed.
  public var quorum: QuorumView?
  /// After `shutdown`: nothing is in flight any more, the files may be closed.
  public var isDrained = false
  /// This member was removed: what it has in hand is answered, and it must end for good.
  public var isRemoved = false
  /// What changed, for logs, metrics and traces. Never acted upon.
  public var notes: [ReplicaNote] = []
  /// When to send `ReplicaEvent.timer`, at the latest.
  public var wakeAt: Instant = .distantFuture

  public init() {}
}

/// One atomic change to durable state, and the promises that rest on it.
public struct ReplicaWrite: Equatable, Sendable {
  /// Its own `releasedWhenDurable` is empty.
  public var write: StorageWrite
  /// Sent only after the write is durable: a crash must not make them lies (Raft Figure 2).
  public var releasedWhenDurable: [PeerEnvelope]

  public init(write: StorageWrite, releasedWhenDurable: [PeerEnvelope]) {
    self.write = write
    self.releasedWhenDurable = releasedWhenDurable
  }
}

/// What changed in a step, for people.
public enum ReplicaNote: Hashable, Sendable {
  case raft(Note)
  case quorum(QuorumView)
  case pressure(StorePressure)
  case diverged(Divergence)
  /// Members differ, and there is no majority that tells which of them is right.
  case digestsUndecided
  case alarms([Alarm])
  case forwarded(requests: Int, to: MemberID)
  /// Dropped: it belonged to another boot, or its number had been taken.
  case forwardDropped(from: MemberID, number: UInt64)
  /// Dropped: an InstallSnapshot that no verified stream stands behind.
  case snapshotDropped(from: MemberID)
  /// The leader has changed the members by itself.
  case changedMembers(ConfigurationChange)
  /// A spare is to take the place of a voter that was silent for so long.
  case calledSpare(MemberID, for: MemberID, silentFor: Duration)
  /// It has, so long after it was called: a majority of the new voters has confirmed it.
  case spareTookOver(MemberID, for: MemberID, took: Duration)
  /// Somebody else had better lead.
  case handsOver(HandOverReason, to: MemberID)
  /// Entries after this one are gone that an earlier boot has acknowledged: the log is not the one
  /// that it wrote. The member must end.
  case forgotEntries(after: LogIndex, acknowledged: LogIndex)
  /// By what is committed, this member is none any more.
  case removed
  case shuttingDown
  case drained
}
