import KeyValue
import Storage
import Logging
import Raft
import Replica
import Services
import Transport

extension ReplicaLoop {
  /// What this member holds greetings against.
  var rule: GreetingRule {
    GreetingRule(
      me: identity.member, name: settings.name, clusterID: settings.initialCluster.clusterID,
      incarnation: identity.incarnation, boot: boot,
      initialDigest: settings.initialCluster.digest(after: identity.origin))
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
    step(.timer)
    for member in sessions.keys.sorted() { step(.sessionOpened(member, sessions[member]!)) }
    transport.greetAgain()
  }

  /// Who is to be talked to, and where.
  var peerAddresses: [(id: MemberID, addresses: [PeerAddress])] {
    let members: [(id: MemberID, urls: [String])] =
      if let replica {
        replica.configuration.members.map { ($0.id, $0.peerURLs) }
      } else {
        settings.initialCluster.members.map { ($0.id, $0.peerURLs) }
      }
    return members.map { member in
      let addresses = member.urls.compactMap { text in
        (try? MemberURL(parsing: text, flag: "")).map { PeerAddress(host: $0.host, port: $0.port) }
      }
      return (member.id, addresses)
    }
  }

  /// Shows clients who the members are.
  func showMembers() {
    var clientURLs = self.clientURLs
    clientURLs[identity.member] = settings.advertisedClientURLs
    let directory: MemberDirectory
    if let replica {
      directory = MemberDirectory(replica.configuration, clientURLs: clientURLs)
    } else {
      directory = MemberDirectory(
        settings.initialCluster.members.map { member in
          MemberDirectory.Entry(
            id: member.id, name: member.name, peerURLs: member.peerURLs,
            clientURLs: clientURLs[member.id] ?? [], isLearner: false)
        })
    }
    board.view = Board.View(header: header, members: directory)
  }

  private var header: AnswerHeader {
    AnswerHeader(
      cluster: settings.initialCluster.clusterID.number, member: identity.member.number,
      raftTerm: replica?.currentTerm.number ?? 0)
  }
}
