import QuorateClient
import EtcdAPI
import Foundation
import Testing

@testable import Handlers
@testable import Host
@testable import Server

/// Members that come, go and move, in one process, over real sockets and files.
@Suite(.serialized) struct MembershipTests {
  private func url(_ number: Int, in cluster: TestCluster) -> String {
    "http://127.0.0.1:\(cluster.ports[number - 1].peer)"
  }

  /// The flags with which member `number` joins those that are there.
  private func joining(
    _ number: Int, _ others: [Int], in cluster: TestCluster
  ) -> (inout MemberFlags) -> Void {
    let list = (others + [number]).map { "n\($0)=\(url($0, in: cluster))" }
    return { flags in
      flags.initialCluster = list.joined(separator: ",")
      flags.initialClusterState = "existing"
    }
  }

  /// Starts member 1 as a store of its own.
  private func found(_ cluster: TestCluster) async throws -> EtcdClient {
    let list = "n1=\(url(1, in: cluster))"
    try await cluster.start(1) { $0.initialCluster = list }
    let client = try cluster.client(1)
    try await cluster.put("first", "1", with: client)
    return client
  }

  private func members(_ client: EtcdClient) async -> [String: EtcdMember] {
    let list = try? await client.memberList().message.members
    return Dictionary((list ?? []).map { ($0.name, $0) }) { first, _ in first }
  }

  /// Adds member `number`, starts it, and waits until it votes.
  private func grow(
    _ cluster: TestCluster, to number: Int, _ client: EtcdClient
  ) async throws {
    _ = try await client.addMember(peerURLs: [url(number, in: cluster)])
    try await cluster.start(number, joining(number, Array(1..<number), in: cluster))
    try await waitForVote(of: number, in: cluster)
  }

  private func waitForVote(of number: Int, in cluster: TestCluster) async throws {
    let asked = try cluster.client(number)
    try await cluster.wait(for: "n\(number) to vote") {
      guard let endpoint = asked.endpoints.first,
        let status = try? await asked.status(of: endpoint).message
      else { return false }
      return !status.isLearner && status.leader != 0 && status.errors.isEmpty
    }
    await asked.close()
  }

  @Test func `a store grows from one to three, and every member knows all of it`() async throws {
    try await TestCluster.run(3, started: false) { cluster in
      let client = try await found(cluster)
      try await grow(cluster, to: 2, client)
      try await grow(cluster, to: 3, client)
      try await client.put("k", "v")
      for number in 1...3 {
        let asked = try cluster.client(number)
        // Names and client URLs are in the log: no member has to be met for them.
        try await cluster.wait(for: "names at n\(number)") {
          let all = await members(asked)
          return (1...3).allSatisfy { other in
            let port = cluster.ports[other - 1].client
            return all["n\(other)"]?.clientUrls == ["http://127.0.0.1:\(port)"]
              && all["n\(other)"]?.isLearner == false
          }
        }
        #expect(try await asked.get("first") == Data("1".utf8))
        await asked.close()
      }
      // A directory knows the members; the flags are only a hint.
      await cluster.shutDown(3)
      try await cluster.start(3) {
        $0.initialClusterState = "existing"
        $0.initialCluster = "n3=http://127.0.0.1:1,nobody=http://127.0.0.1:2"
      }
      let third = try cluster.client(3)
      try await cluster.put("after", "3", with: third)
      await third.close()
      await client.close()
    }
  }

  @Test func `the leader is removed, ends, and its directory never serves again`() async throws {
    try await TestCluster.run(3) { cluster in
      let client = try cluster.client()
      try await cluster.put("k", "v", with: client)
      let leader = try await cluster.leader()
      // Asked at the leader itself, which has to hand over for it.
      let asked = try cluster.client(leader)
      try await cluster.wait(for: "the names of all") { await members(asked).count == 3 }
      let id = try #require(await members(asked)["n\(leader)"]?.id)
      let process = try #require(cluster.process(leader))
      let reply = try await asked.removeMember(id)
      #expect(!reply.message.members.contains { $0.id == id })
      await asked.close()
      let exit = await process.ended()
      #expect(exit?.code == 31)
      await cluster.shutDown(leader)
      #expect(try await cluster.refusal(leader)?.code == 31)
      try await cluster.put("k", "w", with: client)
      #expect(await members(client).count == 2)
      await client.close()
    }
  }

  @Test func `a member that is removed while it is down learns it when it comes back`()
    async throws
  {
    try await TestCluster.run(3) { cluster in
      let client = try cluster.client(1, 2)
      try await cluster.put("k", "v", with: client)
      await cluster.shutDown(3)
      let id = try #require(await members(client)["n3"]?.id)
      try await cluster.wait(for: "the removal") {
        (try? await client.removeMember(id)) != nil
      }
      let exit = await (try cluster.start(3)).ended()
      #expect(exit == .removed(name: "n3", directory: cluster.flags(3).dataDirectory!))
      await cluster.shutDown(3)
      await client.close()
    }
  }

  @Test(arguments: [1, 2, 3])
  func `an address that nobody listens at blocks no writes, and goes again`(count: Int)
    async throws
  {
    try await TestCluster.run(count) { cluster in
      let client = try cluster.client()
      try await cluster.put("k", "0", with: client)
      var added: UInt64 = 0
      try await cluster.wait(for: "the addition") {
        let reply = try? await client.addMember(peerURLs: ["http://127.0.0.1:1"])
        added = reply?.message.member.id ?? 0
        return reply != nil
      }
      for round in 1...20 { try await client.put("k", "\(round)") }
      #expect(try await client.memberList().message.members.count == count + 1)
      _ = try await client.removeMember(added)
      try await client.put("k", "last")
      #expect(try await client.memberList().message.members.count == count)
      await client.close()
    }
  }

  @Test func `a wiped member gets another place by one command, or by none`() async throws {
    try await TestCluster.run(3) { cluster in
      let client = try cluster.client(1, 2)
      try await cluster.put("k", "v", with: client)
      let old = try #require(await members(client)["n3"]?.id)
      await cluster.abandon(3)
      try FileManager.default.removeItem(atPath: cluster.flags(3).dataDirectory!)
      var wish = MemberWish()
      wish.replaces = old
      _ = try await client.addMember(peerURLs: [url(3, in: cluster)], wish)
      try await cluster.start(3, joining(3, [1, 2], in: cluster))
      try await waitForVote(of: 3, in: cluster)
      try await cluster.wait(for: "the old one to leave") {
        let list = try? await client.memberList().message.members
        return list?.count == 3 && list?.contains { $0.id == old } == false
      }
      // Once more, and nobody says anything.
      await cluster.abandon(3)
      try FileManager.default.removeItem(atPath: cluster.flags(3).dataDirectory!)
      try await cluster.start(3) { $0.rejoins = true }
      try await waitForVote(of: 3, in: cluster)
      // Its flags still name the place that it lost.
      await cluster.shutDown(3)
      try await cluster.start(3) { $0.rejoins = true }
      try await waitForVote(of: 3, in: cluster)
      try await client.put("k", "w")
      #expect(try await client.memberList().message.members.count == 3)
      await client.close()
    }
  }

  @Test func `every member moves to another address, one after the other`() async throws {
    // Three members, and three more ports to move to.
    try await TestCluster.run(6, started: false) { cluster in
      let list = (1...3).map { "n\($0)=\(url($0, in: cluster))" }.joined(separator: ",")
      for number in 1...3 { try await cluster.start(number) { $0.initialCluster = list } }
      let client = try cluster.client(1, 2, 3)
      try await cluster.put("k", "0", with: client)
      for number in 1...3 {
        // IPv6, a name and another port.
        let port = cluster.ports[number + 2].peer
        let host = ["[::1]", "localhost", "127.0.0.1"][number - 1]
        let address = "http://\(host):\(port)"
        let id = try #require(await members(client)["n\(number)"]?.id)
        _ = try await client.updateMember(id, peerURLs: [address])
        await cluster.shutDown(number)
        try await cluster.start(number) {
          $0.initialCluster = "n\(number)=\(address)"
          $0.initialClusterState = "existing"
          $0.listenPeerURLs = address
        }
        try await waitForVote(of: number, in: cluster)
        try await cluster.put("k", "\(number)", with: client)
      }
      let asked = try cluster.client(1)
      let urls = await members(asked).values.flatMap(\.peerUrls)
      #expect((1...3).allSatisfy { !urls.contains(url($0, in: cluster)) })
      await asked.close()
      await client.close()
    }
  }

  @Test func `what does not fit is refused with etcd's code and text`() async throws {
    try await TestCluster.run(1) { cluster in
      let client = try cluster.client()
      try await cluster.put("k", "v", with: client)
      let own = try #require(await members(client)["n1"]?.id)
      func refusal(_ body: () async throws(ClientError) -> Void) async -> EtcdStatus? {
        do throws(ClientError) {
          try await body()
          return nil
        } catch {
          switch error {
          case .server(let failure), .refused(let failure): return failure.status
          case .outcomeUnknown, .timedOut, .unreachable: return nil
          }
        }
      }
      #expect(
        await refusal { () throws(ClientError) in _ = try await client.removeMember(own) }
          == .notEnoughStarted)
      #expect(
        await refusal { () throws(ClientError) in _ = try await client.removeMember(77) }
          == .memberNotFound)
      #expect(
        await refusal { () throws(ClientError) in _ = try await client.promoteMember(own) }
          == .memberNotLearner)
      #expect(
        await refusal { () throws(ClientError) in
          _ = try await client.addMember(peerURLs: [self.url(1, in: cluster)])
        } == .peerURLExists)
      for bad in [[], ["http://a"], ["ftp://a:1"], ["http://a:1/x"]] as [[String]] {
        #expect(
          await refusal { () throws(ClientError) in _ = try await client.addMember(peerURLs: bad) }
            == .badMemberURLs)
      }
      #expect(
        await refusal { () throws(ClientError) in
          _ = try await client.moveLeader(to: 77, at: client.endpoints[0])
        } == .badLeaderTransferee)
      _ = try await client.moveLeader(to: own, at: client.endpoints[0])
      await client.close()
    }
  }
}
