public import Raft
public import Replica
public import Wire

/// What moves the exchange of snapshots.
public enum SnapshotInput: Sendable {
  /// The core wants a follower to be sent a snapshot.
  case requested(SnapshotRequest)
  /// The state for it is open, or `nil`: not now. `base`: what the log would begin with; `nil`: the
  /// log does not say. `addresses`: how many the follower has.
  case opened(SnapshotRequest, SnapshotHead?, base: LogBase?, addresses: Int)
  case report(SnapshotReport)
  /// A connection stands, dialed for the exchange or by a peer. `saysWorking`: the peer's build
  /// knows that frame.
  case connected(SnapshotStreamID, with: MemberID, Boot, saysWorking: Bool)
  /// The connection takes another frame.
  case writable(SnapshotStreamID)
  case frame(SnapshotFrame, on: SnapshotStreamID)
  /// The connection is over, or never came to stand.
  case closed(SnapshotStreamID)
  /// A session with this boot of a peer was established.
  case session(MemberID, Boot)
  /// The core has judged the snapshot that arrived on this stream.
  case judged(SnapshotStreamID)
  /// The instant that `SnapshotExchange.wakeAt` named has come. Harmless when early.
  case timer
}

/// Where the replica stands, as far as the exchange goes by it.
public struct SnapshotStanding: Hashable, Sendable {
  public var term: Term
  /// Who leads this term; `nil`: unknown.
  public var leader: MemberID?
  /// It leads, and its state is to be trusted.
  public var maySend: Bool
  public var applied: LogIndex
  /// The snapshot that the log is about to begin with; `nil`: none.
  public var installing: EntryID?

  public init(
    term: Term, leader: MemberID?, maySend: Bool, applied: LogIndex, installing: EntryID?
  ) {
    self.term = term
    self.leader = leader
    self.maySend = maySend
    self.applied = applied
    self.installing = installing
  }

  /// Of a member without a replica: it sends nothing, and needs nothing.
  public static let absent = SnapshotStanding(
    term: .zero, leader: nil, maySend: false, applied: LogIndex(.max), installing: nil)
}

/// What the exchange wants of the world, in this order.
public enum SnapshotEffect: Hashable, Sendable {
  /// Let the state machine open the state that the request wants.
  case openSource(SnapshotRequest)
  /// Dial a connection at the address with this number, counted round.
  case dial(SnapshotStreamID, to: MemberID, attempt: Int)
  case send(SnapshotFrame, on: SnapshotStreamID)
  case close(SnapshotStreamID)
  /// One chunk that came on the connection was taken: another may be read.
  case took(SnapshotStreamID)
  case order(SnapshotOrder)
  /// How a stream to a follower ended, for the core.
  case sent(SnapshotRequest, SnapshotOutcome)
  /// All of a snapshot is on disk: for the core, and then `judged` back.
  case received(SnapshotStreamID, LogBase, term: Term, from: MemberID)
  case note(SnapshotNote)
}

/// What people are told.
public enum SnapshotNote: Hashable, Sendable {
  case sends(to: MemberID)
  case receives(from: MemberID)
  case sendingEnded(to: MemberID, SnapshotEnd)
  case receivingEnded(from: MemberID, SnapshotEnd)
}

/// Why a stream ended before all was there.
public enum SnapshotEnd: Hashable, Sendable {
  /// The connection broke, or never came to stand.
  case closed
  /// The other side owed something, and nothing came.
  case idle
  /// This member's own disk has taken too long.
  case ownDisk
  /// The other side is another run of its process by now.
  case otherBoot
  /// A later stream took its place.
  case displaced
  /// The other side, or this member's disk, has refused it.
  case refused(SnapshotFrame.Rejection)
  /// This member no longer leads the term.
  case notLeading
  /// There is nothing to send, or nobody to dial.
  case unavailable
}

extension ReplicaCore {
  /// Where it stands, for the exchange.
  public var snapshotStanding: SnapshotStanding {
    SnapshotStanding(
      term: currentTerm, leader: leader, maySend: isLeader && !isFenced, applied: appliedIndex,
      installing: installing)
  }

  /// What a log begins with that begins after this state; `nil`: this member's log does not say.
  public func snapshotBase(at last: EntryID) -> LogBase? {
    configuration(at: last.index).map { LogBase(last: last, configuration: $0) }
  }
}
