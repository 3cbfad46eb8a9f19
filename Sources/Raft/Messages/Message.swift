/// What one core says to another. Every message carries its sender's term (Raft §5.1).
public struct Message: Hashable, Sendable {
  /// The sender's current term; of `preVote` and its granted reply: the term it would begin.
  public var term: Term
  public var body: Body

  public init(term: Term, body: Body) {
    self.term = term
    self.body = body
  }

  public enum Body: Hashable, Sendable {
    case preVote(PreVote)
    case preVoteReply(VoteReply)
    case requestVote(RequestVote)
    case voteReply(VoteReply)
    case appendEntries(AppendEntries)
    case appendReply(AppendReply)
    case heartbeat(Heartbeat)
    case heartbeatReply(HeartbeatReply)
    case installSnapshot(InstallSnapshot)
    case timeoutNow
    case readIndex(ReadIndex)
    case readIndexReply(ReadIndexReply)
  }
}

/// "Would you vote for me?", asked before disturbing anyone (Thesis §9.6). No side effects.
public struct PreVote: Hashable, Sendable {
  /// The last entry of the asker's log.
  public var lastEntry: EntryID

  public init(lastEntry: EntryID) { self.lastEntry = lastEntry }
}

/// A candidate asks for a vote (Raft §5.2).
public struct RequestVote: Hashable, Sendable {
  /// The last entry of the candidate's log.
  public var lastEntry: EntryID
  /// The leader asked for this election, so a live leader is no reason to refuse (Thesis §3.10).
  public var isTransfer: Bool

  public init(lastEntry: EntryID, isTransfer: Bool = false) {
    self.lastEntry = lastEntry
    self.isTransfer = isTransfer
  }
}

public struct VoteReply: Hashable, Sendable {
  public var granted: Bool

  public init(granted: Bool) { self.granted = granted }
}

/// The leader's entries that follow `previous` (Raft §5.3).
public struct AppendEntries: Hashable, Sendable {
  public var previous: EntryID
  /// Consecutive, the first at `previous.index + 1`; empty: a probe.
  public var entries: [Entry]
  public var commitIndex: LogIndex

  public init(previous: EntryID, entries: [Entry], commitIndex: LogIndex) {
    self.previous = previous
    self.entries = entries
    self.commitIndex = commitIndex
  }
}

public struct AppendReply: Hashable, Sendable {
  public enum Result: Hashable, Sendable {
    /// The receiver's durable log equals the leader's up to and including this entry.
    case accepted(match: EntryID)
    /// The receiver holds no entry `previous`. `hint`: the last entry of its log whose term is
    /// at most the term of `previous` and whose index is below it; the leader probes from there.
    case rejected(previous: LogIndex, hint: EntryID)
  }

  public var result: Result

  public init(_ result: Result) { self.result = result }
}

/// Keeps leadership and confirms it: replies to one `round` prove that the leader still led when
/// the round began (Raft §8, Thesis §6.4).
public struct Heartbeat: Hashable, Sendable {
  /// Counted from one in each term of a leader.
  public var round: UInt64
  /// Never beyond what the receiver is known to hold.
  public var commitIndex: LogIndex

  public init(round: UInt64, commitIndex: LogIndex) {
    self.round = round
    self.commitIndex = commitIndex
  }
}

public struct HeartbeatReply: Hashable, Sendable {
  /// Zero: the heartbeat was of an earlier term and this confirms nothing.
  public var round: UInt64

  public init(round: UInt64) { self.round = round }
}

/// Every chunk of a snapshot has arrived, was verified and is on disk (Raft §7). The chunks
/// themselves travel beside the core; the shell hands this to it in the leader's name.
public struct InstallSnapshot: Hashable, Sendable {
  public var base: LogBase

  public init(base: LogBase) { self.base = base }
}

/// A follower asks the leader for a read index (Thesis §6.4). One id may stand for a batch.
public struct ReadIndex: Hashable, Sendable {
  public var id: ReadID

  public init(id: ReadID) { self.id = id }
}

public struct ReadIndexReply: Hashable, Sendable {
  public var id: ReadID
  /// Reads may be served once this is applied; `nil`: refused, the receiver does not lead.
  public var index: LogIndex?

  public init(id: ReadID, index: LogIndex?) {
    self.id = id
    self.index = index
  }
}

/// A read of one boot of one member; never used twice in that boot.
public struct ReadID: Hashable, Sendable {
  public let number: UInt64

  public init(_ number: UInt64) { self.number = number }
}

/// A proposal of one boot of one member; never used twice in that boot.
public struct ProposalID: Hashable, Sendable {
  public let number: UInt64

  public init(_ number: UInt64) { self.number = number }
}

/// A message on its way to a member.
public struct Envelope: Hashable, Sendable {
  public var to: MemberID
  public var message: Message

  public init(to: MemberID, message: Message) {
    self.to = to
    self.message = message
  }
}
