import Base
import Linearizability
import Member
import Raft
import Replica

/// Stories about what is committed, what is kept, and who the members are.
extension Story {
  /// Raft §5.4.2, Figure 8. An entry of an earlier term reaches a majority and is overwritten.
  static let figure8 = Story(
    "figure 8",
    {
      Scenario(members: 5) {
        // One entry a message and one message at a time, so that the old entry travels alone.
        $0.settings.raft.appendLimitBytes = 1
        $0.settings.raft.inflightLimit = 1
      }
    }
  ) { scenario in
    scenario.elect(1)
    let old = scenario[1].log.lastIndex.next

    // (a) m1 replicates an entry to m2 alone, and dies.
    scenario.cut(1, to: [3, 4, 5])
    scenario.begin(.put(key: "k", value: "old"), at: 1)
    scenario.wait { scenario[2].durableLog.lastIndex >= old }
    scenario.kill(1)

    // (b) Another wins the next term without m2, and dies with an entry at the same index.
    scenario.partition([[3, 4, 5]])
    scenario.wait { !scenario.leaders.isEmpty }
    guard let second = scenario.leaders.first else { return "nobody leads in (b)" }
    scenario.partition([])
    scenario.wait { scenario[second].durableLog.lastIndex >= old }
    scenario.kill(second)

    // (c) The old entry comes to a majority, but nothing of the third term.
    let others = [2, 3, 4, 5].filter { $0 != second }
    scenario.partition([[1] + others])
    scenario.start(1)
    scenario.wait { !scenario.leaders.isEmpty }
    guard let third = scenario.leaders.first else { return "nobody leads in (c)" }
    let id = scenario[third].log.id(at: old)
    scenario.wait {
      scenario.world.members.count { $0.durableLog.id(at: old) == id } >= 3
    }
    // Just long enough for the acknowledgements.
    scenario.run(for: .microseconds(150))
    scenario.partition([])
    scenario.run(for: .milliseconds(5))
    scenario.kill(third)

    // (d) The second comes back and overwrites it.
    scenario.heal()
    scenario.start(second)
    scenario.partition([others.filter { $0 != third } + [second]])
    scenario.wait(timeouts: 40) { scenario[second].isLeader }
    scenario.heal()
    scenario.start(third)
    return scenario.settle(timeouts: 40) ? nil : "the members have not settled"
  }

  /// The bug of single-server changes (Ongaro, raft-dev 2015-07-10). Of four voters m1 adds a
  /// fifth that the others never hear of; the next leader removes m1 with one other; then m1 wins
  /// with the fifth and the one that knows of neither.
  static let disjointMajorities = Story(
    "two majorities that do not meet", { Scenario(members: 4, spareMembers: 1) }
  ) { scenario in
    scenario.elect(1)
    scenario.world.add(scenario[5], scenario[1])
    scenario.rest()
    scenario.partition([[1, 5], [2, 3, 4]])
    let added = scenario[1].log.lastIndex.next
    scenario.world.change(scenario[1], .promote(scenario[5].id))
    scenario.wait(timeouts: 2) { scenario[5].durableLog.lastIndex >= added }

    // The next leader reaches one other, and asks for its change before its term's first commit.
    scenario.wait { scenario.leaders.contains { $0 != 1 } }
    guard let second = scenario.leaders.first(where: { $0 != 1 }) else {
      return "nobody leads the three"
    }
    let others = [2, 3, 4].filter { $0 != second }
    scenario.partition([[1, 5], [second, others[0]], [others[1]]])
    scenario.world.change(scenario[second], .remove(scenario[1].id))
    scenario.run(for: scenario.electionTimeout / 2)
    scenario.kill(second)
    scenario.kill(others[0])

    scenario.partition([[1, 5, others[1]]])
    scenario.wait(timeouts: 40) { scenario.world.commonLeader != nil }
    scenario.heal()
    scenario.start(second)
    scenario.start(others[0])
    return scenario.settle(timeouts: 60) ? nil : "the members have not settled"
  }

  /// etcd #12359: a promoted learner that does not know it yet must vote, or nobody can win.
  static let unknownPromotion = Story(
    "a promotion that is not known", { Scenario(members: 1, spareMembers: 1) }
  ) { scenario in
    scenario.world.add(scenario[2], scenario[1])
    scenario.rest()
    let promotion = scenario[1].log.lastIndex.next
    scenario.partition([])
    scenario.world.change(scenario[1], .promote(scenario[2].id))
    scenario.wait(timeouts: 2) { scenario[1].durableLog.lastIndex >= promotion }
    scenario.kill(1)
    scenario.start(1)
    scenario.heal()
    return scenario.settle(timeouts: 40) ? nil : "no leader after the promotion"
  }

  /// A cluster keeps one voter.
  static let lastVoter = Story("the last voter", { Scenario(members: 1) }) { scenario in
    scenario.world.change(scenario[1], .remove(scenario[1].id))
    scenario.run(for: scenario.electionTimeout)
    return scenario.settle() ? nil : "the last voter is gone"
  }

  /// Thesis §4.2.1: a learner votes only once commits need not wait for it.
  static let absentLearner = Story(
    "a learner that never came", { Scenario(members: 2, spareMembers: 1) }
  ) { scenario in
    scenario.elect(1)
    scenario.partition([[1, 2]])
    scenario.world.add(scenario[3], scenario[1])
    scenario.run(for: scenario.electionTimeout)
    scenario.world.change(scenario[1], .promote(scenario[3].id))
    scenario.run(for: scenario.electionTimeout)
    let id = scenario[3].id
    let isVoter = scenario[1].log.configuration.members.contains {
      $0.id == id && $0.role == .voter
    }
    return isVoter ? "m3 has become a voter without an entry" : nil
  }

  /// m3 is away while m1 writes more than its log keeps.
  private static func writeWithoutThird(_ scenario: Scenario, keys: Int) {
    scenario.elect(1)
    scenario.kill(3)
    for number in 1...60 { scenario.put("k\(number % keys)", "v\(number)", at: 1) }
    scenario.run(for: .seconds(1))
  }

  /// Raft §7: the log is cut although somebody is far behind.
  static let slowFollower = Story(
    "a follower that is away for long",
    {
      Scenario(members: 3) {
        $0.settings.raft.retainedEntries = 5
        $0.tendPerThousand = 1_000
      }
    }
  ) { scenario in
    writeWithoutThird(scenario, keys: 7)
    if scenario[1].durableLog.base.last.index < LogIndex(40) {
      return "the log of 60 entries was not cut"
    }
    scenario.start(3)
    return scenario.settle() ? nil : "the members have not settled"
  }

  /// Raft §7: who returns is sent a snapshot, and goes on from there by the log, however much is
  /// written meanwhile.
  static let busyReturn = Story(
    "a return while much is written",
    {
      Scenario(members: 3) {
        $0.settings.raft.retainedEntries = 5
        $0.tendPerThousand = 1_000
        $0.chunkBytes = 100
      }
    }
  ) { scenario in
    writeWithoutThird(scenario, keys: 7)
    scenario.start(3)
    for number in 1...200 { scenario.put("k\(number % 7)", "w\(number)", at: 1) }
    let sent = scenario.world.counts.snapshots
    if sent > 2 { return "it took \(sent) snapshots to come back" }
    return scenario.settle() ? nil : "the members have not settled"
  }

  /// Raft §5.1: the rules of terms hold for snapshots too. One is still on its way when its sender
  /// has been replaced.
  static let lateSnapshot = Story(
    "a snapshot of a leader that was",
    {
      Scenario(members: 3) {
        $0.settings.raft.retainedEntries = 5
        $0.tendPerThousand = 1_000
        $0.chunkBytes = 100
      }
    }
  ) { scenario in
    writeWithoutThird(scenario, keys: 100)
    scenario.start(3)
    let world = scenario.world
    scenario.wait { scenario[3].exchange.isReceiving }
    world.transfer(scenario[1], to: scenario[2].id)
    scenario.wait { scenario[3].standing.leader == scenario[2].id }
    return scenario.settle(timeouts: 60) ? nil : "the members have not settled"
  }

  /// Two single-server changes under way at once are a change of two: of three voters m1 makes
  /// five with two that only it reaches, and the two others are still a majority of the three.
  static let parallelChanges = Story(
    "two changes at once", { Scenario(members: 3, spareMembers: 2) }
  ) { scenario in
    scenario.elect(1)
    for joiner in [4, 5] {
      scenario.world.add(scenario[joiner], scenario[1])
      scenario.rest()
    }
    scenario.partition([[1, 4, 5], [2, 3]])
    for joiner in [4, 5] { scenario.world.change(scenario[1], .promote(scenario[joiner].id)) }
    scenario.wait(timeouts: 4) { scenario.leaders.contains { $0 == 2 || $0 == 3 } }
    scenario.run(for: scenario.electionTimeout)
    scenario.heal()
    return scenario.settle(timeouts: 60) ? nil : "the members have not settled"
  }

  /// NATS b4506ec4a: what was sent to a leader arrives when it leads again, two terms later. Its
  /// sender has told the client by then that it does not take effect.
  static let lateForward = Story("a late forward", { Scenario(members: 3) }) { scenario in
    scenario.elect(1)
    scenario.rest()
    let world = scenario.world
    world.weather.delay = .init(.milliseconds(500), .milliseconds(500))
    scenario.begin(.put(key: "k", value: "late"), at: 2)
    scenario.run(for: .milliseconds(1))
    world.weather.delay = .init(.microseconds(100), .microseconds(100))
    scenario.elect(3)
    scenario.elect(1)
    world.run(until: world.now + .seconds(60)) { world.clients[0].pending == nil }
    scenario.run(for: .seconds(1))
    scenario.judge()
    return scenario.settle() ? nil : "the members have not settled"
  }

  /// What gathers at a leader has not left for the log. When it is deposed with no other leader in
  /// sight, whoever sent it learns that nothing took effect, and its client need not wait.
  static let heldForward = Story(
    "a forward held by a leader that is deposed",
    {
      Scenario(members: 5) {
        $0.clients = 2
        $0.settings.gatherLimit = .seconds(60)
        // Else m2 answers as soon as it has lost the quorum, and knows less.
        $0.settings.quorumPolicy = .wait
      }
    }
  ) { scenario in
    scenario.elect(1)
    scenario.rest()
    let world = scenario.world
    scenario.partition([[1, 2], [3, 4, 5]])
    world.ask(0, .put(key: "k", value: "under way"), scenario[1])
    scenario.run(for: .milliseconds(1))
    world.ask(1, .put(key: "k", value: "held"), scenario[2])
    world.run(until: world.now + .seconds(60)) { world.clients[1].pending == nil }
    return world.history.operations.last?.outcome == .refused
      ? nil : "the client of m2 is not told that it was refused"
  }

  /// A handshake of m1's earlier boot reaches the leader when m1 has begun again, and opens a
  /// session with that boot for a moment. A forward of the present boot that comes twice, before
  /// and after, must take effect once.
  static let earlierHandshake = Story("a handshake of an earlier boot", { Scenario(members: 3) }) {
    scenario in
    let world = scenario.world
    scenario.elect(3)
    scenario.rest()
    scenario.kill(1)
    // What leaves now comes half a second late: m1's handshakes, and nothing of its next boot.
    world.weather.reorderPerThousand = 1_000
    world.weather.reorderDelay = .init(.milliseconds(500), .milliseconds(500))
    scenario.start(1)
    scenario.run(for: world.weather.reconnect)
    scenario.kill(1)
    world.weather.reorderPerThousand = 0
    scenario.start(1)
    guard scenario.wait(timeouts: 1, until: { scenario[1].standing.leader == scenario[3].id })
    else { return "m1 does not come back" }
    // The forward comes at once, and once more when the handshake has come.
    world.weather.duplicatePerThousand = 1_000
    world.weather.reorderDelay = .init(.seconds(1), .seconds(1))
    scenario.put("k", "once", at: 1)
    world.weather.duplicatePerThousand = 0
    scenario.run(for: .seconds(2))
    scenario.judge()
    return scenario.settle() ? nil : "the members have not settled"
  }

  /// m3 knows the slot of what it has sent to the leader, and is cut off. The snapshot that brings
  /// it back holds that slot, and entries after it are committed before m3 has moved there: what
  /// became of the slot is not known, and that is said before anything else is handed out.
  static let passedSlot = Story(
    "a slot inside a snapshot",
    {
      Scenario(members: 3) {
        $0.clients = 2
        $0.clientTimeout = .seconds(60)
        $0.settings.raft.retainedEntries = 0
        $0.tendPerThousand = 1_000
      }
    }
  ) { scenario in
    let world = scenario.world
    func write(_ count: Int) {
      for number in 1...count {
        world.ask(1, .put(key: "k", value: "\(number)"), scenario[1])
        world.run(until: world.now + .seconds(60)) { world.clients[1].pending == nil }
      }
    }
    scenario.elect(1)
    scenario.rest()
    let slot = scenario[1].log.lastIndex.next
    scenario.begin(.put(key: "k", value: "cut off"), at: 3)
    scenario.wait { scenario[3].log.lastIndex >= slot }
    scenario.run(for: .microseconds(10))
    scenario.partition([[1, 2]])
    write(20)
    scenario.run(for: .seconds(2))
    guard scenario[1].durableLog.base.last.index > slot else { return "the log was not cut" }
    scenario.heal()
    scenario.wait { scenario[3].isInstalling }
    // It takes its time to move to the snapshot.
    world.weather.sync = .init(.milliseconds(20), .milliseconds(20))
    scenario.wait { scenario[3].applyLane?.isRestoring == true }
    world.weather.sync = .init(.microseconds(100), .microseconds(100))
    write(5)
    guard scenario[3].applyLane?.isRestoring == true else {
      return "m3 has moved to the snapshot before the writes"
    }
    guard scenario.settle() else { return "the members have not settled" }
    scenario.run(for: .milliseconds(1))
    scenario.judge()
    let forwarded = world.history.operations.first {
      $0.call == .put(key: "k", value: "cut off")
    }
    return forwarded?.outcome == .unknown ? nil : "m3's client is told more than m3 can know"
  }
}

extension Scenario {
  /// Settles, and lets the last acknowledgements arrive.
  fileprivate func rest() {
    settle()
    run(for: electionTimeout / 2)
  }
}
