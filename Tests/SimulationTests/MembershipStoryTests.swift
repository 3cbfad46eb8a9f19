import Testing

@testable import Simulation

/// Members that come, go and are replaced, while the network and the processes fail.
@Suite struct MembershipStoryTests {
  @Test(arguments: [
    "a place that two came to", "a spare without a majority", "a spare that is needed",
    "a successor under partitions", "a leader that came meanwhile",
    "a spare and a successor for one voter",
  ])
  func `a story of members ends well`(name: String) throws {
    let ending = try #require(Story.named(name)).run()
    #expect(ending.finding == nil, "\(ending.trace)")
  }

  @Test(arguments: ["a leader whose disk stalls", "a leader without room"])
  func `a story of leaders that hand over ends well`(name: String) throws {
    let ending = try #require(Story.named(name)).run()
    #expect(ending.finding == nil, "\(ending.trace)")
  }

  /// One storm in three has clients that change the members (`Weather.introducesMembers`); here
  /// are those of the first hundred seeds.
  @Test(arguments: 0..<5) func `no change of members breaks a promise`(block: Int) {
    var changes = 0
    for seed in UInt64(block * 20 + 1)...UInt64(block * 20 + 20) {
      let simulator = Simulator(seed: seed, steps: 1_500)
      guard simulator.changesMembers else { continue }
      let verdict = simulator.run()
      changes += verdict.configurationChanges
      if let failure = verdict.failure {
        Issue.record("seed \(seed): \(failure)\n\(verdict.replay)")
      }
    }
    #expect(changes > 5, "the members hardly changed")
  }
}
