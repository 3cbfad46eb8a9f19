import QuorateClient
import EtcdAPI
import Foundation
import Testing

@testable import Handlers
@testable import Host
@testable import Server

/// Members in one process, over real sockets and files.
@Suite(.serialized) struct ClusterTests {
  private func text(_ data: Data?) -> String? { data.map { String(decoding: $0, as: UTF8.self) } }

  @Test func `every member serves puts, gets, transactions and compaction`() async throws {
    try await TestCluster.run(3) { cluster in
      for number in 1...3 {
        let client = try cluster.client(number)
        try await cluster.put("k\(number)", "v\(number)", with: client)
        #expect(text(try await client.get("k\(number)")) == "v\(number)")
        let txn = EtcdTxnRequest.make {
          $0.compare = [
            .make {
              $0.key = Data("k\(number)".utf8)
              $0.target = .version
              $0.version = 1
            }
          ]
          $0.success = [
            .make {
              $0.requestPut = .make {
                $0.key = Data("t".utf8)
                $0.value = Data("\(number)".utf8)
              }
            }
          ]
        }
        #expect(try await client.txn(txn).message.succeeded)
        await client.close()
      }
      let client = try cluster.client()
      let revision = try await client.put("last", "1")
      _ = try await client.compact(
        .make {
          $0.revision = revision
          $0.physical = true
        })
      #expect(text(try await client.get("t")) == "3")
      await client.close()
    }
  }

  @Test func `who was answered finds the answer in every later read of that member`()
    async throws
  {
    try await TestCluster.run(1) { cluster in
      let client = try cluster.client(1)
      try await cluster.put("k", "0", with: client)
      for round in 1...300 {
        try await client.put("k", "\(round)")
        let reply = try await client.range(
          .make {
            $0.key = Data("k".utf8)
            $0.serializable = true
          })
        #expect(text(reply.message.kvs.first?.value) == "\(round)")
      }
      await client.close()
    }
  }

  @Test func `a member that was ended in order comes back with everything`() async throws {
    try await TestCluster.run(1) { cluster in
      let client = try cluster.client(1)
      try await cluster.put("first", "1", with: client)
      for number in 0..<50 { try await client.put("k\(number)", "v\(number)") }
      await client.close()
      await cluster.shutDown(1)
      try await cluster.start(1)
      let again = try cluster.client(1)
      for number in 0..<50 { #expect(text(try await again.get("k\(number)")) == "v\(number)") }
      #expect(try await again.put("after", "1") == 53)
      await again.close()
    }
  }

  @Test func `a leader that is gone is replaced, and nothing acknowledged is lost`() async throws {
    try await TestCluster.run(3, isLab: true) { cluster in
      let client = try cluster.client()
      try await cluster.put("first", "1", with: client)
      for number in 0..<20 { try await client.put("k\(number)", "v\(number)") }
      let leader = try await cluster.leader()
      await cluster.abandon(leader)
      let others = (1...3).filter { $0 != leader }
      let rest = try cluster.client(others[0])
      try await cluster.wait(for: "another leader") {
        (try? await rest.put("after", "1")) != nil
      }
      for number in 0..<20 { #expect(text(try await rest.get("k\(number)")) == "v\(number)") }
      // It comes back and catches up to the same state.
      try await cluster.start(leader)
      try await cluster.wait(for: "equal hashes") {
        var hashes: Set<String> = []
        for number in 1...3 {
          let status = try await cluster.status(number)
          hashes.insert("\(status["revision"] ?? "") \(status["hash"] ?? "")")
        }
        return hashes.count == 1
      }
      await client.close()
      await rest.close()
    }
  }

  @Test func `a member that is cut off refuses writes, and serves old state with its age`()
    async throws
  {
    try await TestCluster.run(3, isLab: true) { cluster in
      let all = try cluster.client()
      try await cluster.put("k", "1", with: all)
      try await cluster.wait(for: "n3 to know its age") {
        let serves = try await cluster.status(3)["serves"] as? [String: [String: Any]]
        return serves?["serializable"]?["ageMilliseconds"] is Int
      }
      try await cluster.setLinks(of: 3, "silent")
      try await cluster.wait(for: "n3 to notice") {
        try await cluster.status(3)["quorate"] as? Bool == false
      }
      let alone = try cluster.client(3)
      await #expect {
        try await alone.put("k", "2")
      } throws: { error in
        guard case .refused(let failure) = error as? ClientError else { return false }
        return failure.why?.rule == .inquorate && failure.why?.hasNoEffect == true
      }
      let stale = try await alone.range(
        .make {
          $0.key = Data("k".utf8)
          $0.serializable = true
        })
      #expect(text(stale.message.kvs.first?.value) == "1")
      #expect(stale.age != nil)
      #expect(try await cluster.page(3, "/health").status == 503)

      let majority = try cluster.client(1, 2)
      try await cluster.wait(for: "the majority") { (try? await majority.put("k", "3")) != nil }
      try await cluster.setLinks(of: 3, "open")
      try await cluster.wait(for: "n3 to catch up") {
        text(try? await alone.get("k")) == "3"
      }
      for client in [all, alone, majority] { await client.close() }
    }
  }

  @Test func `a broken link order changes nothing and says why`() async throws {
    try await TestCluster.run(3, isLab: true) { cluster in
      for order in [
        "{\"links\":[{\"peer\":\"n2\",\"send\":\"silent\"},{\"peer\":\"n9\",\"send\":\"silent\"}]}",
        "{\"links\":[{\"peer\":\"n2\",\"send\":\"cut\"}]}", "[]",
      ] {
        let page = try await cluster.page(1, "/lab/links", method: "POST", body: order)
        #expect(page.status == 400)
        #expect(try page.json()["error"] != nil)
      }
      let links = try await cluster.status(1)["links"] as? [[String: Any]] ?? []
      #expect(links.count == 2)
      #expect(links.allSatisfy { $0["send"] as? String == "open" })
    }
  }

  @Test func `a disk that is nearly full refuses what grows, and a failing one ends its member`()
    async throws
  {
    try await TestCluster.run(1, isLab: true) { cluster in
      let client = try cluster.client()
      try await cluster.put("k", "1", with: client)
      for order in ["{\"disk\":\"slow\"}", "{\"disk\":\"wet\"}", "[]"] {
        let page = try await cluster.page(1, "/lab/disk", method: "POST", body: order)
        #expect(page.status == 400)
        #expect(try page.json()["error"] != nil)
      }
      #expect(try await cluster.status(1)["disk"] as? String == "sound")

      try await cluster.setDisk(of: 1, "{\"disk\":\"nearly-full\"}")
      try await cluster.wait(for: "a refusal") {
        guard case .refused(let failure)? = await cluster.failure(of: client) else { return false }
        return failure.why?.rule == .noSpace
      }
      #expect(text(try await client.get("k")) == "1")
      _ = try await client.deleteRange(.make { $0.key = Data("k".utf8) })
      try await cluster.setDisk(of: 1, "{\"disk\":\"slow\",\"milliseconds\":20}")
      #expect(try await cluster.status(1)["disk"] as? String == "slow, 20 ms a sync")
      try await cluster.put("k", "2", with: client)

      try await cluster.setDisk(of: 1, "{\"disk\":\"failing\"}")
      _ = await cluster.failure(of: client)
      let exit = await cluster.ended(1)
      #expect(exit?.code == 28)
      await client.close()
    }
  }

  @Test func `without --lab the switch and the lab's page are not there`() async throws {
    try await TestCluster.run(1) { cluster in
      #expect(try await cluster.page(1, "/lab/status").status == 404)
      for page in ["/lab/links", "/lab/disk"] {
        #expect(try await cluster.page(1, page, method: "POST", body: "{}").status == 404)
      }
      try await cluster.wait(for: "health") { try await cluster.page(1, "/health").status == 200 }
      let health = try await cluster.page(1, "/health").json()
      #expect(health["health"] as? String == "true")
      let version = try await cluster.page(1, "/version").json()
      #expect(version["etcdserver"] as? String == Version.etcd)
      #expect(version["quorate"] as? String == Version.quorate)
    }
  }

  @Test func `members that have not all met refuse everything and say who is missing`()
    async throws
  {
    try await TestCluster.run(3, isLab: true, started: false) { cluster in
      try await cluster.start(1)
      try await cluster.start(2)
      let client = try cluster.client(1)
      await #expect {
        try await client.put("k", "1")
      } throws: { error in
        guard case .refused(let failure) = error as? ClientError else { return false }
        return failure.why?.rule == .forming && failure.why?.evidence.contains("n3") == true
      }
      let status = try await cluster.status(1)
      #expect(status["phase"] as? String == "forming")
      #expect(status["role"] as? String == "none")
      try await cluster.start(3)
      try await cluster.wait(for: "a put") { (try? await client.put("k", "1")) != nil }
      await client.close()
    }
  }
}
