import Base
import Member
import Raft
import Replica

/// Members that clients add, remove and replace, at whichever member they reach.
extension World {
  // MARK: Who somebody is

  func introduction(of member: SimulatedMember) -> Introduction {
    Introduction(
      id: member.id, incarnation: member.incarnation, name: member.name,
      clientURLs: ["http://\(member.name):2379"])
  }

  /// What the peer's handshake has said. *Precondition*: a session with the peer's boot is open.
  func introduce(_ peer: SimulatedMember, to member: SimulatedMember) {
    guard weather.introducesMembers, peer.durable.isFormed,
      member.sessions[peer.position] == peer.boot
    else { return }
    step(member, .introduced(introduction(of: peer)))
  }

  /// A member knows that it was removed: it ends for good. It must be true.
  func leave(_ member: SimulatedMember) {
    guard !member.isLeaving, !member.isBroken else { return }
    check(removalViolation(member))
    tell(member, "was removed, and ends")
    member.isLeaving = true
    post(.retire, member)
  }

  /// Whoever knows most of what is committed has the member no more, with this data directory.
  private func removalViolation(_ member: SimulatedMember) -> String? {
    let newest = members.filter(\.isRunning).max {
      $0.standing.commitIndex < $1.standing.commitIndex
    }
    guard let configuration = newest?.core?.raft.committedConfiguration.configuration,
      configuration[member.id]?.incarnation == member.incarnation
    else { return nil }
    return "\(member.name) believes that it was removed"
  }

  func retire(_ member: SimulatedMember) {
    guard member.isUp else { return }
    crash(member, power: false)
  }

  // MARK: What clients ask

  @discardableResult
  func reconfigure(_ change: ConfigurationChange, at member: SimulatedMember) -> RequestID {
    let id = nextOperatorRequest(member)
    tell(member, "is asked to change the members")
    let deadline = member.clock.local(at: now) + weather.clientTimeout
    membersAskedUntil = now + weather.clientTimeout
    step(member, .reconfigure(MemberRequest(id: id, change: change, deadline: deadline)))
    return id
  }

  /// A place for a member that comes at once.
  func addPlace(
    for joiner: SimulatedMember, _ prospect: Configuration.Prospect, at member: SimulatedMember
  ) {
    joiner.hasPlace = true
    let place = Configuration.Member(
      id: joiner.id, incarnation: .unknown, role: .learner, prospect: prospect, name: "",
      peerURLs: [joiner.peerURL])
    reconfigure(.addLearner(place), at: member)
    if !joiner.isUp { start(joiner) }
  }

  func askForMembers(_ fault: Fault) {
    let running = members.filter { $0.isRunning && !$0.isPaused && !$0.isTerminating }
    guard !running.isEmpty, let leader = members.first(where: \.isLeader),
      let configuration = leader.core?.configuration
    else { return }
    let asked = running[weatherDice.index(below: running.count)]
    let drawn = configuration.members[weatherDice.index(below: configuration.members.count)]
    let joiner = members.first { !$0.isInitial && !$0.hasPlace && $0.boot.number == 0 }
    defer { if weather.crashesInChanges { killSoon(leader) } }
    switch fault {
    case .join:
      let prospects: [Configuration.Prospect] = [
        .voter, .none, .spare(after: weather.spareDelay),
      ]
      let prospect = prospects[weatherDice.index(below: 3)]
      if let joiner {
        addPlace(for: joiner, prospect, at: asked)
      } else {
        reconfigure(.promote(drawn.id), at: asked)
      }
    case .succeed:
      if let joiner { addPlace(for: joiner, .successor(of: drawn.id), at: asked) }
    case .leave:
      // Two members are left, and no disk is in doubt: the weather itself ends no cluster.
      guard configuration.members.count > 2, !members.contains(where: \.isSuspect) else { return }
      reconfigure(.remove(drawn.id), at: asked)
    case .crash, .powerLoss, .crashAll, .pause, .partition, .isolate, .oneWay, .bridge, .ring,
      .slowDisk, .heal, .transfer, .addLearner, .promote, .remove, .replaceVoters, .quorumLoss,
      .constrainedElection, .chained, .flap, .clockJump, .stalledDisk, .fullDisk, .failingDisk,
      .bitFlip, .wipe, .terminate, .powerCut:
      preconditionFailure("\(fault) is not asked for by clients")
    }
  }
}
