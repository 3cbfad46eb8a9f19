import Base
import Linearizability
import Raft
import Replica

/// Leaders that had better not lead (Docs/Architecture.md, *What must never happen*).
extension Story {
  /// The disk of a leader stalls for a minute. The others commit what it sends them; before its
  /// backlog is full, one of them leads.
  static let lateDisk = Story("a leader whose disk stalls", { Scenario(members: 3) }) { scenario in
    scenario.elect(1)
    scenario.put("k", "before", at: 2)
    scenario[1].stalledUntil = scenario.world.now + .seconds(60)
    guard scenario.put("k", "while", at: 2) != .refused else { return "the others do not serve" }
    guard scenario.wait(timeouts: 4, until: { scenario.leaders.contains { $0 != 1 } }) else {
      return "m1 leads on, and writes nothing down"
    }
    let leader = scenario.world.commonLeader.map { $0.position + 1 } ?? 2
    guard scenario.put("k", "after", at: leader) != .refused else {
      return "the store does not serve"
    }
    scenario.run(for: scenario.electionTimeout * 3)
    // Its clients' commands are committed, and it applies nothing.
    let now = scenario[1].clock.local(at: scenario.world.now)
    if scenario[1].core?.writeHealth(at: now) == .serves { return "m1 says that writes pass" }
    scenario.run(for: .seconds(60))
    return scenario.settle(timeouts: 60) ? nil : "the members have not settled"
  }

  /// A leader without room refuses for all what grows; two others have room.
  static let fullLeader = Story("a leader without room", { Scenario(members: 3) }) { scenario in
    scenario.elect(1)
    scenario.put("k", "before", at: 2)
    scenario.world.step(scenario[1], .pressure(.noSpace))
    scenario.wait(timeouts: 4) { scenario.leaders == [2] || scenario.leaders == [3] }
    scenario.settle()
    guard scenario.put("k", "after", at: 2) != .refused else { return "m1 refuses for all" }
    scenario.world.step(scenario[1], .pressure(.none))
    return scenario.settle(timeouts: 60) ? nil : "the members have not settled"
  }

  /// All disks are slow, the leader's somewhat more: no other would do better.
  static let slowDisks = Story("disks that are slow everywhere", { Scenario(members: 3) }) {
    scenario in
    let timeout = scenario.electionTimeout
    scenario.elect(1)
    scenario.put("k", "before", at: 2)
    scenario.world.weather.sync = .init(timeout, timeout)
    for (number, slowness) in [(1, 3), (2, 2), (3, 2)] { scenario[number].diskSlowness = slowness }
    scenario.world.weather.clientTimeout = timeout * 20
    guard scenario.put("k", "while", at: 1) != .refused else { return "the store does not serve" }
    scenario.run(for: timeout * 5)
    guard scenario.leaders == [1] else { return "m1 has handed over to a disk that is slow" }
    for number in 1...3 { scenario[number].diskSlowness = 1 }
    return scenario.settle(timeouts: 60) ? nil : "the members have not settled"
  }

  /// Nobody has room: it stays as it is.
  static let allFull = Story("members without room", { Scenario(members: 3) }) { scenario in
    scenario.elect(1)
    scenario.put("k", "before", at: 2)
    for number in 1...3 { scenario.world.step(scenario[number], .pressure(.noSpace)) }
    scenario.run(for: scenario.electionTimeout * 5)
    guard scenario.leaders == [1] else { return "m1 has handed over to who is as full" }
    for number in 1...3 { scenario.world.step(scenario[number], .pressure(.none)) }
    return scenario.settle(timeouts: 60) ? nil : "the members have not settled"
  }
}
