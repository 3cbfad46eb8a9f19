import QuorateClient
import EtcdAPI
import NIOCore
import NIOPosix
import RPC
import Testing

/// A member whose `Watch` answers each create with the watch's own id, and then does as it is told.
private func withStream(
  _ finish: RPCStatus? = nil,
  _ body: (CallStream<EtcdWatchRequest, EtcdWatchResponse>, EtcdClient) async throws -> Void
) async throws {
  var table = MethodTable()
  table.stream(EtcdMethod.Watch.watch) { call in
    { event in
      switch event {
      case .message(let bytes):
        guard let request = try? EtcdWatchRequest(decoding: Array(bytes.readableBytesView)) else {
          return call.finish(RPCStatus(.internal, "no request"))
        }
        let answer = EtcdWatchResponse.make { $0.watchID = request.createRequest.watchID }
        _ = call.send(answer.encodedBytes)
      case .halfClosed: call.finish(finish ?? .ok)
      case .writable, .cancelled: break
      }
    }
  }
  let server = try await RPCServer.start(
    host: "127.0.0.1", port: 0, methods: table,
    http: { $0.answer(HTTPResponse(status: 404, "no such page")) },
    group: MultiThreadedEventLoopGroup.singleton)
  let endpoint = try Endpoint("127.0.0.1:\(server.address.port ?? 0)")
  let client = EtcdClient(endpoints: [endpoint])
  try await body(try await client.open(EtcdMethod.Watch.watch, at: endpoint), client)
  await client.close()
  await server.shutDown(grace: .zero)
}

private func request(_ id: Int64) -> EtcdWatchRequest {
  .make { $0.createRequest = .make { $0.watchID = id } }
}

private func failed(
  _ stream: CallStream<EtcdWatchRequest, EtcdWatchResponse>
) async -> CallFailure? {
  do {
    _ = try await stream.next()
    return nil
  } catch {
    return error
  }
}

@Suite struct `A call of many messages` {
  @Test func `brings its messages in order and then its end`() async throws {
    try await withStream { stream, _ in
      for id in 1...500 { #expect(await stream.send(request(Int64(id)))) }
      stream.halfClose()
      for id in 1...500 {
        let answer = try await stream.next()
        #expect(answer?.watchID == Int64(id))
      }
      let last = try await stream.next()
      #expect(last == nil)
      #expect(await !stream.send(request(1)), "after the end nothing is taken")
    }
  }

  @Test func `ends with the server's status`() async throws {
    try await withStream(RPCStatus(.unavailable, "etcdserver: no leader")) { stream, _ in
      stream.halfClose()
      let failure = await failed(stream)
      #expect(failure?.status == .noLeader)
    }
  }

  @Test func `ends when its connection does`() async throws {
    try await withStream { stream, client in
      #expect(await stream.send(request(7)))
      let answer = try await stream.next()
      #expect(answer?.watchID == 7)
      await client.close()
      let failure = await failed(stream)
      #expect(failure?.delivery == .maybeSent)
    }
  }

  @Test func `is given up by a reader whose task is cancelled`() async throws {
    try await withStream { stream, _ in
      let reader = Task { await failed(stream) }
      reader.cancel()
      let failure = await reader.value
      #expect(failure?.status.code == .cancelled)
    }
  }
}
