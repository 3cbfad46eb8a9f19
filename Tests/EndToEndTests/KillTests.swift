import QuorateClient
import Foundation
import Lab
import Linearizability
import Testing

extension EndToEnd {
  /// What a majority has on disk survives whatever happens to processes.
  @Suite struct `Killed processes` {
    private static let environment = ProcessInfo.processInfo.environment

    /// How long blows fall; `QUORATE_CHAOS_SECONDS` makes it longer.
    private static let seconds = Int(environment["QUORATE_CHAOS_SECONDS"] ?? "") ?? 30

    private static let seed =
      UInt64(environment["QUORATE_CHAOS_SEED"] ?? "") ?? .random(in: 0...999_999)

    @Test(arguments: [3, 5])
    func `chaos under load loses nothing, hides nothing, and ends no lease early`(
      members: Int
    ) async throws {
      print("chaos: seed \(Self.seed), \(members) members; QUORATE_CHAOS_SEED repeats it")
      let lab = try TestLab(members: members, serverFlags: ["--auto-rejoin"])
      try await lab.keepingIfWrong { () async throws in
        let endpoints = try lab.endpoints()
        let crowd = Crowd(endpoints: endpoints)
        let watchers = Watchers(endpoints: endpoints, prefix: "key-")
        let holders = LeaseHolders(endpoints: endpoints)
        let chaos = Chaos(seed: Self.seed, lab: lab.lab, members: members)
        var toll = Chaos.Toll()
        try await watchers.run(6) {
          try await holders.run(3) {
            try await crowd.run(clients: 5) {
              toll = try await chaos.strike(for: .seconds(Self.seconds))
            }
          }
        }
        try eventually("all members hold the same", within: 60) {
          // A sync that failed at the very end may have stopped one more.
          _ = try lab.lab.act(.start, on: Array(1...members))
          return LabScreen(seen: try lab.lab.look(), partition: .none).verdict.isSame
        }
        print(
          "chaos: \(toll.blows) blows (\(toll)); \(crowd.writes) writes, longest gap "
            + "\(crowd.longestGap), \(watchers.events) events watched, \(holders.granted) leases")
        #expect(crowd.writes > toll.blows, "the blows left hardly a write")
        #expect(holders.granted > 0)
        let complaints = try await watchers.complaints() + holders.complaints
        #expect(complaints == [])
        #expect(crowd.lost(from: try await watchers.history()) == [])
        let verdict = crowd.verdict
        #expect(verdict == .linearizable)
        return complaints.isEmpty && verdict == .linearizable
      }
    }

    /// With `--lab-volatile-disk` a kill is a power loss: what was not synced is gone.
    @Test func `power losses under load, of one or all, lose nothing acknowledged`() async throws {
      let lab = try TestLab(members: 3, serverFlags: ["--lab-volatile-disk"])
      let crowd = Crowd(endpoints: try lab.endpoints())
      var losses = 0
      try await crowd.run(clients: 5) {
        let end = ContinuousClock.now + .seconds(Self.seconds)
        while ContinuousClock.now < end {
          let struck = Bool.random() ? [1, 2, 3] : [Int.random(in: 1...3)]
          _ = try lab.lab.act(.kill, on: struck)
          _ = try lab.lab.act(.start, on: struck)
          losses += 1
          try await moment()
        }
        try lab.awaitSame(60)
      }
      try lab.awaitSame(60)
      let sectors = try (1...3).reduce(0) { try $0 + lab.sectorsLost(by: $1) }
      #expect(crowd.writes > losses, "hardly a write: \(crowd.writes) in \(losses) losses")
      #expect(sectors > 0, "\(losses) power losses took nothing")
      #expect(crowd.verdict == .linearizable)
      print("power: \(losses) losses took \(sectors) sectors, \(crowd.writes) writes")
    }

    /// A random length of trouble, or of peace.
    private func moment() async throws {
      try await Task.sleep(for: .milliseconds(Int.random(in: 50...1500)))
    }

    @Test func `a restarted cluster holds what it held`() async throws {
      let lab = try TestLab(members: 3)
      let client = try lab.client()
      for number in 1...50 { try await client.put("key-\(number)", "value-\(number)") }
      _ = try lab.lab.act(.kill, on: [1, 2, 3])
      _ = try lab.lab.act(.start, on: [1, 2, 3])
      try lab.awaitSame()
      for number in 1...50 {
        let value = try await client.get("key-\(number)")
        #expect(value == Data("value-\(number)".utf8))
      }
      await client.close()
    }
  }
}
