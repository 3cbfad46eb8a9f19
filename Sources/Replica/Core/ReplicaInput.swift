public import Base
public import KeyValue
public import Raft

/// Everything that can move a replica: an event, and the instant at which it happened.
public struct ReplicaInput: Sendable {
  public var now: Instant
  public var event: ReplicaEvent

  public init(now: Instant, event: ReplicaEvent) {
    self.now = now
    self.event = event
  }
}

public enum ReplicaEvent: Sendable {
  /// The instant that `ReplicaEffects.wakeAt` named has come. Harmless when early.
  case timer
  /// A message of the sender's present boot, meant for this boot, has arrived.
  case message(PeerMessage, from: MemberID)
  /// A session with this boot of the member was established; the handshake was admitted.
  case sessionOpened(MemberID, Boot)
  case sessionLost(MemberID)

  /// The write with this ticket, and every write before it, is on disk.
  case stored(WriteTicket)
  case fetched(LogFetch, [Entry])
  /// The state machine has applied and published everything up to here; `completed`: the requests
  /// of this boot of this member that were among it; `leases`: what became of leases, in order.
  /// `upkeep`: of the state at `through`; `nil`: as before.
  case applied(
    through: LogIndex, completed: [RequestID], leases: [LeaseChange] = [],
    upkeep: UpkeepFacts? = nil)
  /// Applied entries up to here would survive a crash.
  case durableApplied(LogIndex)
  /// Every chunk of the snapshot that `leader` streamed in `term` was verified and is on disk.
  case snapshotReceived(LogBase, term: Term, from: MemberID)
  case snapshotSent(SnapshotRequest, SnapshotOutcome)
  /// The state machine now stands at the snapshot that `ReplicaEffects.restore` named.
  case restored(
    LogBase, leases: LeaseImage = LeaseImage(), upkeep: UpkeepFacts? = nil)
  case pressure(StorePressure)
  /// What the store's files take now, as far as they hold something.
  case storeSize(UInt64)
  /// Rows of these revisions in this member's own files are not what was written.
  case damaged(ClosedRange<Int64>)

  /// Somebody wants to know whether writes pass (`ReplicaCore.writeHealth`).
  case probeWrites
  /// Somebody wants to be told of it until further notice, or nobody any more.
  case watchWrites(Bool)
  case propose([ProposalRequest])
  case read([ReadRequest])
  /// A change of members, to be made here and now or not at all.
  case change(RequestID, ConfigurationChange, deadline: Instant)
  /// A change of members that a client asks for: it goes to the leader, and is judged there.
  case reconfigure(MemberRequest)
  /// A member with which a session is open has said who it is; or this member, of itself.
  case introduced(Introduction)
  /// A member's handshake says that this one was removed (`HandshakeRefusal.iWasRemoved`).
  case dismissed
  /// `to` `nil`: the voter whose log is furthest.
  case transferLeadership(RequestID, to: MemberID?, deadline: Instant)
  /// Hand leadership over, refuse what is new, answer what is in flight, then be drained.
  case shutdown(deadline: Instant)
}

/// What the store can take.
public enum StorePressure: UInt8, Hashable, Sendable {
  case none = 0
  /// The overlay is full: no command until the flusher has caught up.
  case overlayFull = 1
  /// Little free space: no growing command.
  case noSpace = 2
}
