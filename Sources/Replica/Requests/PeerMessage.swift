public import Base
public import Raft

/// What one member says to another.
public enum PeerMessage: Hashable, Sendable {
  case raft(Message)
  /// "Do you hear me?", with the sender's own instant of sending.
  case ping(Instant)
  /// "I heard you": the instant of the ping, returned as it came.
  case pong(Instant)
  case forward(Forward)
  case forwardReply(ForwardReply)
  case changeForward(ChangeForward)
  case changeReply(ChangeReply)
  /// What the sender's state was at a mark of the log.
  case digest(DigestReport)
  /// The leader has found that the receiver's state is not that of the others.
  case diverged(Divergence)
  /// A leader without room asks whether the receiver has any.
  case roomQuery
  /// Whether the sender's disk takes what makes the store grow.
  case roomReply(hasRoom: Bool)
}

/// Commands on their one way from the member that was asked to the leader.
public struct Forward: Hashable, Sendable {
  /// The term in which the receiver is believed to lead; in another it refuses.
  public var term: Term
  /// The sender's boot, to which the requests belong.
  public var boot: Boot
  /// Counted from one in each boot of the sender. The receiver takes each number once, because a
  /// repeated delivery must not append twice, and none that comes 64 numbers late.
  public var number: UInt64
  public var proposals: [ForwardedProposal]

  public init(term: Term, boot: Boot, number: UInt64, proposals: [ForwardedProposal]) {
    self.term = term
    self.boot = boot
    self.number = number
    self.proposals = proposals
  }
}

public struct ForwardedProposal: Hashable, Sendable {
  public var id: RequestID
  public var command: [UInt8]
  public var isGrowing: Bool

  public init(id: RequestID, command: [UInt8], isGrowing: Bool) {
    self.id = id
    self.command = command
    self.isGrowing = isGrowing
  }
}

/// What became of a forward, as soon as its commands had slots or were refused.
public struct ForwardReply: Hashable, Sendable {
  public struct Verdict: Hashable, Sendable {
    public enum Outcome: Hashable, Sendable {
      /// It has this slot; its fate is the slot's.
      case appended(EntryID)
      /// It was not appended and never will be.
      case refused(ForwardRefusal)
    }

    public var id: RequestID
    public var outcome: Outcome

    public init(id: RequestID, outcome: Outcome) {
      self.id = id
      self.outcome = outcome
    }
  }

  /// The boot of the member that asked.
  public var boot: Boot
  public var verdicts: [Verdict]

  public init(boot: Boot, verdicts: [Verdict]) {
    self.boot = boot
    self.verdicts = verdicts
  }
}

/// Why a leader did not append a forwarded command.
public enum ForwardRefusal: Hashable, Sendable {
  /// The receiver does not lead, or not in that term.
  case notLeader(leader: MemberID?)
  case transferring
  case tooManyRequests
  case noSpace
  /// The leader itself does not hear a majority.
  case inquorate
  case shuttingDown
  case requestTooLarge
}

/// A message on its way to a member.
public struct PeerEnvelope: Hashable, Sendable {
  public var to: MemberID
  public var message: PeerMessage

  public init(to: MemberID, message: PeerMessage) {
    self.to = to
    self.message = message
  }
}
