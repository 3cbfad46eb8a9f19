import KeyValue
public import Raft

extension ReplicaCore {
  /// The configuration in force.
  public var configuration: Configuration { core.configuration }

  /// The configuration in force at an entry of the log, for a snapshot that ends there. `nil`: the
  /// log begins after it, or ends before it.
  public func configuration(at index: LogIndex) -> Configuration? { core.configuration(at: index) }

  /// The members and their data directories, for `GreetingRule.admit`.
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
      write: service((isFenced ? corruptRule : writeRefusal) ?? leaderless),
      linearizableRead: service(linearizableRefusal ?? leaderless),
      serializableRead: service(serializableRefusal(maxStaleness: nil)),
      freshAsOf: freshness.asOf, age: freshness.age(at: max(now, self.now)),
      followers: core.followers, proposalsInFlight: requests.proposalCount,
      readsInFlight: requests.readCount)
  }

  /// Requests would wait: nobody leads.
  private var leaderless: Refusal.Rule? {
    core.leader == nil ? .noLeader(quorum) : nil
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
