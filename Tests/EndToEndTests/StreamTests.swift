import QuorateClient
import Foundation
import Lab
import Testing

extension EndToEnd {
  /// A snapshot's stream whose other side is gone without a word (Raft §7): the others go on.
  @Suite struct `A snapshot's stream` {
    /// Three members, one of them so far behind that only a snapshot brings it up. Its disk is
    /// slow, so that the snapshot takes its time.
    private struct Stage: ~Copyable {
      let lab: TestLab
      let leader: MemberNumber
      let behind: MemberNumber
      let third: MemberNumber

      static func set(syncMilliseconds: Int) async throws -> Stage {
        let lab = try TestLab(members: 3, serverFlags: ["--snapshot-count", "20"])
        var found: MemberNumber?
        let seen = lab.lab
        try eventually("somebody leads", within: 20) {
          found = try seen.look().first { $0.page?.role == "leader" }?.process.number
          return found != nil
        }
        let leader = try #require(found)
        let others = [1, 2, 3].filter { $0 != leader }
        let (behind, third) = (others[0], others[1])
        try lab.partition("\(behind) | \(leader),\(third)")
        let client = try lab.client(leader, timeout: .seconds(10))
        let value = String(repeating: "v", count: 100_000)
        for number in 1...120 { try await client.put("key-\(number)", value) }
        await client.close()
        _ = try lab.lab.disk(DiskOrder(.slow, milliseconds: syncMilliseconds), of: [behind])
        _ = try lab.lab.heal()
        return Stage(lab: lab, leader: leader, behind: behind, third: third)
      }

      /// How many snapshots it has begun to receive.
      func begun() throws -> Int {
        try lab.lab.log(of: behind, count: 2_000).count { $0.contains("receives a snapshot") }
      }
    }

    /// It is not closed, so nothing ever tells the follower that its sender is gone.
    @Test func `whose leader hangs is given up for the next leader's`() async throws {
      let stage = try await Stage.set(syncMilliseconds: 1_000)
      try eventually("a snapshot arrives", within: 20) { try stage.begun() > 0 }
      _ = try stage.lab.lab.act(.pause, on: [stage.leader])
      let stopped = ContinuousClock.now
      _ = try stage.lab.lab.disk(DiskOrder(.sound), of: [stage.behind])
      let client = try stage.lab.client(stage.third, stage.behind, timeout: .seconds(10))
      try await eventuallyAsking("the other two commit", within: 10) {
        (try? await client.put("after", "v")) != nil
      }
      print("streams: a write \(ContinuousClock.now - stopped) after the leader was stopped")
      await client.close()
      _ = try stage.lab.lab.act(.resume, on: [stage.leader])
      try stage.lab.awaitSame()
    }

    /// Each break gives an arrival up, and the next begins while the disk still works on the last.
    @Test func `that breaks again and again on a slow disk ends no member`() async throws {
      let stage = try await Stage.set(syncMilliseconds: 400)
      var seen = 0
      for _ in 1...5 {
        try eventually("the next snapshot arrives", within: 20) { try stage.begun() > seen }
        seen = try stage.begun()
        try stage.lab.partition("\(stage.behind) | \(stage.leader),\(stage.third)", .reset)
        _ = try stage.lab.lab.heal()
      }
      _ = try stage.lab.lab.disk(DiskOrder(.sound), of: [stage.behind])
      try stage.lab.awaitSame()
      let members = try stage.lab.lab.look()
      #expect(members.allSatisfy { $0.process.state == .running })
    }
  }
}
