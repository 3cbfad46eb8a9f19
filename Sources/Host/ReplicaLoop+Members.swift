import Base
import Logging
import Raft
package import Replica
import Storage
import Transport

/// Who the members are: what clients ask, what is shown, and who is talked to.
extension ReplicaLoop {
  // MARK: What clients ask

  func reconfigure(_ request: MemberRequest) {
    guard replica != nil else { return refuse(request.id, idle) }
    step(.reconfigure(request))
  }

  func transferLeadership(_ id: RequestID, to member: MemberID, deadline: Instant) {
    guard replica != nil else { return refuse(id, idle) }
    step(.transferLeadership(id, to: member, deadline: deadline))
  }

  // MARK: What is shown

  /// Shows clients who the members are.
  func showMembers() {
    var clientURLs = clientURLs
    clientURLs[identity.member] = settings.advertisedClientURLs
    let directory: MemberDirectory
    if let (configuration, index) = replica?.raft.committedConfiguration {
      shownConfiguration = index
      directory = MemberDirectory(configuration, clientURLs: clientURLs)
    } else {
      directory = MemberDirectory(
        settings.initialCluster.members.map { member in
          MemberDirectory.Entry(
            id: member.id, name: member.name, peerURLs: member.peerURLs,
            clientURLs: clientURLs[member.id] ?? [], isLearner: false)
        })
    }
    published.view = PublishedState.View(
      cluster: identity.cluster, member: identity.member.number,
      raftTerm: replica?.currentTerm.number ?? 0,
      members: replica?.isRemoved == true ? directory.without(identity.member) : directory)
  }

  /// After a step: who they are now, as far as it is committed.
  func showChanges() {
    guard let index = replica?.membership.index, index != shownConfiguration else { return }
    showMembers()
    if hasDeparting { talkToMembers() }
  }

  // MARK: Whom to talk to

  /// Whoever may be a member: whom an uncommitted change would remove is talked to until it is
  /// committed, or he would not hear of it.
  func talkToMembers() {
    transport.setPeers(peerAddresses)
    guard let members = replica?.configuration.members else { return }
    hasDeparting = (replica?.knownMembers.count ?? 0) > members.count
    let roster = roster
    for member in members {
      guard let known = introductions[member.id], sessions[member.id] != nil else { continue }
      let peer = KnownMember(id: member.id, incarnation: known.introduction.incarnation)
      // Somebody else was faster to take the place.
      if roster.contradicts(peer) { transport.breakSession(with: member.id) }
    }
  }

  /// Who is to be talked to, and where.
  private var peerAddresses: [(id: MemberID, addresses: [PeerAddress])] {
    let members: [(id: MemberID, urls: [String])] =
      if let possible = replica?.raft.possibleMembers {
        possible.map { ($0.id, $0.peerURLs) }
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

  // MARK: Who somebody is

  /// What this member says of itself.
  var ownIntroduction: Introduction {
    Introduction(
      id: identity.member, incarnation: identity.incarnation, name: settings.name,
      clientURLs: settings.advertisedClientURLs)
  }

  /// Remembers who shakes hands, until the session stands.
  func note(_ handshake: Handshake) {
    let introduction = Introduction(
      id: handshake.from, incarnation: handshake.incarnation, name: handshake.name,
      clientURLs: handshake.clientURLs)
    introductions[handshake.from] = (handshake.boot, introduction)
    guard clientURLs[handshake.from] != handshake.clientURLs else { return }
    clientURLs[handshake.from] = handshake.clientURLs
    showMembers()
  }

  package func answer(to joinQuery: JoinQuery) -> JoinAnswer {
    guard let answer = replica?.answer(to: joinQuery, in: ClusterID(identity.cluster)) else {
      return .notFormed
    }
    if case .taken(let member) = answer, joinQuery.wantsReplacement, !isShuttingDown {
      replace(member, for: joinQuery)
    }
    return answer
  }

  /// A member has lost its directory and asks for a new place (`--auto-rejoin`). Nobody waits for
  /// the outcome: whoever asked asks again, and finds its place or the old answer.
  private func replace(_ member: MemberID, for joinQuery: JoinQuery) {
    let now = MonotonicClock.now()
    guard sessions[member] == nil, now >= nextReplacement else { return }
    nextReplacement = now + settings.replica.raft.electionTimeout
    logger.notice(
      "asks for a new place for a member that was wiped",
      metadata: ["peer": "\(name(of: member))"])
    let place = Configuration.Member(
      id: MemberID(UInt64.random(in: 1...UInt64.max)), incarnation: .unknown, role: .learner,
      prospect: .successor(of: member), name: "", peerURLs: joinQuery.peerURLs)
    step(
      .reconfigure(
        MemberRequest(
          id: ownRequest(), change: .addLearner(place),
          deadline: now + settings.requestTimeout)))
  }
}
