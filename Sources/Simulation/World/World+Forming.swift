import Member
import Raft
import Replica
import Storage

/// How founders form and others join: the product's own `Admission` decides, the world carries
/// handshakes and writes what it is told to.
extension World {
  /// A process whose log has not begun.
  func beginLog(_ member: SimulatedMember, _ state: any StateStore) {
    guard member.isInitial else { return join(member, state) }
    tell(member, "boot \(member.boot.number): forming")
    var admission = Admission(forming: handshakeRule(member), initial: cluster)
    let formation = admission.begin()
    (member.admission, member.phase) = (admission, .forming)
    if let formation { store(formation, member) }
  }

  /// The formation goes to the disk.
  func store(_ formation: Formation, _ member: SimulatedMember) { post(.form(formation), member) }

  /// The disk holds it: from here on it is told, and the core runs.
  func formed(_ member: SimulatedMember, _ formation: Formation) {
    guard let state = member.state, var admission = member.admission else { return }
    tell(member, "forms the cluster")
    admission.stored(formation)
    member.admission = admission
    runFormed(member, state)
    guard member.isRunning else { return }
    if weather.formingFaults != nil { member.isSuspect = false }
    repeatHandshakes(member)
  }

  /// Who joins has been told a place: the members as of now, and what their store was formed with.
  private func join(_ member: SimulatedMember, _ state: any StateStore) {
    let asked = members.filter(\.isRunning).max { one, other in
      one.standing.commitIndex < other.standing.commitIndex
    }
    guard let configuration = asked?.core?.raft.committedConfiguration.configuration,
      let founding = asked?.core?.founding
    else {
      tell(member, "finds nobody to join")
      endProcess(member, power: false)
      return after(weather.reconnect, .restart(member.position))
    }
    let place = Place(
      cluster: cluster.clusterID, member: member.id,
      configuration: configuration, founding: founding)
    do throws(LogFault) {
      try SimulatedLog(world: self, member: member).form(place.formation)
    } catch {
      return
    }
    runFormed(member, state)
  }

  /// Starts the core of a member whose log has just begun.
  private func runFormed(_ member: SimulatedMember, _ state: any StateStore) {
    let recovered: Recovered?? = attempt(member, nil) { () throws(StorageError) in
      try member.disk.store.recover(with: state)
    }
    guard let recovered else { return }
    guard let recovered else { return fail("\(member.name) forgets its first configuration") }
    run(member, recovered, state)
  }

  /// A store forms once: no two disks hold what was formed with different directories.
  func secondStore(beside member: SimulatedMember) -> String? {
    let other = members.first { other in
      other.durable.isFormed && other.durable.founding.contradicts(member.durable.founding)
    }
    return other.map { "\(member.name) has formed another store than \($0.name)" }
  }

  // MARK: Handshakes

  func handshakeRule(_ member: SimulatedMember) -> HandshakeRule {
    HandshakeRule(
      me: member.id, name: member.name, clusterID: cluster.clusterID,
      incarnation: member.incarnation, boot: member.boot,
      initialDigest: member.isInitial ? cluster.digest : 0)
  }

  func roster(_ member: SimulatedMember) -> Roster { member.core?.roster ?? .nobody }

  func receivedHandshake(_ member: SimulatedMember, _ handshake: Handshake) {
    guard let peer = positionOf[handshake.from], var admission = member.admission else { return }
    do throws(HandshakeRefusal) {
      let outcome = try admission.admit(handshake, by: roster(member))
      member.admission = admission
      openSession(member, peer, handshake)
      if outcome.repeatsHandshakes { repeatHandshakes(member) }
      if let formation = outcome.stores { store(formation, member) }
    } catch {
      tellMessage("\(member.name) refuses \(members[peer].name): \(error.sentence)")
      switch admission.consequence(of: error, isTrusted: true) {
      case .none: return
      case .removed: step(member, .dismissed)
      case .wiped:
        // Its process ends, and an operator gives it another place.
        if weather.formingFaults != nil { giveUp(member) }
      case .otherFlags: fail("\(member.name) has other flags than \(members[peer].name)")
      }
    }
  }

  /// What a member states has changed: it says so to all that it has met.
  private func repeatHandshakes(_ member: SimulatedMember) {
    for (peer, boot) in member.sessions.enumerated() {
      if let boot { sendHandshake(members[peer], from: member, receiverBoot: boot) }
    }
  }

  /// A session with a directory that this member knows to be another one's.
  func breakMisfit(_ member: SimulatedMember, _ peer: Int) {
    guard let boot = member.sessions[peer] else { return }
    let known = KnownMember(
      id: members[peer].id, incarnation: member.sessionIncarnations[peer])
    if roster(member).contradicts(known) { breakSession(member, peer, boot) }
  }
}
