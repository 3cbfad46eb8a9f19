import Linearizability
import Raft
import Replica

/// The time before the first configuration.
extension Story {
  /// A founder was cut off as the others met, one of them loses its disk and the other is away: the
  /// new directory and the old founder are a majority, and must not be a second store.
  static let formingOnce = Story(
    "a disk lost while the store forms", { Scenario(members: 3, starting: [2, 3]) }
  ) { scenario in
    scenario.run(for: scenario.electionTimeout)
    scenario.partition([[1, 2], [3]])
    scenario.start(1)
    scenario.run(for: scenario.electionTimeout * 20)
    var acknowledged = 0
    for number in 0..<5 where scenario.put("k\(number)", "old", at: 2) != .refused {
      acknowledged += 1
    }
    scenario.losePower(1)
    scenario.wipe(1)
    scenario.kill(2)
    scenario.heal()
    scenario.start(1)
    scenario.run(for: scenario.electionTimeout * 20)
    if scenario[1].isRunning || scenario[3].isRunning {
      return "a second store has formed, and \(acknowledged) writes were acknowledged before"
    }
    scenario.start(2)
    guard scenario.settle(timeouts: 60) else { return "the store does not form" }
    scenario.put("k0", "new", at: 3)
    scenario.judge()
    return nil
  }

  /// As above, but a moment later: the third has said that it has met the others, who have formed
  /// and acknowledge writes; it has not heard them say so.
  static let formingBetween = Story(
    "a founder between two lists", { Scenario(members: 3, starting: [1, 2, 3]) }
  ) { scenario in
    guard scenario.isolateBeforeItForms(3) else { return "m3 was not cut off in time" }
    guard scenario.put("k", "old", at: 1) != .refused else { return "m1 and m2 do not serve" }
    scenario.losePower(1)
    scenario.wipe(1)
    scenario.kill(2)
    scenario.heal()
    scenario.start(1)
    scenario.run(for: scenario.electionTimeout * 20)
    if scenario[1].isRunning || scenario[3].isRunning { return "a second store has formed" }
    scenario.start(2)
    let isLed = scenario.wait(timeouts: 60) {
      scenario[3].isRunning && scenario[3].standing.leader != nil
    }
    guard isLed, scenario.put("l", "new", at: 3) != .refused else {
      return "m2 and m3 do not serve"
    }
    if scenario[1].isRunning { return "a wiped member takes part again" }
    scenario.world.giveUp(scenario[1])
    guard scenario.settle(timeouts: 100) else { return "m1 is not replaced" }
    guard scenario.value(of: "k", .linearizable, at: 1) == "old" else {
      return "what was acknowledged is lost"
    }
    scenario.judge()
    return nil
  }

  /// A founder misses the forming, and comes back when the members have changed: their ids are not
  /// the initial ones any more.
  static let lateFounder = Story(
    "a founder that missed the forming",
    {
      Scenario(members: 5, spareMembers: 1, starting: [1, 2, 3, 4, 5]) {
        $0.introducesMembers = true
      }
    }
  ) { scenario in
    guard scenario.isolateBeforeItForms(5) else { return "m5 was not cut off in time" }
    guard let leader = scenario.leaders.first else { return "nobody leads" }
    scenario.put("k", "before", at: leader)
    let lost = leader == 2 ? 3 : 2
    scenario.losePower(lost)
    scenario.wipe(lost)
    let (world, joiner, old) = (scenario.world, scenario[6], scenario[lost].id)
    world.addPlace(for: joiner, .successor(of: old), at: scenario[leader])
    let isReplaced = scenario.wait(timeouts: 60) {
      let configuration = scenario[leader].core?.raft.committedConfiguration.configuration
      return configuration?[old] == nil && configuration?[joiner.id]?.role == .voter
    }
    guard isReplaced else { return "m\(lost) was not replaced" }
    scenario.put("k", "after", at: leader)
    if scenario[5].isRunning { return "m5 has formed while it was cut off" }
    scenario.heal()
    guard scenario.wait(timeouts: 20, until: { scenario[5].isRunning }) else {
      return "m5 stays outside: \(scenario[5].admission?.gaps ?? [])"
    }
    guard scenario.settle(timeouts: 60) else { return "the members have not settled" }
    guard scenario.value(of: "k", .serializable, at: 5) == "after" else {
      return "m5 has not caught up"
    }
    scenario.judge()
    return nil
  }
}

extension Scenario {
  fileprivate func value(
    of key: String, _ consistency: History.Consistency, at number: Int
  ) -> String? {
    guard case .got(let value, _, _) = get(key, consistency, at: number) else { return nil }
    return value
  }

  /// Cuts a founder off when it has met and told all others, and before it hears that they have
  /// met: they form without it. Whether that worked out, and somebody leads.
  fileprivate func isolateBeforeItForms(_ number: Int) -> Bool {
    let others = world.members.map { $0.position + 1 }.filter { $0 != number }
    let hasMet = wait {
      self[number].admission?.gaps.allSatisfy { $0.reason != .silent } ?? false
    }
    for other in others { cut(other, to: [number]) }
    // What it has said is on its way.
    run(for: .milliseconds(5))
    cut(number, to: others)
    let isServing = wait { leaders.contains { self[$0].standing.commitIndex > .zero } }
    return hasMet && isServing && !self[number].isRunning
  }
}
