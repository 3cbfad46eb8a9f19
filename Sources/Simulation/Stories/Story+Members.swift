import Linearizability
import Raft
import Replica

/// Places, successors and spares.
extension Story {
  private static func withMembers(
    _ members: Int, spares: Int = 1,
    _ adjust: @escaping @Sendable (inout Weather) -> Void = { _ in }
  ) -> @Sendable () -> Scenario {
    {
      Scenario(members: members, spareMembers: spares) {
        $0.introducesMembers = true
        adjust(&$0)
      }
    }
  }

  /// etcd #10254, once more: a directory is bound to its place for good. Another one that somebody
  /// has met as well, before the first was written down, stays out.
  static let doublePlace = Story(
    "a place that two came to", withMembers(3)
  ) { scenario in
    scenario.elect(1)
    let (world, joiner) = (scenario.world, scenario[4])
    world.addPlace(for: joiner, .none, at: scenario[2])
    guard scenario.settle() else { return "the members have not settled" }
    let bound = joiner.incarnation
    scenario.elect(2)
    // m2 had heard of somebody else at that place before it came to lead.
    let other = Introduction(
      id: joiner.id, incarnation: Incarnation(bound.number ^ 2), name: "other", clientURLs: [])
    world.step(scenario[2], .introduced(other))
    scenario.run(for: scenario.electionTimeout)
    guard let member = scenario[2].core?.configuration[joiner.id] else { return "m4 is gone" }
    return member.incarnation == bound ? nil : "m4's place was given to a second directory"
  }

  /// Consul #8118: whoever tidies up by itself must count first. Here nobody but the spare answers,
  /// and two voters are silent for longer than it waits.
  static let blindSpare = Story(
    "a spare without a majority",
    withMembers(3) {
      $0.settings.quorumPolicy = .wait
      $0.settings.raft.heartbeatInterval = .milliseconds(20)
      $0.settings.raft.electionTimeout = .milliseconds(400)
      $0.spareDelay = .milliseconds(200)
    }
  ) { scenario in
    scenario.elect(1)
    let (world, spare) = (scenario.world, scenario[4])
    world.addPlace(for: spare, .spare(after: world.weather.spareDelay), at: scenario[1])
    guard scenario.settle() else { return "the members have not settled" }
    scenario.run(for: .milliseconds(100))
    scenario.partition([[1, 4], [2, 3]])
    var wasCalled = false
    scenario.wait(timeouts: 4) {
      wasCalled = wasCalled || scenario[1].core?.configuration.isJoint == true
      return wasCalled || !scenario[1].isLeader
    }
    scenario.heal()
    guard scenario.settle(timeouts: 60) else { return "the members have not settled" }
    return wasCalled ? "m1 has called the spare, and hears nobody else" : nil
  }

  /// A voter dies, and the spare takes its place; it comes back as the spare.
  static let spareTakesOver = Story(
    "a spare that is needed", withMembers(3) { $0.spareDelay = .seconds(3) }
  ) { scenario in
    scenario.elect(1)
    let (world, spare) = (scenario.world, scenario[4])
    world.addPlace(for: spare, .spare(after: .seconds(3)), at: scenario[2])
    guard scenario.settle() else { return "the members have not settled" }
    scenario.kill(3)
    let id = spare.id
    let hasTakenOver = scenario.wait(timeouts: 8) {
      scenario[1].core?.raft.committedConfiguration.configuration[id]?.role == .voter
    }
    guard hasTakenOver else { return "the spare was not called" }
    // Now the store bears another loss.
    scenario.kill(2)
    guard scenario.put("k", "v", at: 1) != .refused else { return "the store does not serve" }
    scenario.start(2)
    scenario.start(3)
    guard scenario.settle(timeouts: 60) else { return "the members have not settled" }
    let role = scenario[1].core?.configuration[scenario[3].id]?.role
    return role == .learner ? nil : "m3 is \(role.map { "a \($0)" } ?? "gone")"
  }

  /// Who was wiped waits for the cluster of its first list to form. Once the others' logs have it
  /// no more, their handshakes do not speak of its old data directory, and it must not take them
  /// for the handshakes of a formation: it would begin as a voter of all the old members.
  static let removedFounder = Story("a wiped member that is removed", { Scenario(members: 3) }) {
    scenario in
    scenario.elect(1)
    scenario.put("k", "v", at: 1)
    scenario.losePower(3)
    scenario.wipe(3)
    scenario.start(3)
    scenario.run(for: .seconds(1))
    // The removal reaches m1's own log and no other, and may be taken back.
    scenario.cut(2, to: [1])
    scenario.world.change(scenario[1], .remove(scenario[3].id))
    scenario.run(for: scenario.electionTimeout / 3)
    guard !scenario[3].isRunning else { return "m3 founds a cluster before it is removed" }
    scenario.heal()
    scenario.settle()
    scenario.run(for: .seconds(5))
    return scenario[3].isRunning ? "m3 founds a second cluster" : nil
  }

  /// Who slept through the arrival of a new leader lets it in, though its own log does not have it
  /// among the members: the leader's configuration names this member and its data directory.
  static let newLeader = Story(
    "a leader that came meanwhile", { Scenario(members: 3, spareMembers: 1) }
  ) { scenario in
    scenario.elect(1)
    scenario.kill(3)
    scenario.world.add(scenario[4], scenario[1])
    let id = scenario[4].id
    scenario.wait { scenario[4].log.configuration[id] != nil }
    scenario.run(for: scenario.electionTimeout)
    scenario.world.change(scenario[1], .promote(id))
    let isVoter = scenario.wait {
      scenario[2].core?.raft.committedConfiguration.configuration[id]?.role == .voter
    }
    guard isVoter else { return "m4 does not vote" }
    scenario.run(for: scenario.electionTimeout)
    scenario.world.transfer(scenario[1], to: id)
    guard scenario.wait(until: { scenario[4].isLeader }) else { return "m4 does not lead" }
    scenario.start(3)
    return scenario.settle(timeouts: 60) ? nil : "m3 does not hear m4"
  }

  /// A wiped voter's successor, while the network is cut where it hurts.
  static let successor = Story("a successor under partitions", withMembers(3)) { scenario in
    scenario.elect(1)
    scenario.put("k", "before", at: 1)
    scenario.kill(3)
    let (world, joiner) = (scenario.world, scenario[4])
    world.addPlace(for: joiner, .successor(of: scenario[3].id), at: scenario[2])
    scenario.run(for: .milliseconds(2))
    scenario.partition([[1, 4], [2]])
    scenario.run(for: scenario.electionTimeout * 3)
    scenario.partition([[2, 4], [1]])
    scenario.run(for: scenario.electionTimeout * 6)
    scenario.heal()
    let old = scenario[3].id
    let isDone = scenario.wait(timeouts: 60) {
      world.commonLeader?.core?.raft.committedConfiguration.configuration.members.map(\.role)
        == [.voter, .voter, .voter]
        && world.commonLeader?.core?.configuration[old] == nil
    }
    guard isDone else { return "m4 has not taken the place of m3" }
    // It is told, and ends.
    scenario.start(3)
    guard scenario.wait(timeouts: 10, until: { scenario[3].isRetired }) else {
      return "m3 does not know that it was removed"
    }
    return scenario.settle(timeouts: 60) ? nil : "the members have not settled"
  }

  /// A voter is wiped and asks for another place; before that one has caught up, the spare is
  /// called. Three voted, and three vote: the successor inherits what its predecessor is by then.
  static let successorAndSpare = Story(
    "a spare and a successor for one voter",
    withMembers(3, spares: 2) { $0.spareDelay = .seconds(3) }
  ) { scenario in
    scenario.elect(1)
    let (world, spare, successor) = (scenario.world, scenario[4], scenario[5])
    world.addPlace(for: spare, .spare(after: .seconds(3)), at: scenario[2])
    guard scenario.settle() else { return "the members have not settled" }
    scenario.kill(3)
    let old = scenario[3].id
    scenario.partition([[1, 2, 4], [5]])
    world.addPlace(for: successor, .successor(of: old), at: scenario[2])
    let hasTakenOver = scenario.wait(timeouts: 8) {
      scenario[1].core?.raft.committedConfiguration.configuration[spare.id]?.role == .voter
    }
    guard hasTakenOver else { return "the spare was not called" }
    guard scenario[1].core?.configuration[old]?.role == .learner else { return "m3 still votes" }
    scenario.heal()
    let isFollowed = scenario.wait(timeouts: 20) {
      scenario[1].core?.raft.committedConfiguration.configuration[old] == nil
    }
    guard isFollowed else { return "m5 has not taken the place of m3" }
    scenario.run(for: scenario.electionTimeout * 5)
    let members = scenario[1].core?.configuration.members ?? []
    let voters = members.count { $0.role == .voter }
    guard voters == 3 else { return "\(voters) vote, and three did" }
    let prospect = members.first { $0.id == successor.id }?.prospect
    guard prospect == .spare(after: .seconds(3)) else { return "m5 is no spare" }
    scenario.start(3)
    guard scenario.wait(timeouts: 10, until: { scenario[3].isRetired }) else {
      return "m3 does not know that it was removed"
    }
    return scenario.settle(timeouts: 60) ? nil : "the members have not settled"
  }
}
