import KeyValue
import Storage
import Logging
import Member
import Raft
import Replica
import Services
import Transport

extension ReplicaLoop {
  /// What this member holds greetings against.
  var rule: GreetingRule {
    GreetingRule(
      me: identity.member, name: settings.name, clusterID: ClusterID(identity.cluster),
      incarnation: identity.incarnation, boot: boot,
      initialDigest: isInitial ? settings.initialCluster.digest(after: identity.origin) : 0)
  }

  /// Whether the flags name the store as it was founded. For who has joined it, or has moved, they
  /// are only where to ask.
  private var isInitial: Bool {
    settings.initialCluster.clusterID.number == identity.cluster
  }

  /// Initial members that have not shaken hands yet.
  var missing: [MemberID] {
    switch phase {
    case .forming(let core), .storing(let core): core.missing
    case .serving, .quarantined: []
    }
  }

  /// Everybody has shaken hands: the first base goes to the disk.
  func formIfComplete() {
    guard case .forming(let core) = phase, let base = core.base else { return }
    phase = .storing(core)
    out.log(.form(base))
  }

  /// The first base is on disk: the replica begins, with the sessions that stand.
  func formed(_ base: LogBase) {
    guard case .storing = phase, !isShuttingDown else { return }
    phase = .serving
    logger.info(
      "the cluster has formed", metadata: ["members": "\(base.configuration.members.count)"])
    replica = makeReplica(
      Recovered(
        hardState: HardState(currentTerm: base.last.term), base: base, entries: [],
        applied: base.last.index),
      firstLeases)
    showMembers()
    step(.introduced(ownIntroduction))
    for (member, boot) in sessions.sorted(by: { $0.key < $1.key }) { met(member, boot) }
    transport.greetAgain()
  }
}
