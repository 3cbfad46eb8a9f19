import NIOCore
import NIOHPACK
import NIOPosix
import Synchronization
import Testing

@testable import RPC

@Suite struct `The beginning and the end of a connection` {
  @Test func `where nobody listens, the connection is refused`() async throws {
    let stub = try await Stub.start()
    await stub.stop()
    await #expect(throws: ConnectFailure.refused) { try await stub.connect() }
  }

  @Test func `a server that does not speak HTTP-2 is told apart`() async throws {
    let listener = try await RawPeer.listen { _ in Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8) }
    await #expect(throws: ConnectFailure.noHTTP2) {
      try await RPCConnection.connect(
        host: "127.0.0.1", port: listener.localAddress!.port!,
        on: MultiThreadedEventLoopGroup.singleton.next())
    }
    try await listener.close()
  }

  @Test func `a server that says nothing times out`() async throws {
    let listener = try await RawPeer.listen { _ in [] }
    var settings = ClientSettings()
    settings.connectTimeout = .milliseconds(50)
    await #expect(throws: ConnectFailure.timedOut) {
      try await RPCConnection.connect(
        host: "127.0.0.1", port: listener.localAddress!.port!, settings: settings,
        on: MultiThreadedEventLoopGroup.singleton.next())
    }
    try await listener.close()
  }

  @Test func `a port in use and an address that is not ours are told apart`() async throws {
    let stub = try await Stub.start()
    func listen(_ host: String, _ port: Int) async throws(ListenFailure) {
      _ = try await RPCServer.start(
        host: host, port: port, methods: MethodTable(),
        http: { $0.answer(HTTPResponse(status: 404, "")) },
        group: .singletonMultiThreadedEventLoopGroup)
    }
    await #expect(throws: ListenFailure.addressInUse) { try await listen("127.0.0.1", stub.port) }
    await #expect(throws: ListenFailure.addressNotAvailable) { try await listen("192.0.2.1", 0) }
    await stub.stop()
  }

  @Test func `after the connection is closed a call is never sent`() async throws {
    let stub = try await Stub.start()
    let connection = try await stub.connect()
    #expect(connection.state == .ready)
    await connection.close()
    guard case .closed = connection.state else {
      Issue.record("\(connection.state)")
      return
    }
    let outcome = await connection.call(Stub.echo, [])
    #expect(outcome.status.code == .unavailable)
    #expect(outcome.delivery == .neverSent)
    await stub.stop()
  }

  @Test func `a connection lost in flight leaves it open whether the call was seen`() async throws {
    let stub = try await Stub.start()
    let connection = try await stub.connect()
    let call = Task { await connection.call(Stub.wait, []) }
    await eventually("the handler has the call") { stub.waiting.count == 1 }
    await stub.stop()
    let outcome = await call.value
    #expect(outcome.status.code == .unavailable)
    #expect(outcome.delivery == .maybeSent)
  }

  /// RFC 9113 §8.7: REFUSED_STREAM, and a GOAWAY that names an earlier call, say that nothing was
  /// processed.
  @Test(arguments: [
    Frames.frame(type: Frames.reset, flags: 0, stream: 1, Frames.integer(7)),
    Frames.frame(type: Frames.goAway, flags: 0, stream: 0, Frames.integer(0) + Frames.integer(0)),
  ])
  func `what the server refused unseen is never sent`(refusal: [UInt8]) async throws {
    let listener = try await RawPeer.listen { received in
      let frames = Frames.parse(received)
      if frames.contains(where: { $0.type == Frames.data }) { return refusal }
      return frames.count == 1 ? Frames.settings : []
    }
    let connection = try await RPCConnection.connect(
      host: "127.0.0.1", port: listener.localAddress!.port!,
      on: MultiThreadedEventLoopGroup.singleton.next())
    let outcome = await connection.call(Stub.echo, [1], timeout: .seconds(10))
    #expect(outcome.status.code == .unavailable)
    #expect(outcome.delivery == .neverSent)
    await connection.close()
    try await listener.close()
  }

  @Test func `another reset leaves it open whether the call was seen`() async throws {
    let reset = Frames.frame(type: Frames.reset, flags: 0, stream: 1, Frames.integer(2))
    let listener = try await RawPeer.listen { received in
      let frames = Frames.parse(received)
      if frames.contains(where: { $0.type == Frames.data }) { return reset }
      return frames.count == 1 ? Frames.settings : []
    }
    let connection = try await RPCConnection.connect(
      host: "127.0.0.1", port: listener.localAddress!.port!,
      on: MultiThreadedEventLoopGroup.singleton.next())
    let outcome = await connection.call(Stub.echo, [1], timeout: .seconds(10))
    #expect(outcome.status.code == .internal)
    #expect(outcome.delivery == .maybeSent)
    await connection.close()
    try await listener.close()
  }

  @Test func `a shutdown lets the calls in flight end and takes no new one`() async throws {
    let stub = try await Stub.start()
    let states = Mutex<[ConnectionState]>([])
    let connection = try await stub.connect { state in states.withLock { $0.append(state) } }
    let inFlight = Task { await connection.call(Stub.wait, [7]) }
    await eventually("the handler has the call") { stub.waiting.count == 1 }

    let shutdown = Task { await stub.server.shutDown(grace: .seconds(30)) }
    await eventually("the client knows") { connection.state == .parting }
    let late = await connection.call(Stub.echo, [])
    #expect(late.delivery == .neverSent)
    #expect(stub.server.connectionCount == 1)

    stub.waiting.release()
    let outcome = await inFlight.value
    #expect(outcome.bytes == [7], "\(outcome.status)")
    await shutdown.value
    #expect(stub.server.connectionCount == 0)
    await eventually("the client is closed") { states.withLock { $0.count } == 2 }
    await #expect(throws: ConnectFailure.refused) { try await stub.connect() }
  }

  @Test func `a shutdown waits no longer than its grace`() async throws {
    let stub = try await Stub.start()
    let connection = try await stub.connect()
    let inFlight = Task { await connection.call(Stub.wait, [7]) }
    await eventually("the handler has the call") { stub.waiting.count == 1 }
    let start = ContinuousClock.now
    await stub.server.shutDown(grace: .milliseconds(100))
    #expect(ContinuousClock.now - start < .seconds(10))
    #expect(await inFlight.value.status.code == .unavailable)
  }

  @Test func `a connection above the limit is closed, and the others go on`() async throws {
    var settings = ServerSettings()
    settings.connectionLimit = 1
    let stub = try await Stub.start(settings)
    let connection = try await stub.connect()
    let raw = try await RawPeer.connect(port: stub.port)
    await eventually("the second is closed") { raw.isClosed }
    #expect(await connection.call(Stub.echo, [1]).status == .ok)
    await connection.close()
    await stub.stop()
  }

  @Test func `a client that no longer answers is dropped`() async throws {
    var settings = ServerSettings()
    settings.keepAliveInterval = .seconds(1)
    settings.keepAliveTimeout = .seconds(1)
    // A loop of its own: the calls of other tests must not hold the answers to pings up.
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let stub = try await Stub.start(settings, group: group)
    let connection = try await stub.connect()
    let raw = try await RawPeer.connect(port: stub.port)
    raw.send(Frames.preface + Frames.settings)
    await eventually("the silent one is dropped") { raw.isClosed }
    #expect(Frames.parse(raw.received).contains { $0.type == 6 && $0.flags == 0 })
    let outcome = await connection.call(Stub.echo, [1])
    #expect(outcome.status == .ok, "the other one answers pings: \(connection.state)")
    await connection.close()
    await stub.stop()
    try await group.shutdownGracefully()
  }

  @Test func `a server that no longer answers is given up`() async throws {
    let listener = try await RawPeer.listen { Frames.parse($0).count == 1 ? Frames.settings : [] }
    var settings = ClientSettings()
    settings.keepAliveInterval = .seconds(1)
    settings.keepAliveTimeout = .seconds(1)
    let connection = try await RPCConnection.connect(
      host: "127.0.0.1", port: listener.localAddress!.port!, settings: settings,
      on: MultiThreadedEventLoopGroup.singleton.next())
    await eventually("the client gives up") {
      connection.state == .closed("the server no longer answers")
    }
    try await listener.close()
  }
}
