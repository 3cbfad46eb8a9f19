import QuorateClient
import EtcdAPI
import Foundation
import Testing

@testable import Handlers
@testable import Host
@testable import Server

/// What a server says of itself to whoever knows nothing of etcd.
@Suite(.serialized) struct HealthTests {
  private typealias Stream = CallStream<GRPCHealthCheckRequest, GRPCHealthCheckResponse>
  private typealias Reflection = CallStream<
    GRPCServerReflectionRequest, GRPCServerReflectionResponse
  >

  private func check(
    _ client: EtcdClient, _ service: String = ""
  ) async throws -> GRPCHealthCheckResponse.ServingStatus {
    let reply: Reply<GRPCHealthCheckResponse> = try await client.call(
      EtcdMethod.Health.check, GRPCHealthCheckRequest.make { $0.service = service }, .read)
    return reply.message.status
  }

  private func watch(_ client: EtcdClient, _ service: String = "") async throws -> Stream {
    let stream: Stream = try await client.open(
      EtcdMethod.Health.watch, at: client.endpoints[0])
    _ = await stream.send(.make { $0.service = service })
    return stream
  }

  @Test func `a member serves while it is quorate, and says so without being asked`()
    async throws
  {
    try await TestCluster.run(3, isLab: true) { cluster in
      let client = try cluster.client(1)
      try await cluster.put("a", "1", with: client)
      #expect(try await check(client) == .serving)
      let stream = try await watch(client)
      #expect(try await stream.next()?.status == .serving)
      try await cluster.setLinks(of: 1, "silent")
      #expect(try await stream.next()?.status == .notServing)
      #expect(try await check(client) == .notServing)
      try await cluster.setLinks(of: 1, "open")
      #expect(try await stream.next()?.status == .serving)
      #expect(try await check(client) == .serving)
      stream.cancel()
      await client.close()
    }
  }

  @Test func `where the rule refuses nothing a member serves as etcd does`() async throws {
    try await TestCluster.run(3, isLab: true, started: false) { cluster in
      for number in 1...3 { try await cluster.start(number) { $0.onQuorumLoss = "wait" } }
      let client = try cluster.client(1)
      try await cluster.put("a", "1", with: client)
      try await cluster.setLinks(of: 1, "silent")
      try await cluster.wait(for: "the loss of the quorum") {
        try await cluster.page(1, "/health").status == 503
      }
      #expect(try await check(client) == .serving)
      await client.close()
    }
  }

  @Test func `a member that is alone before its store is formed does not serve`() async throws {
    try await TestCluster.run(3, started: false) { cluster in
      try await cluster.start(1)
      let client = try cluster.client(1)
      #expect(try await check(client) == .notServing)
      await client.close()
    }
  }

  @Test func `nothing but the whole has a status`() async throws {
    try await TestCluster.run(1) { cluster in
      let client = try cluster.client(1)
      try await cluster.put("a", "1", with: client)
      do {
        _ = try await check(client, "etcdserverpb.KV")
        Issue.record("a service has a status")
      } catch ClientError.server(let failure) {
        #expect(failure.status == EtcdStatus(.notFound, "unknown service"))
      }
      let stream = try await watch(client, "etcdserverpb.KV")
      #expect(try await stream.next()?.status == .serviceUnknown)
      stream.cancel()
      await client.close()
    }
  }

  @Test func `every service that is listed can be looked up, by both names of reflection`()
    async throws
  {
    try await TestCluster.run(1) { cluster in
      let client = try cluster.client(1)
      for method in [EtcdMethod.Reflection.info, EtcdMethod.Reflection.olderInfo] {
        let stream: Reflection = try await client.open(method, at: client.endpoints[0])
        _ = await stream.send(.make { $0.listServices = "*" })
        let names = try await stream.next()?.listServicesResponse.service.map(\.name) ?? []
        #expect(names == names.sorted())
        for name in [
          "etcdserverpb.KV", "etcdserverpb.Watch", "etcdserverpb.Lease", "v3lockpb.Lock",
          "v3electionpb.Election", "grpc.health.v1.Health",
          "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
        ] { #expect(names.contains(name)) }
        for name in names {
          _ = await stream.send(.make { $0.fileContainingSymbol = name })
          let answer = try await stream.next()
          #expect(answer?.fileDescriptorResponse.fileDescriptorProto.isEmpty == false, "\(name)")
        }
        stream.halfClose()
        #expect(try await stream.next() == nil)
      }
      await client.close()
    }
  }
}
