import Base
import Linearizability
import Raft
import Testing

@testable import Simulation

/// Failure P5: partial connectivity. After twelve election time-outs a cluster serves writes under
/// every lasting cut that leaves some member with links, both ways, to a majority (and all logs
/// equal when it begins). Why that can be promised: whoever leads without hearing a majority steps
/// down within one time-out (check-quorum) and whoever hears no leader asks again; pre-votes keep
/// the terms from running up; and a member that hears a leader refuses others, so that a leader who
/// hears a majority stays. What cannot be promised is a constrained election: the only member that
/// reaches a majority misses a committed entry, and may not lead (Raft §5.4.1); the links must
/// change first (`partial connectivity: constrained election`).
@Suite struct LivenessTests {
  static let timeouts = 12

  enum Shape: CaseIterable {
    case star, chain, ring, bridge, isolatedLeader, deafLeader, muteLeader, oneWayLink
  }

  private func cut(
    _ shape: Shape, _ network: inout Network, leader: Int, count: Int, _ now: Instant
  ) {
    let others = (0..<count).filter { $0 != leader }
    switch shape {
    case .star: network.star((leader + 1) % count, at: now)
    case .chain: network.chain(from: leader, at: now)
    case .ring: network.ring(at: now)
    case .bridge: network.bridge((leader + 2) % count, at: now)
    case .isolatedLeader: network.partition([others], at: now)
    case .deafLeader:
      for other in others { network.set(other, leader, isCut: true, at: now) }
    case .muteLeader:
      for other in others { network.set(leader, other, isCut: true, at: now) }
    case .oneWayLink: network.set(leader, others[0], isCut: true, at: now)
    }
  }

  /// Whether some member reaches a majority both ways.
  private func hasCenter(_ network: Network, _ count: Int) -> Bool {
    (0..<count).contains { center in
      (0..<count).count { $0 == center || network.isOpenBothWays(center, $0) } > count / 2
    }
  }

  @Test(arguments: Shape.allCases, [3, 5])
  func `a lasting cut that leaves a majority around somebody is served`(
    shape: Shape, members: Int
  ) {
    for (seed, resets) in [(UInt64(1), false), (2, true), (3, false)] {
      let scenario = Scenario(members: members, seed: seed) { $0.resetsLinks = resets }
      guard let leader = scenario.leaders.first else {
        Issue.record("nobody leads before the cut")
        return
      }
      scenario.put("k", "before", at: leader)
      scenario.settle()
      cut(
        shape, &scenario.world.network, leader: leader - 1, count: members, scenario.world.now)
      if resets { scenario.world.resetCutSessions() }
      guard hasCenter(scenario.world.network, members) else { continue }
      let committed = scenario.world.checks.committed.lastIndex
      let isServed = scenario.wait(timeouts: LivenessTests.timeouts) {
        guard scenario.world.clients[0].pending == nil else { return false }
        let leaders = scenario.world.members.filter(\.isLeader)
        guard let newest = leaders.max(by: { $0.standing.term < $1.standing.term }) else {
          return false
        }
        if scenario.world.checks.committed.lastIndex > committed.next { return true }
        scenario.begin(.put(key: "k", value: "after"), at: newest.position + 1)
        return false
      }
      #expect(isServed, "seed \(seed): nothing is committed under \(shape)")
      scenario.heal()
      #expect(scenario.settle())
      scenario.judge()
      #expect(scenario.violation == nil)
    }
  }

  /// Docs/Architecture.md, *What must never happen*: a host that hangs, a disk that stalls, at the
  /// leader or elsewhere. Whatever the minority has, and as long as it has it, the others take
  /// writes.
  @Test(arguments: LastingFault.allCases, [3, 5])
  func `a lasting fault of a minority stops nobody else`(fault: LastingFault, members: Int) {
    for seed in 1...6 as ClosedRange<UInt64> {
      let scenario = Scenario(members: members, seed: seed) { $0.lasting = fault }
      scenario.world.demandDespiteLastingFault()
      scenario.judge()
      #expect(scenario.violation == nil, "seed \(seed)")
    }
  }
}
