import KeyValue
import Storage
import Logging
import Member
import Raft
import Replica
import Transport

extension ReplicaLoop {
  /// What this member holds handshakes against.
  static func rule(
    _ identity: Identity, _ boot: Boot, _ settings: HostSettings
  ) -> HandshakeRule {
    // Whether the flags name the store as it was founded. For who has joined it, or has moved, they
    // are only where to ask.
    let isInitial = settings.initialCluster.clusterID.number == identity.cluster
    return HandshakeRule(
      me: identity.member, name: settings.name, clusterID: ClusterID(identity.cluster),
      incarnation: identity.incarnation, boot: boot,
      initialDigest: isInitial ? settings.initialCluster.digest(after: identity.origin) : 0)
  }

  var roster: Roster { replica?.roster ?? .nobody }

  /// The formation goes to the disk.
  func store(_ formation: Formation) { inboxes.log.post(.form(formation)) }

  /// The formation is on disk: the replica begins, with the sessions that stand.
  func formed(_ formation: Formation) {
    guard !isShuttingDown else { return }
    let base = formation.base
    admission.stored(formation)
    logger.info(
      "the cluster has formed", metadata: ["members": "\(base.configuration.members.count)"])
    replica = makeReplica(
      Recovered(
        hardState: HardState(currentTerm: base.last.term), base: base, entries: [],
        applied: base.last.index, founding: formation.founding))
    showMembers()
    step(.introduced(ownIntroduction))
    // Who was met before may be another than the one that this store was formed with.
    talkToMembers()
    for (member, boot) in sessions.sorted(by: { $0.key < $1.key }) { met(member, boot) }
    transport.repeatHandshakes()
  }
}
