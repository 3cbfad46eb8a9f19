import Base
import KeyValue
import Storage
import Logging
import Member
package import Raft
package import Replica
package import Transport
import Wire

extension ReplicaLoop: TransportOwner {
  package func handshake(to peer: MemberID, receiverBoot: Boot?) -> Handshake {
    var handshake = admission.handshake(to: peer, receiverBoot: receiverBoot, by: roster)
    handshake.clientURLs = settings.advertisedClientURLs
    return handshake
  }

  package func refusal(of handshake: Handshake) -> HandshakeRefusal? {
    do throws(HandshakeRefusal) {
      let outcome = try admission.admit(handshake, by: roster)
      if outcome.repeatsHandshakes { transport.repeatHandshakes() }
      if let formation = outcome.stores { store(formation) }
    } catch {
      return error
    }
    note(handshake)
    return nil
  }

  package func receive(_ event: TransportEvent) {
    switch event {
    case .message(let message, from: let peer): step(.message(message, from: peer))
    case .opened(let peer, let boot):
      sessions[peer] = boot
      refusals[peer] = nil
      logger.debug("a session was opened", metadata: ["peer": "\(name(of: peer))"])
      met(peer, boot)
      // What was heard during the handshake is not in what was said then.
      if !admission.hasFormed { transport.repeatHandshakes() }
      if !snapshots.isQuiet { exchange(.session(peer, boot)) }
    case .lost(let peer):
      sessions[peer] = nil
      logger.info("the session was lost", metadata: ["peer": "\(name(of: peer))"])
      step(.sessionLost(peer))
    case .refused(let refusal, peer: let peer, dialed: let dialed):
      refused(refusal, by: peer, dialed: dialed)
    case .snapshotConnected(let stream, with: let peer, let boot, let saysWorking):
      exchange(.connected(stream, with: peer, boot, saysWorking: saysWorking))
    case .snapshotWritable(let stream): exchange(.writable(stream))
    case .snapshotFrame(let frame, let stream): exchange(.frame(frame, on: stream))
    case .snapshotClosed(let stream): exchange(.closed(stream))
    }
  }

  package func receivedAll() { drain() }

  /// A session stands: the replica hears of it, and of who it is with.
  func met(_ peer: MemberID, _ boot: Boot) {
    step(.sessionOpened(peer, boot))
    guard let known = introductions[peer], known.boot == boot else { return }
    step(.introduced(known.introduction))
  }

  /// Refusals that are remembered, so that each is logged once.
  private static let refusalsLimit = 64

  /// A handshake failed. Most such things mend themselves; some say that this member must not run,
  /// and those are believed only where this member called: a stranger's word must not end it.
  private func refused(_ refusal: HandshakeRefusal, by peer: MemberID, dialed: Bool) {
    if refusals[peer] != refusal {
      // Strangers can call under any number of names.
      if refusals.count >= Self.refusalsLimit { refusals = [:] }
      refusals[peer] = refusal
      logger.warning(
        "a handshake was refused",
        metadata: ["peer": "\(name(of: peer))", "why": "\(refusal.sentence)"])
    }
    switch admission.consequence(of: refusal, isTrusted: dialed) {
    case .none: return
    case .wiped:
      exitLatch.seal(
        .wiped(
          name: settings.name, member: hexadecimal(identity.member.number),
          peerURL: settings.initialCluster.member(named: settings.name)?.peerURLs.first ?? ""))
    case .removed: step(.dismissed)
    case .otherFlags:
      exitLatch.seal(.wrongInitialCluster("\(name(of: peer)) was started with another one"))
    }
  }

  /// What a step has changed, for people and for the addresses of peers.
  func take(_ note: ReplicaNote) {
    switch note {
    case .raft(let note): take(note)
    case .quorum(let view):
      logger.notice(
        view.isQuorate ? "quorate" : "not quorate",
        metadata: ["R": "\(view.current.heard)", "N": "\(view.current.voters)"])
    case .pressure(let pressure):
      logger.warning("the store's pressure has changed", metadata: ["pressure": "\(pressure)"])
    case .changedMembers(let change): logger.notice("changes the members: \(words(for: change))")
    case .calledSpare(let spare, for: let voter, silentFor: let silence):
      metrics.sparesCalled.add()
      logger.warning(
        "a spare takes the place of a voter",
        metadata: [
          "spare": "\(name(of: spare))", "voter": "\(name(of: voter))",
          "silent-ms": "\(silence.milliseconds)",
        ])
    case .spareTookOver(let spare, for: let voter, took: let time):
      metrics.spareTookOver(in: time)
      logger.notice(
        "the spare votes",
        metadata: [
          "spare": "\(name(of: spare))", "instead-of": "\(name(of: voter))",
          "took-ms": "\(time.milliseconds)",
        ])
    case .handsOver(let reason, to: let successor):
      logger.warning(
        "hands leadership over: \(words(for: reason))",
        metadata: ["to": "\(name(of: successor))"])
    case .alarms(let alarms):
      logger.warning(
        alarms.isEmpty ? "no alarm is raised any more" : "alarms are raised",
        metadata: [
          "alarms": "\(alarms.map { "\($0.kind) of \(name(of: MemberID($0.member)))" })"
        ])
    case .diverged(let divergence): take(divergence)
    case .forgotEntries(after: let end, acknowledged: let claimed):
      exitLatch.seal(
        .forgotEntries(
          name: settings.name, directory: settings.dataDirectory, end: end.number,
          acknowledged: claimed.number))
    case .digestsUndecided:
      logger.error(
        "members' states differ, and no state is that of a majority: nobody is fenced")
    case .forwarded, .forwardDropped, .snapshotDropped, .removed, .shuttingDown, .drained:
      logger.trace("\(note)")
    }
  }

  private func words(for reason: HandOverReason) -> String {
    switch reason {
    case .lateDisk(let time): "its disk has not written for \(time.milliseconds) ms"
    case .spaceShort: "its disk is nearly full"
    }
  }

  private func words(for change: ConfigurationChange) -> String {
    switch change {
    case .introduce(let introductions):
      "writes down who \(introductions.map(\.name).joined(separator: ", ")) are"
    case .promote(let member): "\(name(of: member)) has caught up and votes"
    case .exchange(voter: let voter, learner: let learner, stays: _):
      "\(name(of: learner)) votes instead of \(name(of: voter))"
    case .remove(let member): "\(name(of: member)) has been replaced"
    case .renew(let old, as: let heir): "\(name(of: heir.id)) has the place of \(name(of: old))"
    case .addLearner, .update, .setVoters: "\(change)"
    }
  }

  /// The range that differs, for people.
  private func take(_ divergence: Divergence) {
    logger.critical(
      "a member's state is not that of the majority; it serves nothing any more",
      metadata: [
        "member": "\(name(of: divergence.member))", "entry": "\(divergence.index.number)",
        "revisions":
          "\(divergence.revisions.lowerBound) to \(divergence.revisions.upperBound)",
      ])
  }

  private func take(_ note: Note) {
    switch note {
    case .becameFollower(let term, let leader):
      if leader != nil { metrics.leaderChanges.add() }
      logger.info(
        "follower",
        metadata: [
          "term": "\(term.number)", "leader": "\(leader.map { name(of: $0) } ?? "none")",
        ])
      showMembers()
    case .becameLeader(let term):
      metrics.leaderChanges.add()
      logger.notice("leader", metadata: ["term": "\(term.number)"])
      showMembers()
    case .becamePreCandidate(let term):
      logger.info("asks for votes in advance", metadata: ["term": "\(term.number)"])
    case .becameCandidate(let term):
      logger.info("candidate", metadata: ["term": "\(term.number)"])
    case .configurationChanged: talkToMembers()
    case .steppedDown(let reason): logger.notice("stepped down", metadata: ["why": "\(reason)"])
    case .logTruncated(let index):
      logger.notice("the log was truncated", metadata: ["after": "\(index.number)"])
    case .committed, .transferStarted, .transferEnded: logger.trace("\(note)")
    }
  }

  func name(of member: MemberID) -> String {
    let known = replica?.configuration.members.first { $0.id == member }?.name
    let initial = settings.initialCluster.members.first { $0.id == member }?.name
    let name = known ?? initial ?? ""
    return name.isEmpty ? hexadecimal(member.number) : name
  }
}
