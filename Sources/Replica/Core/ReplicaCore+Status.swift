public import Base
import KeyValue
public import Raft

extension ReplicaCore {
  /// The configuration in force.
  public var configuration: Configuration { core.configuration }

  /// The configuration in force at an entry of the log, for a snapshot that ends there. `nil`: the
  /// log begins after it, or ends before it.
  public func configuration(at index: LogIndex) -> Configuration? { core.configuration(at: index) }

  /// The members and their data directories, for `HandshakeRule.admit`.
  public var knownMembers: [KnownMember] {
    core.possibleMembers.map { KnownMember(id: $0.id, incarnation: $0.incarnation) }
  }

  public var isLeader: Bool { core.isLeader }

  public var leader: MemberID? { core.leader }

  /// Whether more than half of the voters are heard.
  public var isQuorate: Bool { quorum.isQuorate }

  public var currentTerm: Term { core.currentTerm }

  public var commitIndex: LogIndex { core.commitIndex }

  /// The snapshot that the log begins with, or is about to, and that the state machine has not
  /// moved to; `nil`: none.
  public var installing: EntryID? { core.installing }

  /// The core inside, for checks that compare members.
  public var raft: RaftCore { core }

  /// How this member sees itself at `now`.
  public func status(at now: Instant) -> ReplicaStatus {
    ReplicaStatus(
      id: id, boot: boot, role: statusRole, term: core.currentTerm, leader: core.leader,
      commitIndex: core.commitIndex, appliedIndex: appliedIndex,
      lastIndex: core.lastEntry.index, base: core.base, configuration: core.configuration,
      quorum: monitor.view(of: core.configuration, at: max(now, self.now)),
      policy: settings.quorumPolicy,
      pressure: pressure, isFenced: isFenced,
      fencedRevisions: fencedRevisions, isShuttingDown: shutdownAt != nil,
      write: writeHealth(at: max(now, self.now)).service,
      linearizableRead: service(linearizableRefusal ?? leaderless ?? laggingRule(at: now)),
      serializableRead: service(serializableRefusal(maxStaleness: nil)),
      freshAsOf: freshness.asOf, age: freshness.age(at: max(now, self.now)),
      followers: core.followers, proposalsInFlight: requests.proposalCount,
      readsInFlight: requests.readCount)
  }

  /// What the leader confirms is not applied here in time.
  private func laggingRule(at now: Instant) -> Refusal.Rule? {
    guard let age = freshness.age(at: now), age > settings.raft.electionTimeout * 3,
      appliedIndex < core.commitIndex
    else { return nil }
    return .applyBehind(applied: appliedIndex, needed: core.commitIndex)
  }

  private func service(_ rule: Refusal.Rule?) -> ReplicaStatus.Service {
    rule.map { .refuses(Refusal($0)) } ?? .serves
  }

  private var statusRole: ReplicaStatus.Role {
    switch core.role {
    case .follower: .follower
    case .preCandidate: .preCandidate
    case .candidate: .candidate
    case .leader: .leader
    }
  }
}

extension WriteHealth {
  /// What is not known is not promised.
  fileprivate var service: ReplicaStatus.Service {
    switch self {
    case .serves: .serves
    case .refuses(let refusal): .refuses(refusal)
    case .undecided: .refuses(Refusal(.nothingCommitted(for: nil)))
    }
  }
}
