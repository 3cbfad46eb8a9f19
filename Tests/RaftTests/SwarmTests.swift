import Testing

@testable import Raft

/// Seeds, each with its own weather: what no scenario thought of. A failure names its seed.
@Suite struct `Raft swarm` {
  @Test(arguments: 0..<8)
  func `no storm breaks a promise, and after it the cluster works again`(block: UInt64) {
    for seed in block * 15..<(block + 1) * 15 {
      var swarm = Swarm(seed: seed)
      let violation = swarm.play()
      #expect(violation == nil, "seed \(seed)")
      if violation != nil { return }
    }
  }
}
