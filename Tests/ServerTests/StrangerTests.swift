import QuorateClient
import Raft
import Replica
import Testing
import Wire

@testable import Handlers
@testable import Host
@testable import Server

/// Anybody can reach a port. What a caller says of a member must not end it.
@Suite(.serialized) struct StrangerTests {
  /// A handshake of somebody who calls himself n2.
  private func handshake(
    in cluster: TestCluster, _ change: (inout Handshake) -> Void
  ) throws -> [UInt8] {
    let initial = try cluster.flags(1).settings().initialCluster
    let (me, other) = (initial.member(named: "n1")!.id, initial.member(named: "n2")!.id)
    var handshake = Handshake(
      clusterID: initial.clusterID, from: other, name: "n2", incarnation: Incarnation(2),
      boot: Boot(2), to: me, initialDigest: initial.digest, isFormed: true, known: [])
    change(&handshake)
    var bytes: [UInt8] = []
    Frame.hello(Hello(purpose: .control, handshake: handshake)).encode(into: &bytes)
    return bytes
  }

  @Test func `a caller's word that a member was wiped, or has other flags, does not end it`()
    async throws
  {
    try await TestCluster.run(3, started: false) { cluster in
      let first = try await cluster.start(1)
      let port = cluster.ports[0].peer
      let me = try cluster.flags(1).settings().initialCluster.member(named: "n1")!.id
      let lies: [(inout Handshake) -> Void] = [
        { $0.known = [KnownMember(id: me, incarnation: Incarnation(999))] },
        { $0.initialDigest ^= 1 }, { $0.clusterID = ClusterID(1) },
      ]
      // It answers, so that an honest caller finds out what is wrong, and hangs up.
      for lie in lies {
        let answer = try await cluster.call(port, try handshake(in: cluster, lie))
        #expect(!answer.isEmpty)
      }
      try await cluster.start(2)
      try await cluster.start(3)
      let client = try cluster.client(1)
      try await cluster.put("k", "v", with: client)
      await client.close()
      await cluster.shutDown(1)
      #expect(await first.ended() == nil)
    }
  }

  @Test func `bytes that make no sense end their connection and nothing else`() async throws {
    try await TestCluster.run(1) { cluster in
      let (client, peer) = cluster.ports[0]
      for port in [client, peer] {
        for bytes in [[UInt8](repeating: 0xff, count: 5_000), Array("EHLO\r\n\r\n".utf8)] {
          _ = try await cluster.call(port, bytes)
        }
      }
      let client1 = try cluster.client(1)
      try await cluster.put("k", "v", with: client1)
      await client1.close()
    }
  }
}
