import Base
import Linearizability
import Raft
import Replica

/// Stories about votes, reads and who is reached.
extension Story {
  /// Raft §5.4.1: the later term wins, not the longer log.
  static let oldTerm = Story("a long log of an old term", { Scenario(members: 3) }) { scenario in
    for round in 1...40 {
      scenario.elect(1)
      // m1 alone keeps an entry that nobody else has.
      scenario.partition([[2, 3]])
      scenario.begin(.put(key: "k", value: "long \(round)"), at: 1)
      scenario.wait(timeouts: 8) { scenario.leaders.contains { $0 != 1 } }
      scenario.wait(timeouts: 8) { !scenario[1].isLeader }
      guard let second = scenario.leaders.first else { return "nobody leads the majority" }
      let third = second == 2 ? 3 : 2
      let committed = scenario[second].log.lastIndex
      scenario.wait(timeouts: 8) { scenario[second].standing.commitIndex >= committed }
      // Its log of the earlier term is as long as the committed one; it hears of the later term,
      // and asks for votes while the other sleeps.
      scenario.partition([[1, third]])
      scenario.wait(timeouts: 4) { scenario[1].standing.term == scenario[third].standing.term }
      scenario.world.pause(scenario[third])
      scenario.run(for: scenario.electionTimeout * 3)
      scenario.world.resume(scenario[third])
      scenario.wait(timeouts: 30) { scenario.leaders.contains { $0 != second } }
      scenario.heal()
      guard scenario.settle(timeouts: 60) else { return "the members have not settled" }
      scenario.wait(timeouts: 40) { scenario.world.clients[0].pending == nil }
    }
    return nil
  }

  /// Docs/Operations.md, *A member whose directory is lost*: who lost its disk has forgotten its
  /// promises, so nobody lets it in.
  static let wiped = Story("a wiped member", { Scenario(members: 3) }) { scenario in
    scenario.elect(1)
    scenario.put("k", "v", at: 1)
    scenario.losePower(3)
    scenario.wipe(3)
    scenario.start(3)
    scenario.wait(timeouts: 60) { scenario[3].isRunning }
    return scenario[3].isRunning ? "m3 takes part again under its old identity" : nil
  }

  /// Every read is answered, if only by a refusal (failures R4).
  static let readOfTheDead = Story(
    "a read while the leader dies", { Scenario(members: 3) { $0.settings.quorumPolicy = .wait } }
  ) { scenario in
    scenario.elect(1)
    scenario.cut(1, to: [2, 3])
    scenario.begin(.get(key: "k", .linearizable), at: 2)
    scenario.run(for: .milliseconds(2))
    scenario.kill(1)
    scenario.heal()
    scenario.world.run(until: scenario.world.now + .seconds(60)) {
      scenario.world.clients[0].pending == nil
    }
    switch scenario.world.history.operations.last?.outcome {
    case .got: return nil
    case .refused: return nil
    case .put, .deleted, .swapped, .scanned, .unknown, nil: return "the read is never answered"
    }
  }

  /// OmniPaxos, "quorum loss": all reach m3 only, the leader m1 as well.
  static let quorumLoss = Story("quorum loss", { Scenario(members: 5) }) { scenario in
    scenario.elect(1)
    scenario.partition([[1, 3], [2, 3], [4, 3], [5, 3]])
    return scenario.wait(timeouts: 8) { scenario.leaders == [3] }
      ? nil : "m3, whom a majority reaches, does not lead"
  }

  /// Thesis §4.2.3, §9.6: who was cut off and comes back changes neither leader nor term.
  static let quietReturn = Story(
    "the return of a member that was cut off", { Scenario(members: 3) }
  ) { scenario in
    scenario.elect(1)
    let term = scenario[1].standing.term
    scenario.partition([[1, 2]])
    scenario.run(for: scenario.electionTimeout * 10)
    scenario.heal()
    scenario.run(for: scenario.electionTimeout * 10)
    return scenario.leaders == [1] && scenario[1].standing.term == term
      ? nil : "m1 was deposed by the return of m3"
  }

  /// etcd #20418: an answer to an old round of heartbeats reaches a leader that has slept, while it
  /// waits for the answers to a newer one.
  static let lateAnswer = Story("a late answer to a heartbeat", { Scenario(members: 3) }) {
    scenario in
    scenario.elect(1)
    scenario.put("k", "old", at: 1)
    let world = scenario.world
    let leader = scenario[1]
    // The heartbeats of one round are under way; their answers will take a tenth of a second.
    let beat = world.now + world.weather.settings.raft.heartbeatInterval
    world.run(until: beat) { leader.wakeAt <= world.now + .microseconds(1) }
    scenario.run(for: .microseconds(50))
    world.weather.delay = .init(.milliseconds(100), .milliseconds(100))
    scenario.partition([[1, 2], [1, 3]])
    scenario.run(for: .milliseconds(1))
    scenario.heal()
    // Half a millisecond before they come.
    let wakesAt = world.now + .microseconds(98_500)
    world.weather.delay = .init(.microseconds(100), .microseconds(100))

    // It sleeps; the others lose their sessions with it, and go on without it.
    world.pause(leader)
    for other in [scenario[2], scenario[3]] { world.breakSession(other, 0, leader.boot) }
    scenario.wait { scenario.leaders.contains { $0 != 1 } }
    guard let next = scenario.leaders.first(where: { $0 != 1 }) else { return "nobody else leads" }
    scenario.put("k", "new", at: next)
    guard world.now < wakesAt else { return "the others took too long" }

    // It wakes just before the answers come, and is asked.
    world.run(until: wakesAt)
    world.resume(leader)
    scenario.begin(.get(key: "k", .linearizable), at: 1)
    world.run(until: world.now + .seconds(60)) { world.clients[0].pending == nil }
    scenario.judge()
    return nil
  }

  /// A heartbeat of a term that m1 led reaches a member that follows m1 in a later one. Rounds are
  /// counted from one in each term, so its answer must name none (mutant R2b).
  static let earlierHeartbeat = Story(
    "a heartbeat of an earlier term", { Scenario(members: 3) }
  ) { scenario in
    scenario.elect(1)
    // More rounds than the later term will have.
    scenario.run(for: .seconds(5))
    let world = scenario.world
    let term = scenario[1].standing.term
    // All that leaves now is overtaken by what leaves in the next four tenths of a second.
    world.weather.reorderPerThousand = 1_000
    world.weather.reorderDelay = .init(.milliseconds(400), .milliseconds(400))
    scenario.run(for: world.weather.settings.raft.heartbeatInterval)
    world.weather.reorderPerThousand = 0
    scenario.elect(3)
    scenario.elect(1)
    guard scenario[1].standing.term > term else { return "m1 leads no later term" }
    scenario.run(for: .seconds(1))
    scenario.judge()
    return scenario.settle() ? nil : "the members have not settled"
  }

  /// A member counts its reads from one in each boot. m1 waits for a majority to confirm the first
  /// read of m3; it dies, something is written, and m3 comes back and asks its first read again.
  /// The answer to the one must not serve the other: it is older than what was written.
  static let earlierRead = Story(
    "a read of an earlier boot",
    {
      Scenario(members: 3) {
        $0.clients = 2
        // Whoever has just begun waits for a leader with its reads.
        $0.settings.quorumPolicy = .wait
      }
    }
  ) { scenario in
    let world = scenario.world
    let timeout = scenario.electionTimeout
    scenario.elect(1)
    scenario.put("k", "old", at: 1)
    scenario.run(for: timeout)
    scenario.kill(3)
    scenario.start(3)
    scenario.begin(.get(key: "k", .linearizable), at: 3)
    guard scenario.wait(until: { scenario[3].standing.leader == scenario[1].id }) else {
      return "m3 does not come back"
    }
    // Its question is on its way; the round that would confirm it is lost.
    scenario.cut(1, to: [2, 3])
    scenario.run(for: .milliseconds(1))
    scenario.kill(3)
    scenario.heal()
    let commit = scenario[1].standing.commitIndex
    world.ask(1, .put(key: "k", value: "new"), scenario[1])
    scenario.wait(timeouts: 1) { scenario[1].standing.commitIndex > commit }
    scenario.cut(2, to: [1])
    scenario.wait(timeouts: 1) { world.clients.allSatisfy { $0.pending == nil } }
    // It is asked before it has applied what was written.
    world.weather.apply = .init(.milliseconds(20), .milliseconds(20))
    scenario.start(3)
    scenario.begin(.get(key: "k", .linearizable), at: 3)
    scenario.wait(timeouts: 1) { world.clients[0].pending == nil }
    scenario.heal()
    scenario.judge()
    return scenario.settle(timeouts: 60) ? nil : "the members have not settled"
  }

  /// etcd #8243, openraft #1796: one member has the longer log, one the later term. The first must
  /// hear of the term, or neither ever wins.
  static let lateTerm = Story("a long log and a late term", { Scenario(members: 3) }) { scenario in
    scenario.elect(1)
    scenario.partition([[1, 3]])
    scenario.put("k", "long", at: 1)
    scenario.run(for: .milliseconds(10))
    scenario.kill(1)
    // m3 stands twice, and dies each time as soon as m2 has heard of the new term.
    scenario.partition([[2, 3]])
    for _ in 0..<2 {
      let term = scenario[2].standing.term
      scenario.start(3)
      scenario.wait(timeouts: 20) { scenario[2].standing.term > term }
      scenario.kill(3)
    }
    scenario.heal()
    scenario.start(1)
    return scenario.wait(timeouts: 40) { !scenario.leaders.isEmpty }
      ? nil : "no leader of the two that are up"
  }
}
