import QuorateClient
import EtcdAPI
import Foundation
import Linearizability
import Lab
import Testing

extension EndToEnd {
  /// Every shape of partition on real processes (Docs/Consistency.md).
  @Suite struct `Partitioned processes` {
    /// Members, shape, and the sides that hold a majority, if any.
    static let shapes: [(Int, String, [Int])] = [
      (3, "1 | 2,3", [2, 3]), (3, "2 | 1,3", [1, 3]), (3, "1 | 2 | 3", []),
      (4, "halves", []), (4, "1 | 2,3,4", [2, 3, 4]),
      (5, "halves", [3, 4, 5]), (5, "isolate 3", [1, 2, 4, 5]), (5, "1,2 | 3,4 | 5", []),
    ]

    @Test(arguments: shapes)
    func `only a majority's side writes, and a minority refuses at once`(
      members: Int, shape: String, majority: [Int]
    ) async throws {
      let lab = try TestLab(members: members)
      try await lab.client().put("key", "before")
      try eventually("every member knows how old its state is", within: 10) {
        try lab.lab.look().allSatisfy { member in
          member.page?.serves.serializable.ageMilliseconds != nil && member.page?.revision == 2
        }
      }
      try lab.partition(shape)
      let minority = (1...members).filter { !majority.contains($0) }
      try eventually("every member knows its side", within: 10) {
        try lab.lab.look().allSatisfy { member in
          member.page?.quorate == majority.contains(member.process.number)
        }
      }
      for number in minority {
        let client = try lab.client(number)
        let begun = ContinuousClock.now
        await #expect(throws: ClientError.self) { try await client.put("key", "lost") }
        await #expect(throws: ClientError.self) { try await client.get("key") }
        #expect(ContinuousClock.now - begun < .seconds(1), "m\(number) refused too slowly")
        let stale = try await client.range(
          .make {
            $0.key = Data("key".utf8)
            $0.serializable = true
          })
        #expect(stale.message.kvs.first?.value == Data("before".utf8))
        #expect(stale.age != nil, "m\(number) does not say how old its answer is")
        await client.close()
      }
      for number in majority {
        let client = try lab.client(number)
        // A read may be repeated until there is a leader on this side; a write may not.
        try await eventuallyAsking("m\(number) reads", within: 10) {
          (try? await client.get("key")) != nil
        }
        try await client.put("key", "after-\(number)")
        #expect(try await client.get("key") == Data("after-\(number)".utf8))
        await client.close()
      }
      _ = try lab.lab.heal()
      try lab.awaitSame()
      let value = try await lab.client().get("key")
      #expect(value == Data((majority.last.map { "after-\($0)" } ?? "before").utf8))
    }

    /// Reachability is neither symmetric nor transitive here; what must hold is that nothing is
    /// lost and nobody reads stale, whoever may lead.
    @Test(arguments: ["bridge 3", "ring", "one-way 1>2,1>3", "one-way 1>2,2>3,3>1,4>5"])
    func `a partial partition loses nothing and lies to nobody`(shape: String) async throws {
      let lab = try TestLab(members: 5)
      let crowd = Crowd(endpoints: try lab.endpoints())
      try await crowd.run(clients: 5) {
        try lab.partition(shape)
        try await Task.sleep(for: .seconds(5))
        _ = try lab.lab.heal()
        try lab.awaitSame()
      }
      #expect(crowd.verdict == .linearizable)
    }

    @Test(arguments: [Partition.Manner.silent, .reset])
    func `a cut leader is replaced within two election timeouts`(
      manner: Partition.Manner
    ) async throws {
      let lab = try TestLab(members: 3)
      let client = try lab.client(timeout: .seconds(10))
      try await client.put("key", "before")
      let old = try #require(try lab.leader())
      try lab.partition("isolate \(old)", manner)
      // Two election timeouts, each drawn up to twice its setting, and the votes.
      try eventually("another member leads", within: 5) {
        try lab.lab.look().contains { $0.page?.role == "leader" && $0.process.number != old }
      }
      try await eventuallyAsking("a read finds it", within: 10) {
        (try? await client.get("key")) != nil
      }
      try await client.put("key", "after")
      _ = try lab.lab.heal()
      try lab.awaitSame()
    }

    @Test func `the client moves on from a member that refuses`() async throws {
      let lab = try TestLab(members: 3)
      try lab.partition("1 | 2,3")
      try eventually("member 1 knows", within: 10) { try lab.page(1)?.quorate == false }
      try eventually("the others have a leader", within: 10) {
        try lab.lab.look().contains { $0.page?.role == "leader" && $0.process.number != 1 }
      }
      let client = try lab.client(1, 2, 3, timeout: .seconds(10))
      try await client.put("key", "value")
      #expect(try await client.get("key") == Data("value".utf8))
      await client.close()
    }

    @Test func `a paused member tells the age of what it holds truly`() async throws {
      let lab = try TestLab(members: 3)
      // A follower, so that the cut leaves a leader where the writes go.
      let leader = try #require(try lab.leader())
      let third = leader == 3 ? 1 : 3
      let others = [1, 2, 3].filter { $0 != third }
      let client = try lab.client(others[0], others[1])
      try await client.put("key", "old")
      try lab.awaitSame()
      try eventually("member \(third) knows how old its state is", within: 10) {
        try lab.page(third)?.serves.serializable.ageMilliseconds != nil
      }
      let cutAt = ContinuousClock.now
      try lab.partition("isolate \(third)")
      try await client.put("key", "new")
      let overwrittenAt = ContinuousClock.now
      _ = try lab.lab.act(.pause, on: [third])
      try await Task.sleep(for: .seconds(2))
      _ = try lab.lab.act(.resume, on: [third])
      let cutOff = try lab.client(third)
      let reply = try await cutOff.range(
        .make {
          $0.key = Data("key".utf8)
          $0.serializable = true
        })
      let age = try #require(reply.age)
      #expect(reply.message.kvs.first?.value == Data("old".utf8))
      #expect(age >= ContinuousClock.now - overwrittenAt - .milliseconds(50))
      #expect(age <= ContinuousClock.now - cutAt + .seconds(1), "an age far beyond the cut's")
      await client.close()
      await cutOff.close()
    }
  }
}
