import Base
import Raft
import Replica

/// What the weather does to the cluster, and the calm after it.
extension World {
  func changeWeather() {
    guard !isCalm else { return }
    let isAllowed = beginTurn()
    after(weather.faultInterval.draw(&weatherDice), .weatherTurn)
    guard isAllowed else { return }
    let faults = Fault.allCases.filter { weather.faultWeights[$0, default: 0] > 0 }
    let total = faults.reduce(0) { $0 + weather.faultWeights[$1, default: 0] }
    guard total > 0 else { return }
    var drawn = weatherDice.next(below: total)
    for fault in faults {
      let weight = weather.faultWeights[fault, default: 0]
      if drawn < weight { return strike(fault) }
      drawn -= weight
    }
  }

  /// Counts a turn of the weather; whether something may happen at it.
  func beginTurn() -> Bool {
    weatherTurns += 1
    // Each turn has dice of its own, so that one may be left out without changing the next.
    weatherDice = SplitMix64(seed: seed &+ UInt64(weatherTurns))
    return allowedTurns?.contains(weatherTurns) ?? true
  }

  private func strike(_ fault: Fault) {
    let member = members[weatherDice.index(below: members.count)]
    let length = weather.faultLength.draw(&weatherDice)
    switch fault {
    case .crash, .powerLoss:
      guard member.isUp else { return }
      crash(member, power: fault == .powerLoss)
      after(length, .restart(member.position))
    case .crashAll:
      let power = weatherDice.chance(1, in: 2)
      for member in members where member.isUp {
        crash(member, power: power)
        after(weather.faultLength.draw(&weatherDice), .restart(member.position))
      }
    case .pause:
      pause(member)
      after(length, .resume(member.position))
    case .partition, .isolate, .oneWay, .bridge, .ring, .quorumLoss, .constrainedElection,
      .chained:
      cut(fault, length)
    case .heal: healLinks()
    case .slowDisk:
      member.diskSlowness = [10, 100][weatherDice.index(below: 2)]
      tell(member, "has a slow disk")
      after(length, .diskCalm(member.position))
    case .transfer:
      let leader = members.first { $0.isLeader && !$0.isPaused }
      if let leader { transfer(leader, to: weatherDice.chance(1, in: 2) ? member.id : nil) }
    case .addLearner, .promote, .remove, .replaceVoters: changeMembers(fault)
    case .join, .leave, .succeed: askForMembers(fault)
    case .flap, .clockJump, .stalledDisk, .fullDisk, .failingDisk, .bitFlip, .wipe, .terminate,
      .powerCut:
      strike(fault, member, length)
    }
  }

  private func cut(_ fault: Fault, _ length: Duration) {
    let count = members.count
    switch fault {
    case .partition:
      var groups: [[Int]] = [[], []]
      for position in 0..<count { groups[weatherDice.index(below: 2)].append(position) }
      network.partition(groups, at: now)
    case .isolate:
      let alone = weatherDice.index(below: count)
      network.partition([(0..<count).filter { $0 != alone }], at: now)
    case .oneWay:
      let from = weatherDice.index(below: count)
      let to = weatherDice.index(below: count)
      if weatherDice.chance(1, in: 2) {
        for other in 0..<count { network.set(from, other, isCut: true, at: now) }
      } else {
        network.set(from, to, isCut: true, at: now)
      }
    case .bridge: network.bridge(weatherDice.index(below: count), at: now)
    case .ring: network.ring(at: now)
    case .quorumLoss: network.star(drawHub(), at: now)
    case .constrainedElection:
      let hub = drawHub()
      network.partition([(0..<count).filter { $0 != hub }], at: now)
      after(length / 2, .constrain(hub: hub))
    case .chained: network.chain(from: weatherDice.index(below: count), at: now)
    case .crash, .powerLoss, .crashAll, .pause, .slowDisk, .heal, .transfer, .addLearner,
      .promote, .remove, .replaceVoters, .flap, .clockJump, .stalledDisk, .fullDisk, .failingDisk,
      .bitFlip, .wipe, .terminate, .powerCut, .join, .leave, .succeed:
      preconditionFailure("\(fault) cuts no link")
    }
    tell(nil, "\(fault): \(cutText)")
    if weather.resetsLinks { resetCutSessions() }
    after(length, .healLinks)
  }

  /// Who alone will reach a majority: not the leader, if there is another.
  private func drawHub() -> Int {
    let hub = weatherDice.index(below: members.count)
    return members[hub].isLeader ? (hub + 1) % members.count : hub
  }

  /// The links that are cut, for the trace.
  private var cutText: String {
    var cuts: [String] = []
    for from in members {
      for to in members where !network.isOpen(from.position, to.position) {
        cuts.append("\(from.name)→\(to.name)")
      }
    }
    return cuts.joined(separator: " ")
  }

  /// Cut connections break at once instead of going silent.
  func resetCutSessions() {
    for left in members {
      for right in members[(left.position + 1)...]
      where !network.isOpenBothWays(left.position, right.position) {
        resetSession(left, right)
      }
    }
  }

  func healLinks() {
    guard !network.isWhole else { return }
    tell(nil, "the links are whole")
    network.heal(at: now)
  }

  // MARK: What an operator does

  func nextOperatorRequest(_ member: SimulatedMember) -> RequestID {
    member.nextRequest += 1
    return RequestID(member.nextRequest)
  }

  func transfer(_ leader: SimulatedMember, to target: MemberID?) {
    let deadline = leader.clock.local(at: now) + weather.clientTimeout
    let id = nextOperatorRequest(leader)
    step(leader, .transferLeadership(id, to: target, deadline: deadline))
  }

  func change(_ leader: SimulatedMember, _ change: ConfigurationChange) {
    let deadline = leader.clock.local(at: now) + weather.clientTimeout
    let id = nextOperatorRequest(leader)
    tell(leader, "is asked to change the members")
    membersAskedUntil = now + weather.clientTimeout
    step(leader, .change(id, change, deadline: deadline))
  }

  private func changeMembers(_ fault: Fault) {
    guard let leader = members.first(where: { $0.isLeader && !$0.isPaused }),
      let configuration = leader.core?.configuration,
      // A cluster that may already have lost a disk is not made smaller by the weather.
      !members.contains(where: \.isSuspect)
    else { return }
    defer { if weather.crashesInChanges { killSoon(leader) } }
    let present = configuration.members
    let drawn = present[weatherDice.index(below: present.count)]
    switch fault {
    case .addLearner:
      let absent = members.filter { member in
        !member.isRetired && !present.contains { $0.id == member.id }
      }
      guard let joiner = absent.first else { return }
      add(joiner, leader)
    case .promote:
      guard let learner = present.first(where: { $0.role == .learner }) else { return }
      change(leader, .promote(learner.id))
    case .remove:
      // Two voters are left, so that the weather itself never ends the cluster.
      guard present.count > 2 else { return }
      change(leader, .remove(drawn.id))
    case .replaceVoters:
      var voters: [MemberID] = []
      for member in present where weatherDice.chance(2, in: 3) { voters.append(member.id) }
      if !voters.isEmpty { change(leader, .setVoters(voters)) }
    case .crash, .powerLoss, .crashAll, .pause, .partition, .isolate, .oneWay, .bridge, .ring,
      .slowDisk, .heal, .transfer, .quorumLoss, .constrainedElection, .chained, .flap, .clockJump,
      .stalledDisk, .fullDisk, .failingDisk, .bitFlip, .wipe, .terminate, .powerCut, .join, .leave,
      .succeed:
      preconditionFailure("\(fault) changes no members")
    }
  }

  /// Starts a member that is not in the first configuration, and adds it as a learner.
  func add(_ joiner: SimulatedMember, _ leader: SimulatedMember) {
    if !joiner.isUp { start(joiner) }
    let member = Configuration.Member(
      id: joiner.id, incarnation: joiner.incarnation, role: .learner, name: joiner.name,
      peerURLs: [joiner.peerURL])
    change(leader, .addLearner(member))
  }

  // MARK: The quorum rule against the truth

  func inspectQuorumRule() {
    let raft = weather.settings.raft
    after(raft.heartbeatInterval * 2, .inspection)
    // Two heartbeats for the next ping, one more for its answer, and what the clocks may differ.
    let window = raft.electionTimeout + raft.heartbeatInterval * 3 + weather.delay.high * 2
    let settled = window + window / 1_000 + .milliseconds(1)
    for member in members where member.isRunning && !member.isPaused {
      guard let view = member.quorumView, let configuration = member.core?.configuration,
        now - member.undisturbedSince > settled
      else { continue }
      check(
        checks.quorumTruth.violation(
          member: member.id, says: view, of: configuration
        ) { contact(member, $0, settled) })
    }
  }

  private func contact(
    _ member: SimulatedMember, _ id: MemberID, _ settled: Duration
  ) -> QuorumTruth.Contact {
    guard let position = positionOf[id] else { return .impossible }
    let peer = members[position]
    let isOpen = network.isOpenBothWays(member.position, position)
    let linkSettled = now - network.unchangedSince(member.position, position) > settled
    let peerSettled = now - peer.undisturbedSince > settled
    if !isOpen && linkSettled { return .impossible }
    if (!peer.isRunning || peer.isPaused) && peerSettled { return .impossible }
    let isSmooth =
      weather.lossPerThousand == 0 && weather.reorderPerThousand == 0
      && now - smoothSince > settled
    let hasSession =
      member.sessions[position] == peer.boot && peer.sessions[member.position] == member.boot
      && now - member.sessionSince[position] > settled
      && now - peer.sessionSince[member.position] > settled
    let isCertain =
      isOpen && linkSettled && peer.isRunning && !peer.isPaused && peerSettled && isSmooth
      && hasSession
    return isCertain ? .certain : .unclear
  }
}
