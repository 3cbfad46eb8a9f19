import Base

/// What a member is in its term, with all that it needs to be it (Raft §5.1).
///
/// Assigned only by the `become` methods, so that every way into a role is in one place.
public enum Role: Hashable, Sendable {
  case follower(Follower)
  case preCandidate(PreCandidate)
  case candidate(Candidate)
  case leader(Leader)
}

/// Passive: answers leaders and candidates.
public struct Follower: Hashable, Sendable {
  /// Who leads this term; `nil`: not known yet.
  public internal(set) var leader: MemberID?
  /// When the leader was last heard; `nil`: never, or the session with it broke since.
  var heardAt: Instant?
  /// When it stops waiting for a leader. Drawn when set (Raft §5.2).
  var electionAt: Instant
  /// Elections that it may still try at short intervals, because a session broke.
  var quickTries = 0
  /// The leader's round of heartbeats that was answered last, over the session that stands.
  var answeredRound: UInt64?
  /// Reads that wait for the leader's answer, oldest first.
  var reads: [ForwardedRead] = []

  /// A read of this member that the leader was asked to confirm (Thesis §6.4).
  struct ForwardedRead: Hashable, Sendable {
    var id: ReadID
    var deadline: Instant
  }
}

/// Asks whether it would win, before it disturbs anyone (Thesis §9.6).
public struct PreCandidate: Hashable, Sendable {
  var granted: [MemberID]
  var electionAt: Instant
  var quickTries: Int
}

/// Stands for election in its term (Raft §5.2).
public struct Candidate: Hashable, Sendable {
  /// Who voted for it; itself only once that vote is on disk.
  var granted: [MemberID] = []
  var electionAt: Instant
  var quickTries: Int
}

/// Leads its term.
public struct Leader: Hashable, Sendable {
  /// Its first entry: once this is committed, so is all before it (Raft §5.4.2, §8).
  let firstIndex: LogIndex
  /// The other members, ascending: those in force, and those whose removal is not committed.
  public internal(set) var followers: [Progress]
  var heartbeatAt: Instant
  /// Heartbeat rounds begun in this term.
  var round: UInt64 = 0
  var reads = ReadQueue()
  public internal(set) var transfer: Transfer?
  /// Bytes of the entries that are not committed.
  var uncommittedBytes: Int

  /// Leadership on its way to another member (Thesis §3.10).
  public struct Transfer: Hashable, Sendable {
    public var to: MemberID
    /// When the leader gives up and takes proposals again.
    var deadline: Instant
    /// TimeoutNow has been sent.
    var isSent = false
  }

  func position(of member: MemberID) -> Int? {
    followers.firstIndex { $0.member == member }
  }
}
