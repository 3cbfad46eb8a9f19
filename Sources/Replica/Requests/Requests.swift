public import Base
public import Raft

/// A client's request at one boot of one member; never used twice in that boot. A command's
/// `CommandOrigin.sequence` is this number.
public struct RequestID: Comparable, Hashable, Sendable {
  public let number: UInt64

  public init(_ number: UInt64) { self.number = number }

  public static func < (left: RequestID, right: RequestID) -> Bool { left.number < right.number }
}

/// A command that a client waits for.
public struct ProposalRequest: Hashable, Sendable {
  public var id: RequestID
  /// The encoded `CommandEnvelope`.
  public var command: [UInt8]
  /// When the client is answered, whatever is known by then.
  public var deadline: Instant
  /// Applying it makes the store larger, so it is refused while space is short.
  public var isGrowing: Bool
  /// It is about alarms: a member that serves nothing else takes it.
  public var isUpkeep: Bool

  public init(
    id: RequestID, command: [UInt8], deadline: Instant, isGrowing: Bool, isUpkeep: Bool = false
  ) {
    self.id = id
    self.command = command
    self.deadline = deadline
    self.isGrowing = isGrowing
    self.isUpkeep = isUpkeep
  }
}

/// What a read may miss.
public enum ReadConsistency: Hashable, Sendable {
  /// Nothing that was acknowledged anywhere before the read arrived (Raft §8).
  case linearizable
  /// Whatever this member has not applied yet. `maxStaleness`: refused when older; `nil`: any age.
  case serializable(maxStaleness: Duration?)
}

/// A read that a client waits for.
public struct ReadRequest: Hashable, Sendable {
  public var id: RequestID
  public var consistency: ReadConsistency
  public var deadline: Instant

  public init(id: RequestID, consistency: ReadConsistency, deadline: Instant) {
    self.id = id
    self.consistency = consistency
    self.deadline = deadline
  }
}

/// What serializable reads are served with, from the applied state as it is.
public struct SerializablePass: Hashable, Sendable {
  /// As of which of this member's instants the state is complete; `nil`: not known.
  public var freshAsOf: Instant?
  /// Known to be committed, applied here or not.
  public var committed: LogIndex
}

/// A read that may be served now from any state at or after `index`.
public struct ReadReady: Hashable, Sendable {
  public var id: RequestID
  /// Already applied here. Zero: any state will do.
  public var index: LogIndex
  /// This member's instant as of which its applied state was complete: the age of an answer is
  /// the instant of the answer minus this. `nil`: not known.
  public var freshAsOf: Instant?
  /// The oldest age the client accepts; to be checked again when the answer leaves, because the
  /// process may have been suspended since. `nil`: any.
  public var maxStaleness: Duration?

  /// The last entry that this member knew to be committed.
  public var committed: LogIndex

  public init(
    id: RequestID, index: LogIndex, freshAsOf: Instant?, maxStaleness: Duration?,
    committed: LogIndex
  ) {
    self.id = id
    self.index = index
    self.committed = committed
    self.freshAsOf = freshAsOf
    self.maxStaleness = maxStaleness
  }
}

/// What a client is told when its command is not answered by its own result.
public enum Answer: Hashable, Sendable {
  /// Nothing was appended, and nothing will be.
  case refused(RequestID, Refusal)
  /// Its slot, or every slot that its term could give it, went to other entries: it never takes
  /// effect.
  case lost(RequestID)
  /// It may take effect, may have done so, or may never.
  case outcomeUnknown(RequestID, Doubt)
  /// A read may be served.
  case ready(ReadReady)
  /// A configuration change is committed and applied here.
  case changed(RequestID)
  /// Leadership has moved as asked.
  case transferred(RequestID, to: MemberID)

  public var id: RequestID {
    switch self {
    case .refused(let id, _), .lost(let id), .outcomeUnknown(let id, _), .changed(let id),
      .transferred(let id, _):
      id
    case .ready(let ready): ready.id
    }
  }
}
