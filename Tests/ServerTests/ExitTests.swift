import QuorateClient
import Foundation
import Testing

@testable import Handlers
@testable import Host
@testable import Server

/// Every refusal to start, met for real.
@Suite(.serialized) struct ExitTests {
  /// One member that was formed and ended in order.
  private func withFormed(
    _ count: Int = 1, _ test: (TestCluster) async throws -> Void
  ) async throws {
    try await TestCluster.run(count) { cluster in
      let client = try cluster.client()
      try await cluster.wait(for: "a put") { (try? await client.put("k", "v")) != nil }
      await client.close()
      for number in 1...count { await cluster.shutDown(number) }
      try await test(cluster)
    }
  }

  @Test func `a second process on a data directory`() async throws {
    try await TestCluster.run(1) { cluster in
      let directory = cluster.flags(1).dataDirectory!
      let exit = try await cluster.refusal(1)
      #expect(exit == .directoryInUse(directory: directory))
    }
  }

  @Test func `a data directory of another cluster`() async throws {
    try await withFormed { cluster in
      let exit = try await cluster.refusal(1) { $0.initialClusterToken = "another" }
      #expect(exit?.code == 23)
    }
  }

  @Test func `a port in use`() async throws {
    try await TestCluster.run(2, started: false) { cluster in
      try await cluster.start(1)
      let peers = cluster.flags(1).listenPeerURLs
      let clients = cluster.flags(1).listenClientURLs
      let first = try await cluster.refusal(2) { $0.listenPeerURLs = peers }
      let second = try await cluster.refusal(2) { $0.listenClientURLs = clients }
      let (client, peer) = cluster.ports[0]
      #expect(
        first == .addressInUse(flag: "--listen-peer-urls", address: "127.0.0.1:\(peer)"))
      #expect(
        second == .addressInUse(flag: "--listen-client-urls", address: "127.0.0.1:\(client)"))
      // Nothing was made: the directory belongs to no flags yet.
      #expect(!FileManager.default.fileExists(atPath: cluster.flags(2).dataDirectory!))
      // What was opened for the refused starts is closed again.
      #expect(try await cluster.refusal(2) == nil)
    }
  }

  @Test func `a directory that cannot be written`() async throws {
    try await TestCluster.run(1, started: false) { cluster in
      let file = cluster.directory + "/file"
      try Data().write(to: URL(filePath: file))
      let exit = try await cluster.refusal(1) { $0.dataDirectory = file + "/n1" }
      #expect(exit?.code == 26)
    }
  }

  @Test func `every reason has its own code and one sentence that ends with a stop`() {
    let exits: [ServerExit] = [
      .badFlags("--x"), .wrongInitialCluster("it names nobody"), .directoryInUse(directory: "d"),
      .anotherCluster(directory: "d", found: "a", expected: "b"),
      .wiped(name: "n", member: "1", peerURL: "http://n:1"), .addressInUse(flag: "-", address: "a"),
      .unwritableDirectory(directory: "d", reason: "r"), .damagedFile(file: "f", place: "p"),
      .diskFailed(file: "f", reason: "r"), .unknownFormat(what: "f"),
      .removed(name: "n", directory: "d"),
      .forgotEntries(name: "n", directory: "d", end: 1, acknowledged: 2),
    ]
    #expect(exits.map(\.code) == Array(20...29) + [31, 32])
    for exit in exits {
      #expect(exit.sentence.hasSuffix("."))
      #expect(!exit.sentence.dropLast().contains(". "))
    }
  }

  @Test func `a damaged file is named, with the place`() async throws {
    try await withFormed { cluster in
      let path = cluster.flags(1).dataDirectory! + "/raft.db"
      var bytes = try Data(contentsOf: URL(filePath: path))
      bytes[0] ^= 1
      try bytes.write(to: URL(filePath: path))
      let exit = try await cluster.refusal(1)
      guard case .damagedFile(let file, _) = exit else {
        Issue.record("\(String(describing: exit))")
        return
      }
      #expect(file.hasSuffix("raft.db"))
    }
  }

  @Test func `a file of a newer format`() async throws {
    try await withFormed { cluster in
      let path = cluster.flags(1).dataDirectory! + "/raft.db"
      var bytes = try Data(contentsOf: URL(filePath: path))
      // SQLite's header keeps the application's version here, big-endian.
      bytes[63] += 1
      try bytes.write(to: URL(filePath: path))
      let exit = try await cluster.refusal(1)
      #expect(exit?.code == 29)
      #expect(exit?.sentence.contains("use a newer quorate") == true)
    }
  }

  @Test func `a wiped member is stopped, and told how it is replaced`() async throws {
    try await withFormed(3) { cluster in
      try FileManager.default.removeItem(atPath: cluster.flags(3).dataDirectory!)
      try await cluster.start(1)
      try await cluster.start(2)
      let exit = await (try cluster.start(3)).ended()
      #expect(exit?.code == 24)
      #expect(exit?.sentence.contains("bring back that very directory") == true)
      await cluster.abandon(3)
    }
  }

  @Test func `a member with another list than the others is stopped before it forms`()
    async throws
  {
    try await TestCluster.run(3, started: false) { cluster in
      try await cluster.start(1)
      let other = cluster.flags(3).initialCluster!.replacingOccurrences(of: "n3=", with: "nX=")
      let process = try await cluster.start(3) {
        $0.initialCluster = other
        $0.name = "nX"
      }
      #expect(await process.ended()?.code == 21)
      await cluster.abandon(3)
    }
  }

  @Test func `a member that shall only go on finds nothing to go on with`() async throws {
    try await TestCluster.run(1, started: false) { cluster in
      let exit = try await cluster.refusal(1) { $0.initialClusterState = "existing" }
      #expect(exit?.code == 20)
      #expect(!FileManager.default.fileExists(atPath: cluster.flags(1).dataDirectory!))
    }
  }
}
