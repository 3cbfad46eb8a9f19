import QuorateClient
import EtcdAPI
import Foundation
import Raft
import Storage
import Testing

@testable import Handlers
@testable import Host
@testable import Server

/// An entry that ends whoever applies it stops one member at most, and not for ever.
@Suite(.serialized) struct QueryOfDeathTests {
  /// Leaves behind what a process leaves that died while it applied `entry`, as `deaths`
  /// processes before it did.
  private func die(_ cluster: TestCluster, _ number: Int, at entry: UInt64, deaths: UInt64) throws {
    let mark = try ApplyMark(in: cluster.directory + "/n\(number)")
    let notes = try #require(mark.notes)
    mark.begin(
      ApplyMark.Notes(
        suspect: deaths > 0 ? LogIndex(entry) : .zero, deaths: deaths, build: notes.build))
    mark.applying = LogIndex(entry)
  }

  private func old(_ cluster: TestCluster, _ number: Int) async throws -> String? {
    let client = try cluster.client(number)
    defer { Task { await client.close() } }
    let reply = try await client.range(
      .make {
        $0.key = Data("key".utf8)
        $0.serializable = true
      })
    return reply.message.kvs.first.map { String(decoding: $0.value, as: UTF8.self) }
  }

  @Test func `is tried twice, then its member stays outside and the others go on`() async throws {
    try await TestCluster.run(3, isLab: true) { cluster in
      let others = try cluster.client(1, 2)
      try await cluster.put("key", "before", with: others)
      try await cluster.wait(for: "n3 to apply it") {
        try await old(cluster, 3) == "before"
      }
      let applied = try #require(try await cluster.status(3)["applied"] as? NSNumber).uint64Value
      await cluster.shutDown(3)
      try await cluster.put("key", "after", with: others)

      // Once is an accident: the entry is applied after all.
      try die(cluster, 3, at: applied + 1, deaths: 0)
      try await cluster.start(3)
      try await cluster.wait(for: "n3 to catch up") { try await old(cluster, 3) == "after" }
      await cluster.shutDown(3)

      try await cluster.put("key", "poison", with: others)
      try await cluster.wait(for: "n1 to apply it") { try await old(cluster, 1) == "poison" }
      let last = try #require(try await cluster.status(1)["applied"] as? NSNumber).uint64Value
      try die(cluster, 3, at: last, deaths: 1)
      try await cluster.start(3)
      let page = try await cluster.status(3)
      #expect(page["phase"] as? String == "quarantined")
      #expect(try await old(cluster, 3) == "after")
      let outside = try cluster.client(3)
      do throws(ClientError) {
        try await outside.put("key", "never")
        Issue.record("a member outside the quorum took a write")
      } catch {
        #expect("\(error)".contains("entry \(last)"), "\(error)")
      }
      await outside.close()
      try await cluster.put("key", "they go on", with: others)

      // It stays so until somebody says otherwise.
      await cluster.shutDown(3)
      try await cluster.start(3)
      #expect(try await cluster.status(3)["phase"] as? String == "quarantined")
      await cluster.shutDown(3)
      try await cluster.start(3) { $0.appliesAgain = true }
      try await cluster.wait(for: "n3 to be back") { try await old(cluster, 3) == "they go on" }
      await others.close()
    }
  }
}
