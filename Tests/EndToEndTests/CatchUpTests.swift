import QuorateClient
import Foundation
import Lab
import Testing

extension EndToEnd {
  /// A member that was away longer than the log is kept comes back by snapshot (Raft §7).
  @Suite struct `A member that was away` {
    @Test func `comes back by snapshot while the others go on writing`() async throws {
      let lab = try TestLab(members: 3, serverFlags: ["--snapshot-count", "200"])
      let leader = try #require(try lab.leader())
      // Not the leader, so that no write falls into an election.
      let away = leader == 3 ? 1 : 3
      let others = [1, 2, 3].filter { $0 != away }
      let client = try lab.client(others[0], others[1], timeout: .seconds(10))
      _ = try lab.lab.act(.kill, on: [away])
      try await put(1...1500, client)
      _ = try lab.lab.act(.start, on: [away])
      try await put(1501...2000, client)
      try lab.awaitSame()
      let log = try lab.lab.log(of: away, count: 200)
      #expect(log.contains { $0.contains("receives a snapshot") }, "it came back by the log")
      let last = try await lab.client(away).get("key-2000")
      #expect(last == Data("value-2000".utf8))
      await client.close()
    }

    private func put(_ numbers: ClosedRange<Int>, _ client: EtcdClient) async throws {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for lane in 0..<20 {
          group.addTask {
            for number in numbers where number % 20 == lane {
              try await client.put("key-\(number)", "value-\(number)")
            }
          }
        }
        try await group.waitForAll()
      }
    }
  }
}
