import Client
import Foundation
import Lab
import Linearizability
import Testing

extension EndToEnd {
  /// What a majority has on disk survives whatever happens to processes.
  @Suite struct `Killed processes` {
    private enum Blow: CaseIterable { case any, leader, all, pause, cut }

    /// How long blows fall; `QUORATE_CHAOS_SECONDS` makes it longer.
    private static let seconds =
      Int(ProcessInfo.processInfo.environment["QUORATE_CHAOS_SECONDS"] ?? "") ?? 60

    @Test func `kill -9 at random moments under load loses nothing acknowledged`() async throws {
      let lab = try TestLab(members: 3)
      let crowd = Crowd(endpoints: try lab.endpoints())
      var (blows, kills) = (0, 0)
      try await crowd.run(clients: 5) {
        let end = ContinuousClock.now + .seconds(Self.seconds)
        while ContinuousClock.now < end {
          let blow = Blow.allCases.randomElement()!
          try await strike(blow, lab)
          blows += 1
          if [.any, .leader, .all].contains(blow) { kills += 1 }
        }
        _ = try lab.lab.heal()
        _ = try lab.lab.act(.start, on: Array(1...3))
        try lab.awaitSame()
      }
      try lab.awaitSame()
      #expect(crowd.writes > blows, "the blows left hardly a write: \(crowd.writes) in \(blows)")
      #expect(crowd.verdict == .linearizable)
      print(
        "chaos: \(kills) kills of \(blows) blows, \(crowd.writes) writes, "
          + "longest gap \(crowd.longestGap)")
    }

    /// With `--lab-volatile-disk` a kill is a power loss: what was not synced is gone.
    @Test func `power losses under load, of one or all, lose nothing acknowledged`() async throws {
      let lab = try TestLab(members: 3, serverFlags: ["--lab-volatile-disk"])
      let crowd = Crowd(endpoints: try lab.endpoints())
      var losses = 0
      try await crowd.run(clients: 5) {
        let end = ContinuousClock.now + .seconds(Self.seconds / 2)
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

    private func strike(_ blow: Blow, _ lab: borrowing TestLab) async throws {
      let any = Int.random(in: 1...3)
      switch blow {
      case .any:
        _ = try lab.lab.act(.kill, on: [any])
        try await moment()
        _ = try lab.lab.act(.start, on: [any])
      case .leader:
        let leader = try lab.leader() ?? any
        _ = try lab.lab.act(.kill, on: [leader])
        try await moment()
        _ = try lab.lab.act(.start, on: [leader])
      case .all:
        _ = try lab.lab.act(.kill, on: [1, 2, 3])
        _ = try lab.lab.act(.start, on: [1, 2, 3])
      case .pause:
        _ = try lab.lab.act(.pause, on: [any])
        try await moment()
        _ = try lab.lab.act(.resume, on: [any])
      case .cut:
        try lab.partition("isolate \(any)", Bool.random() ? .silent : .reset)
        try await moment()
        _ = try lab.lab.heal()
      }
      try await moment()
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
