public import Raft

/// What a member does while it cannot reach a majority (`--on-quorum-loss`).
public enum QuorumPolicy: UInt8, CaseIterable, Hashable, Sendable {
  /// Refuses writes and linearizable reads at once, serves serializable reads with their age.
  case readOnly = 0
  /// Refuses every request for data.
  case halt = 1
  /// Lets requests wait for their deadlines, as etcd does.
  case wait = 2
}

/// What a replica is told once, when it starts.
public struct ReplicaSettings: Hashable, Sendable {
  public var raft = RaftSettings()
  public var quorumPolicy = QuorumPolicy.readOnly
  /// Entries that may be appended but not applied before proposals are refused (etcd
  /// v3_server.go `maxGapBetweenApplyAndCommitIndex`).
  public var unappliedEntriesLimit: UInt64 = 5_000
  /// Their bytes together: twice what may wait for a quorum.
  public var unappliedLimitBytes = 128 << 20
  /// Proposals of this member's clients without an answer.
  public var inflightProposalLimit = 10_000
  /// Their commands together.
  public var inflightProposalLimitBytes = 64 << 20
  /// Reads of this member's clients without an answer.
  public var inflightReadLimit = 100_000
  /// One command (etcd `--max-request-bytes`, with room for the envelope).
  public var commandLimitBytes = (3 << 19) + (512 << 10)
  /// Commands of one forward together; at least one goes.
  public var forwardLimitBytes = 1 << 20
  /// How long a command may wait for others to go along with while earlier ones are under way.
  public var gatherLimit: Duration = .milliseconds(10)
  /// How often the leader writes down how far the lease clock has come, while there are leases. So
  /// much more than that, and the time without a leader, a lease gains by a change of leaders.
  public var leaseTickInterval: Duration { raft.electionTimeout / 2 }
  /// Leases that are ended because their time is over, in one heartbeat interval (etcd
  /// lease/lessor.go leaseRevokeRate: 1,000 a second).
  public var leaseExpiryLimit = 100
  /// Changes of members that wait at one member.
  public var changeLimit = 64
  /// How long the leader keeps a change that cannot be made yet.
  public var changePatience: Duration { .seconds(5) + raft.electionTimeout * 2 }
  /// A leader whose last answer to a ping is older gets no forward: two heartbeats, of which it
  /// answers every one.
  public var forwardPatience: Duration { raft.heartbeatInterval * 2 }

  /// What the store may take of the disk before it takes nothing that makes it grow; zero: no
  /// bound.
  public var quotaBytes: UInt64 = 0
  public var compaction = AutoCompaction.off
  /// How often members' states are compared, while anything changes.
  public var digestInterval: Duration = .seconds(5)

  public init() {}
}
