public import Base
public import Raft

/// One member as it sees itself, for status calls and the lab's screen.
public struct ReplicaStatus: Hashable, Sendable {
  public enum Role: UInt8, Hashable, Sendable {
    case follower = 0
    case preCandidate = 1
    case candidate = 2
    case leader = 3
  }

  /// A request that this member would refuse now, or serve.
  public enum Service: Hashable, Sendable {
    case serves
    case refuses(Refusal)
  }

  public var id: MemberID
  public var boot: Boot
  public var role: Role
  public var term: Term
  public var leader: MemberID?
  public var commitIndex: LogIndex
  public var appliedIndex: LogIndex
  public var lastIndex: LogIndex
  public var base: LogBase
  public var configuration: Configuration
  public var quorum: QuorumView
  public var policy: QuorumPolicy
  public var pressure: StorePressure
  /// This member serves nothing, because its state is not to be trusted.
  public var isFenced: Bool
  /// Where it differs; `nil`: it is not fenced, or nobody has said.
  public var fencedRevisions: ClosedRange<Int64>?
  public var isShuttingDown: Bool
  /// Whether a command would be committed and applied here within three election timeouts, as far
  /// as that is known: one was, or a probe of late (`ReplicaCore.writeHealth`).
  public var write: Service
  public var linearizableRead: Service
  public var serializableRead: Service
  /// As of which instant the applied state was complete; `nil`: not known.
  public var freshAsOf: Instant?
  /// `nil`: not known.
  public var age: Duration?
  /// What a leader knows of the others; empty unless this member leads.
  public var followers: [Progress]
  public var proposalsInFlight: Int
  public var readsInFlight: Int
}
