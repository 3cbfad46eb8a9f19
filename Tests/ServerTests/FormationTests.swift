import QuorateClient
import EtcdAPI
import Foundation
import Logging
import Synchronization
import Testing

@testable import Handlers
@testable import Host
@testable import Server

/// A store forms once, whatever is cut, stopped and lost meanwhile.
@Suite(.serialized) struct FormationTests {
  private func text(_ data: Data?) -> String? { data.map { String(decoding: $0, as: UTF8.self) } }

  private func isForming(_ number: Int, in cluster: TestCluster) async throws -> Bool {
    try await cluster.status(number)["phase"] as? String == "forming"
  }

  /// n2 and n3 have met, n3 is cut off, n1 comes. Then n1 loses its disk and n2 is away: n1 and n3
  /// are two of three, and one of them may have missed what the others have acknowledged.
  @Test func `a disk that is lost while the store forms makes no second store`() async throws {
    try await TestCluster.run(3, isLab: true, started: false) { cluster in
      try await cluster.start(2)
      try await cluster.start(3)
      for number in [2, 3] {
        try await cluster.wait(for: "n2 and n3 to meet") {
          (try await cluster.status(number)["missing"] as? [String])?.count == 1
        }
      }
      try await cluster.setLinks(of: 3, "silent", at: [2, 3])
      try await cluster.start(1)
      let client = try cluster.client(2)
      var acknowledged: [String] = []
      let end = ContinuousClock.now + .seconds(3)
      while ContinuousClock.now < end, acknowledged.count < 5 {
        let key = "k\(acknowledged.count)"
        if (try? await client.put(key, "old")) != nil { acknowledged.append(key) }
      }

      await cluster.abandon(1)
      await cluster.abandon(2)
      try FileManager.default.removeItem(atPath: cluster.directory + "/n1")
      try await cluster.setLinks(of: 3, "open", at: [3])
      try await cluster.start(1)
      try await cluster.wait(for: "n1 and n3 to meet") {
        let links = try await cluster.status(1)["links"] as? [[String: Any]] ?? []
        return links.contains { $0["session"] as? Bool == true }
      }
      let wait = ContinuousClock.now + .seconds(3)
      while ContinuousClock.now < wait {
        for number in [1, 3] {
          let isForming = try await isForming(number, in: cluster)
          try #require(isForming, "a second store, and \(acknowledged) were acknowledged")
        }
      }
      let rest = try cluster.client(1)
      guard case .refused(let failure)? = await cluster.failure(of: rest) else {
        Issue.record("nothing was refused")
        return
      }
      #expect(failure.why?.rule == .forming)
      #expect(failure.why?.evidence.contains("n2") == true, "\(String(describing: failure.why))")
      #expect(failure.why?.evidence.contains("n3") == false)

      try await cluster.start(2)
      let all = try cluster.client()
      try await cluster.put("k", "new", with: all)
      for key in acknowledged { #expect(text(try await all.get(key)) == "old") }
      for client in [client, rest, all] { await client.close() }
    }
  }

  /// n5 has a directory and misses the forming. n2 loses its own and takes a new place, so the ids
  /// are others than the initial ones when n5 comes back.
  @Test func `a founder that missed the forming gets in after the members have changed`()
    async throws
  {
    try await TestCluster.run(5, isLab: true, started: false) { cluster in
      try await cluster.start(5)
      await cluster.abandon(5)
      let (own, early) = (cluster.directory + "/n5", cluster.directory + "/n5.early")
      try FileManager.default.copyItem(atPath: own, toPath: early)
      for number in 1...5 { try await cluster.start(number) }
      let client = try cluster.client(1, 3, 4)
      try await cluster.put("k", "before", with: client)
      // As if it had been cut off before it heard that all had met: what it has acknowledged, each
      // of the others holds, and none of them remembers that it did.
      try await cluster.wait(for: "equal states") {
        var applied: Set<Int> = []
        for number in 1...4 {
          applied.insert(try await cluster.status(number)["applied"] as? Int ?? 0)
        }
        return applied.count == 1
      }
      let ids = try await client.memberList().message.members.map(\.id)
      for number in 1...5 { await cluster.abandon(number) }
      try cluster.moveDirectory("n5.early", to: "n5")
      for number in [1, 3, 4] { try await cluster.start(number) }
      try await cluster.put("k", "between", with: client)
      try FileManager.default.removeItem(atPath: cluster.directory + "/n2")
      try await cluster.start(2) { $0.rejoins = true }
      try await cluster.wait(for: "n2 to vote under another id") {
        let members = try? await client.memberList().message.members
        return members?.count == 5 && members?.contains { !ids.contains($0.id) } == true
      }
      try await cluster.put("k", "after", with: client)

      try await cluster.start(5)
      try await cluster.wait(for: "n5 to form") {
        try await cluster.status(5)["phase"] as? String == "serving"
      }
      let late = try cluster.client(5)
      try await cluster.wait(for: "n5 to catch up") { text(try? await late.get("k")) == "after" }
      await client.close()
      await late.close()
    }
  }

  /// Two stores of the same flags, and in both a majority that never lost anything: the member that
  /// comes from the other one is told which of them to keep.
  @Test func `two stores under one name refuse each other, and say what to do`() async throws {
    try await TestCluster.run(3, isLab: true) { cluster in
      let client = try cluster.client()
      try await cluster.put("k", "first", with: client)
      for number in 1...3 { await cluster.shutDown(number) }
      for number in 1...3 { try cluster.moveDirectory("n\(number)", to: "old\(number)") }
      for number in 1...3 { try await cluster.start(number) }
      try await cluster.put("k", "second", with: client)
      await cluster.shutDown(1)
      try cluster.moveDirectory("old1", to: "n1")

      let lines = Lines()
      try await cluster.start(1, logger: Logger(label: "test") { _ in lines })
      for peer in ["n2", "n3"] {
        try await cluster.wait(for: "the refusal of \(peer)") {
          lines.contains(peer, "two stores", "majority", "quorate member replace")
        }
      }
      #expect(try await cluster.status(1)["quorate"] as? Bool == false)
      let others = try cluster.client(2, 3)
      #expect(text(try await others.get("k")) == "second")
      try await cluster.put("k", "third", with: others)
      await client.close()
      await others.close()
    }
  }
}

/// Keeps what a member logs.
private final class Lines: LogHandler {
  private let kept = Mutex<[String]>([])
  var metadata: Logger.Metadata {
    get { [:] }
    set {}
  }
  var logLevel: Logger.Level {
    get { .info }
    set {}
  }

  func contains(_ words: String...) -> Bool {
    kept.withLock { $0.contains { line in words.allSatisfy { line.contains($0) } } }
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { nil }
    set {}
  }

  func log(event: LogEvent) {
    kept.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") }
  }
}
