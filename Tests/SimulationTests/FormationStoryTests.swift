import Testing

@testable import Simulation

/// Founders that are cut off, stopped and lose their disks while their store forms.
@Suite struct FormationStoryTests {
  @Test(arguments: [
    "a disk lost while the store forms", "a founder between two lists",
    "a founder that missed the forming",
  ])
  func `a story of founders ends well`(name: String) throws {
    let ending = try #require(Story.named(name)).run()
    #expect(ending.finding == nil, "\(ending.trace)")
  }

  /// One storm in four has founders that form under faults (`Weather.formingFaults`); here are
  /// those of the first hundred seeds.
  @Test(arguments: 0..<5) func `no fault makes a second store, or none`(block: Int) {
    var runs = 0
    for seed in UInt64(block * 20 + 1)...UInt64(block * 20 + 20) {
      let simulator = Simulator(seed: seed, steps: 500)
      guard simulator.formsUnderFaults else { continue }
      runs += 1
      let verdict = simulator.run()
      if let failure = verdict.failure {
        Issue.record("seed \(seed): \(failure)\n\(verdict.replay)")
      }
    }
    #expect(runs > 1, "founders hardly ever form under faults")
  }
}
