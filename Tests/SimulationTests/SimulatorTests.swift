import Testing

@testable import Simulation

/// Storms, calm and verdict.
@Suite struct SimulatorTests {
  private func trace(of simulator: Simulator) -> (lines: [String], Simulator.Verdict) {
    var lines: [String] = []
    let verdict = simulator.run { lines.append($0) }
    return (lines, verdict)
  }

  @Test(arguments: [3, 17, 45, 79] as [UInt64])
  func `the same seed gives the same trace, line for line`(seed: UInt64) {
    let first = trace(of: Simulator(seed: seed, steps: 1_000))
    let second = trace(of: Simulator(seed: seed, steps: 1_000))
    #expect(first.lines.count > 500)
    #expect(first.lines == second.lines)
    #expect(first.1 == second.1)
  }

  @Test(arguments: [1, 2] as [UInt64])
  func `the same power loss leaves the same bytes and gives the same trace`(seed: UInt64) {
    let first = trace(of: Simulator(seed: seed, steps: 800, kind: .powerLoss))
    let second = trace(of: Simulator(seed: seed, steps: 800, kind: .powerLoss))
    #expect(first.lines == second.lines)
    #expect(first.1 == second.1 && first.1.usesFiles)
  }

  @Test func `another seed gives another trace`() {
    let first = trace(of: Simulator(seed: 1, members: 3, steps: 500))
    let second = trace(of: Simulator(seed: 2, members: 3, steps: 500))
    #expect(first.lines != second.lines)
  }

  @Test func `watching a run does not change it`() {
    let simulator = Simulator(seed: 11, steps: 1_000)
    #expect(trace(of: simulator).1 == simulator.run())
  }

  /// A few hundred storms. `make swarm` runs any number.
  @Test(arguments: 0..<10) func `every seed of the swarm passes`(block: Int) {
    let summary = Swarm(firstSeed: UInt64(block * 25 + 1), count: 25, steps: 1_200).run(
      announce: { _ in },
      report: { verdict in
        if let failure = verdict.failure {
          Issue.record("seed \(verdict.seed): \(failure)\n\(verdict.replay)")
        }
        return true
      })
    #expect(summary.runs == 25)
    #expect(summary.operations > 500, "clients hardly asked anything")
    #expect(summary.watchedEvents > 20, "watchers hardly heard anything")
  }

  /// Failures S5, V1, L1, L7: all members lose power in the middle of whatever their disks do.
  /// `quorate simulate --power-loss` runs any number.
  @Test(arguments: 0..<2) func `nothing that was promised is lost with the power`(block: Int) {
    var cuts = 0
    for seed in UInt64(block * 20 + 1)...UInt64(block * 20 + 20) {
      let verdict = Simulator(seed: seed, steps: 1_500, kind: .powerLoss).run()
      if let failure = verdict.failure {
        Issue.record("seed \(seed): \(failure)\n\(verdict.replay)")
      }
      #expect(verdict.usesFiles)
      cuts += verdict.powerCuts.reduce(0, +)
    }
    #expect(cuts >= 6, "the power hardly ever fails")
  }

  @Test func `a verdict names the command that replays it`() {
    let verdict = Simulator(seed: 5, members: 3, steps: 50).run()
    #expect(verdict.replay == "quorate simulate --seed 5 --members 3 --steps 50")
  }
}
