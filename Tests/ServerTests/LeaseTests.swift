import EtcdAPI
import Foundation
import Testing

@testable import Handlers
@testable import Host
@testable import QuorateClient
@testable import Server

/// Leases over real sockets and files.
@Suite(.serialized) struct LeaseTests {
  private func put(_ key: String, lease: Int64, with client: EtcdClient) async throws {
    _ = try await client.put(
      .make {
        $0.key = Data(key.utf8)
        $0.lease = lease
      })
  }

  /// Has a lease granted as soon as somebody leads.
  private func grant(
    _ seconds: Int64, id: Int64 = 0, with client: EtcdClient, _ cluster: TestCluster
  ) async throws -> Int64 {
    var granted: EtcdLeaseGrantResponse?
    try await cluster.wait(for: "a lease") {
      granted = try? await client.grantLease(
        .make {
          $0.id = id
          $0.ttl = seconds
        }
      ).message
      return granted != nil
    }
    return try #require(granted).id
  }

  @Test func `every member grants, tells, keeps alive, lists and revokes`() async throws {
    try await TestCluster.run(3) { cluster in
      for number in 1...3 {
        let client = try cluster.client(number)
        let id = try await grant(60, with: client, cluster)
        for key in ["b", "a"] { try await put(key, lease: id, with: client) }
        let told = try await client.leaseTimeToLive(id, keys: true).message
        #expect(told.grantedTtl == 60 && (58...60).contains(told.ttl))
        #expect(told.keys == [Data("a".utf8), Data("b".utf8)])
        #expect(try await client.leaseTimeToLive(id).message.keys.isEmpty)
        #expect(try await client.keepAlive(id).message.ttl == 60)
        #expect(try await client.leases().message.leases.map(\.id) == [id])
        let before = try await client.put("last", "1")
        let revision = try await client.revokeLease(id).message.header.revision
        #expect(revision == before + 1, "both keys go in one revision")
        #expect(try await client.get("a") == nil)
        #expect(try await client.leaseTimeToLive(id).message.ttl == -1)
        #expect(try await client.keepAlive(id).message.ttl == 0)
        #expect(try await client.leases().message.leases.isEmpty)
        await client.close()
      }
    }
  }

  @Test func `errors have etcd's codes and texts`() async throws {
    try await TestCluster.run(1) { cluster in
      let client = try cluster.client()
      let id = try await grant(60, id: 0x77, with: client, cluster)
      #expect(id == 0x77)
      func status(_ body: () async throws(ClientError) -> Void) async -> EtcdStatus? {
        do throws(ClientError) {
          try await body()
          return nil
        } catch {
          switch error {
          case .server(let failure), .refused(let failure): return failure.status
          case .outcomeUnknown, .unreachable, .timedOut: return nil
          }
        }
      }
      let again = await status { () throws(ClientError) in
        _ = try await client.grantLease(.make { ($0.id, $0.ttl) = (0x77, 5) })
      }
      #expect(again == .leaseExists)
      let large = await status { () throws(ClientError) in
        _ = try await client.grantLease(.make { $0.ttl = 9_000_000_001 })
      }
      #expect(large == .leaseTTLTooLarge)
      let gone = await status { () throws(ClientError) in _ = try await client.revokeLease(1) }
      #expect(gone == .leaseNotFound)
      let unknown = await status { () throws(ClientError) in
        _ = try await client.put(.make { ($0.key, $0.lease) = (Data("k".utf8), 1) })
      }
      #expect(unknown == .leaseNotFound)
      await client.close()
    }
  }

  @Test func `a lease ends on its time, with its keys, though its member was killed`() async throws
  {
    try await TestCluster.run(3) { cluster in
      let client = try cluster.client()
      let asked = ContinuousClock.now
      let id = try await grant(3, with: client, cluster)
      try await put("k", lease: id, with: client)
      let leader = try await cluster.leader()
      await cluster.abandon(leader)
      let rest = try cluster.client(leader % 3 + 1)
      try await cluster.wait(for: "the end of the lease") {
        guard let left = try? await rest.leaseTimeToLive(id).message else { return false }
        return left.ttl == -1
      }
      let passed = ContinuousClock.now - asked
      #expect(passed >= .seconds(3) && passed < .seconds(6))
      #expect(try await rest.get("k") == nil)
      try await cluster.start(leader)
      await client.close()
      await rest.close()
    }
  }

  @Test func `a member that comes back has its leases`() async throws {
    try await TestCluster.run(1) { cluster in
      let client = try cluster.client(1)
      let id = try await grant(60, with: client, cluster)
      try await put("k", lease: id, with: client)
      await client.close()
      await cluster.abandon(1)
      try await cluster.start(1)
      let again = try cluster.client(1)
      try await cluster.wait(for: "the lease") {
        let told = try? await again.leaseTimeToLive(id, keys: true).message
        return told?.grantedTtl == 60 && told?.keys == [Data("k".utf8)]
      }
      _ = try await again.revokeLease(id)
      #expect(try await again.get("k") == nil)
      await again.close()
    }
  }

  @Test func `one stream keeps many leases alive, and ends when its client has no more`()
    async throws
  {
    try await TestCluster.run(3) { cluster in
      let client = try cluster.client(1)
      var ids: Set<Int64> = []
      for _ in 0..<100 { ids.insert(try await grant(30, with: client, cluster)) }
      let stream = try await client.openKeepAlive(at: client.endpoints[0])
      for id in ids.sorted() + [1] { #expect(await stream.send(.make { $0.id = id })) }
      stream.halfClose()
      var kept: [Int64: Int64] = [:]
      while let answer = try await stream.next() { kept[answer.id] = answer.ttl }
      #expect(kept.count == 101)
      #expect(ids.allSatisfy { kept[$0] == 30 })
      #expect(kept[1] == 0)
      await client.close()
    }
  }

  @Test func `a lease is held as long as its task runs, and no longer`() async throws {
    try await TestCluster.run(3) { cluster in
      let client = try cluster.client()
      try await cluster.put("first", "1", with: client)
      let id = try await client.withLease(seconds: 1) { lease in
        try await put("k", lease: lease.id, with: client)
        try await Task.sleep(for: .milliseconds(2_500))
        #expect(try await client.get("k") != nil)
        return lease.id
      }
      #expect(try await client.get("k") == nil)
      #expect(try await client.leaseTimeToLive(id).message.ttl == -1)
      await client.close()
    }
  }

  @Test func `who loses its lease is told, and its work is cancelled`() async throws {
    try await TestCluster.run(1) { cluster in
      let client = try cluster.client()
      try await cluster.put("first", "1", with: client)
      await #expect(throws: LeaseLost.self) {
        try await client.withLease(seconds: 2) { lease in
          _ = try await client.revokeLease(lease.id)
          try await Task.sleep(for: .seconds(30))
        }
      }
      await client.close()
    }
  }

  @Test func `metrics count what becomes of leases`() async throws {
    try await TestCluster.run(1) { cluster in
      let client = try cluster.client()
      let first = try await grant(1, with: client, cluster)
      let second = try await grant(60, with: client, cluster)
      _ = try await client.keepAlive(second)
      _ = try await client.revokeLease(second)
      try await cluster.wait(for: "the end of the first") {
        try await client.leaseTimeToLive(first).message.ttl == -1
      }
      let text = String(decoding: try await cluster.page(1, "/metrics").body, as: UTF8.self)
      for line in [
        "etcd_debugging_lease_granted_total 2", "etcd_debugging_lease_revoked_total 1",
        "etcd_debugging_lease_renewed_total 1", "etcd_debugging_server_lease_expired_total 1",
        "quorate_leases 0",
      ] { #expect(text.contains(line + "\n"), "\(line)") }
      await client.close()
    }
  }
}
