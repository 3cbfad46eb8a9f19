import QuorateClient
import Foundation
import Testing

@testable import Handlers
@testable import Host
@testable import Server

/// A follower that is brought up by a snapshot (Raft §7).
@Suite struct SnapshotTests {
  /// It is a healthy voter: sessions try all its addresses, and so must snapshots.
  @Test func `a member whose first peer URL is dead is brought up at its second`() async throws {
    try await TestCluster.run(3, started: false) { cluster in
      // Nobody listens there.
      let urls = "http://127.0.0.1:1,http://127.0.0.1:\(cluster.ports[2].peer)"
      let list = urls.split(separator: ",").map { "n3=\($0)" }.joined(separator: ",")
      func start(_ number: Int) async throws {
        try await cluster.start(number) { flags in
          let own = "n3=http://127.0.0.1:\(cluster.ports[2].peer)"
          flags.initialCluster = flags.initialCluster?.replacingOccurrences(of: own, with: list)
          if number == 3 { flags.initialAdvertisePeerURLs = urls }
          flags.retainedEntries = 10
        }
      }
      for number in 1...3 { try await start(number) }
      let client = try cluster.client(1, 2)
      try await cluster.put("k", "first", with: client)
      await cluster.abandon(3)
      for number in 1...300 {
        try await cluster.put("k\(number % 7)", "v\(number)", with: client)
      }
      try await start(3)
      let own = try cluster.client(3)
      try await cluster.wait(for: "n3 to be brought up") {
        (try? await own.get("k6")) == Data("v300".utf8)
      }
      await client.close()
      await own.close()
    }
  }
}
