public import Base

/// Everything that one step asks of the world. The shape is the contract: what rests on a write
/// lies inside that write.
public struct Output: Equatable, Sendable {
  /// Leave at once: they claim nothing that is not yet durable.
  public var sends: [Envelope] = []
  /// To be made durable first in, first out. One fsync may cover many.
  public var writes: [StorageWrite] = []
  /// Committed, durable here, in order, each exactly once in a boot: for the state machine.
  public var committed: [Entry] = []
  /// Entries that memory no longer holds, to be read from the log.
  public var fetches: [LogFetch] = []
  /// Followers that need a snapshot, because the log before their next entry is gone.
  public var snapshots: [SnapshotRequest] = []
  /// The state machine must move to this installed snapshot before it applies anything more.
  public var restore: LogBase?
  /// Proposals that now have a slot; their fate is the slot's.
  public var appended: [Appended] = []
  /// Proposals and changes that were NOT appended and never will be.
  public var refused: [Refused] = []
  /// Reads that may be served once the index is applied.
  public var readable: [Readable] = []
  /// Reads that will not be confirmed; the asker may try again.
  public var unreadable: [ReadID] = []
  /// What changed, for logs, metrics and traces. Never acted upon.
  public var notes: [Note] = []
  /// When to send `Input.Event.timer`, at the latest.
  public var wakeAt: Instant = .distantFuture

  public init() {}
}

/// Counts the writes of one boot from one; `stored` echoes it.
public struct WriteTicket: Comparable, Hashable, Sendable {
  public let number: UInt64

  public init(_ number: UInt64) { self.number = number }

  public static func < (left: WriteTicket, right: WriteTicket) -> Bool {
    left.number < right.number
  }
}

/// One atomic change to durable state, and the promises that rest on it.
public struct StorageWrite: Hashable, Sendable {
  public var ticket: WriteTicket
  /// `nil`: unchanged.
  public var hardState: HardState?
  /// Replaces the log from the first entry's index onward; empty leaves the log alone.
  public var entries: [Entry] = []
  /// Cuts the log: everything up to `cut.last` goes, and the base becomes this.
  public var cut: LogBase?
  /// Installs the received snapshot: the new generation, the new base, and an empty log unless it
  /// holds `install.last` with that very term, in which case the entries after it stay (Raft §7).
  public var install: LogBase?
  /// Sent only after the write is durable: a crash must not make them lies (Raft Figure 2).
  public var releasedWhenDurable: [Envelope] = []

  public init(ticket: WriteTicket) { self.ticket = ticket }
}

/// A wish for entries `first ... last` of the durable log, at most about `limitBytes` of them
/// but at least one.
public struct LogFetch: Hashable, Sendable {
  public var first: LogIndex
  public var last: LogIndex
  public var limitBytes: Int

  public init(first: LogIndex, last: LogIndex, limitBytes: Int) {
    self.first = first
    self.last = last
    self.limitBytes = limitBytes
  }
}

/// Stream a snapshot that ends at `atLeast` or later to this follower.
public struct SnapshotRequest: Hashable, Sendable {
  public var to: MemberID
  public var atLeast: LogIndex

  public init(to: MemberID, atLeast: LogIndex) {
    self.to = to
    self.atLeast = atLeast
  }
}

public struct Appended: Hashable, Sendable {
  public var proposal: ProposalID
  public var entry: EntryID

  public init(proposal: ProposalID, entry: EntryID) {
    self.proposal = proposal
    self.entry = entry
  }
}

/// A proposal that got no slot, and why.
public struct Refused: Hashable, Sendable {
  public enum Reason: Hashable, Sendable {
    /// This member does not lead; `leader`: the one it believes does.
    case notLeader(leader: MemberID?)
    /// Leadership is being handed over.
    case transferring
    /// The tail that waits for a quorum has reached its bound in bytes.
    case tooManyUncommitted
    /// A configuration change is refused by a rule of Raft §6 or Thesis §4.
    case configuration(ConfigurationRefusal)
  }

  public var proposal: ProposalID
  public var reason: Reason

  public init(proposal: ProposalID, reason: Reason) {
    self.proposal = proposal
    self.reason = reason
  }
}

/// Why a configuration change was not appended.
public enum ConfigurationRefusal: Error, Hashable, Sendable {
  /// The last change is not committed yet (Thesis §4.1).
  case changeInProgress
  /// No entry of this term is committed yet (the single-server bug, Ongaro 2015-07).
  case termNotCommitted
  case memberExists
  case memberNotFound
  /// Another member is reached there.
  case peerURLExists
  case notALearner
  case notAVoter
  /// The learner's log is too far behind (Thesis §4.2.1).
  case learnerBehind
  /// It would leave no voter.
  case noVoters
}

public struct Readable: Hashable, Sendable {
  public var read: ReadID
  public var index: LogIndex

  public init(read: ReadID, index: LogIndex) {
    self.read = read
    self.index = index
  }
}

/// What changed in a step, for people.
public enum Note: Hashable, Sendable {
  case becameFollower(Term, leader: MemberID?)
  case becamePreCandidate(Term)
  case becameCandidate(Term)
  case becameLeader(Term)
  case committed(LogIndex)
  case configurationChanged(Configuration, at: LogIndex)
  case logTruncated(after: LogIndex)
  case transferStarted(to: MemberID)
  case transferEnded
  case steppedDown(SteppedDown)

  /// Why a leader gave up without seeing a higher term.
  public enum SteppedDown: Hashable, Sendable {
    /// Fewer than a majority answered within an election timeout (Thesis §6.2).
    case quorumLost
    /// It is no voter of the committed configuration any more (Raft §6).
    case removed
  }
}
