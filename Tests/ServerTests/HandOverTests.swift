import QuorateClient
import Testing

@testable import Handlers
@testable import Host
@testable import Server

/// A leader whose disk stalls or fills, over real sockets and files (Docs/Architecture.md, *What
/// must never happen*).
@Suite(.serialized) struct HandOverTests {
  private func others(than leader: Int) -> [Int] { [1, 2, 3].filter { $0 != leader } }

  @Test func `a leader whose disk stalls hands over, and says nothing good of itself`()
    async throws
  {
    try await TestCluster.run(3, isLab: true) { cluster in
      let all = try cluster.client()
      try await cluster.put("k", "0", with: all)
      let old = try await cluster.leader()
      let other = try cluster.client(others(than: old)[0])
      try await cluster.put("k", "1", with: other)
      try await cluster.setDisk(of: old, "{\"disk\":\"slow\",\"milliseconds\":2500}")
      try await cluster.wait(for: "another leader") {
        _ = try? await other.put("k", "2")
        return try await cluster.leader() != old
      }
      try await cluster.wait(for: "n\(old) to call itself ill") {
        _ = try? await other.put("k", "3")
        return try await cluster.page(old, "/health").status == 503
      }
      #expect(try await cluster.page(others(than: old)[0], "/health").status == 200)
      try await cluster.setDisk(of: old, "{\"disk\":\"sound\"}")
      try await cluster.wait(for: "n\(old) to be well") {
        try await cluster.page(old, "/health").status == 200
      }
      await other.close()
      await all.close()
    }
  }

  @Test func `a leader whose disk is nearly full hands over to one that has room`() async throws {
    try await TestCluster.run(3, isLab: true) { cluster in
      let all = try cluster.client()
      try await cluster.put("k", "0", with: all)
      let old = try await cluster.leader()
      try await cluster.setDisk(of: old, "{\"disk\":\"nearly-full\"}")
      try await cluster.wait(for: "another leader") { try await cluster.leader() != old }
      for number in others(than: old) {
        let other = try cluster.client(number)
        try await cluster.put("k", "larger", with: other)
        await other.close()
      }
      await all.close()
    }
  }

  /// With or without a leader: where it is elected anew, that takes a disk as well.
  @Test func `where no disk writes, nobody says that a write would pass`() async throws {
    try await TestCluster.run(3, isLab: true) { cluster in
      let client = try cluster.client()
      try await cluster.put("k", "0", with: client)
      for number in 1...3 {
        #expect(try await cluster.page(number, "/health").status == 200)
      }
      func setDisks(_ order: String) async throws {
        for number in 1...3 { try await cluster.setDisk(of: number, order) }
      }
      try await setDisks("{\"disk\":\"slow\",\"milliseconds\":4000}")
      do {
        for number in 1...3 {
          try await cluster.wait(for: "n\(number) to call itself ill") {
            try await cluster.page(number, "/health").status == 503
          }
        }
      } catch {
        // Else the end of the members would take minutes.
        try await setDisks("{\"disk\":\"sound\"}")
        throw error
      }
      try await setDisks("{\"disk\":\"sound\"}")
      for number in 1...3 {
        try await cluster.wait(for: "n\(number) to be well") {
          try await cluster.page(number, "/health").status == 200
        }
      }
      await client.close()
    }
  }
}
