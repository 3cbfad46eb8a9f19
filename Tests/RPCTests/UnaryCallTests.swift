import NIOCore
import NIOPosix
import RPC
import Synchronization
import Testing

@Suite struct `Unary calls` {
  @Test(arguments: [0, 1, 300, 70_000, 400_000])
  func `an answer comes back whole`(size: Int) async throws {
    let stub = try await Stub.start()
    let connection = try await stub.connect()
    let message = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let expected = ByteBuffer(bytes: message)
    for method in [Stub.echo, Stub.echoElsewhere] {
      let outcome = await connection.call(method, message, timeout: .seconds(60))
      #expect(outcome.status == .ok)
      #expect(outcome.delivery == .answered)
      let isWhole = outcome.message == expected
      #expect(isWhole)
    }
    await connection.close()
    await stub.stop()
  }

  @Test func `metadata goes there and comes back, bytes too`() async throws {
    let stub = try await Stub.start()
    let connection = try await stub.connect()
    var metadata = Metadata()
    metadata.add("tag", "some text")
    metadata.add("tag-bin", bytes: [0, 1, 254, 255])
    let outcome = await connection.call(Stub.echo, [], metadata: metadata)
    #expect(outcome.trailers.first("tag") == "some text")
    #expect(outcome.trailers.firstBytes("tag-bin") == [0, 1, 254, 255])
    #expect(outcome.metadata.first("content-type") == "application/grpc")
    await connection.close()
    await stub.stop()
  }

  @Test func `an error has its code, its text and its trailers`() async throws {
    let stub = try await Stub.start()
    let connection = try await stub.connect()
    let outcome = await connection.call(Stub.fail, [])
    let text = "etcdserver: no leader — 100% sure\n"
    #expect(outcome.status == RPCStatus(.unavailable, text))
    #expect(outcome.delivery == .answered)
    #expect(outcome.message == nil)
    #expect(outcome.trailers.firstBytes("quorate-why-bin") == [0, 255, 7])
    await connection.close()
    await stub.stop()
  }

  @Test(arguments: [
    ("/stub.Calls/Nothing", "unknown method Nothing for service stub.Calls"),
    ("/stub.Other/Echo", "unknown service stub.Other"),
    ("/echo", "malformed method name: \"/echo\""),
  ])
  func `an unknown method is UNIMPLEMENTED, in grpc-go's words`(path: String, text: String)
    async throws
  {
    let stub = try await Stub.start()
    let connection = try await stub.connect()
    #expect(await connection.call(path, []).status == RPCStatus(.unimplemented, text))
    await connection.close()
    await stub.stop()
  }

  @Test func `a message above the server's limit is RESOURCE_EXHAUSTED, in grpc-go's words`()
    async throws
  {
    var settings = ServerSettings()
    settings.messageLimitBytes = 1_000
    let stub = try await Stub.start(settings)
    let connection = try await stub.connect()
    #expect(await connection.call(Stub.echo, Array(repeating: 0, count: 1_000)).status == .ok)
    for size in [1_001, 400_000] {
      let outcome = await connection.call(Stub.echo, Array(repeating: 0, count: size))
      let text = "grpc: received message larger than max (\(size) vs. 1000)"
      #expect(outcome.status == RPCStatus(.resourceExhausted, text))
    }
    #expect(await connection.call(Stub.echo, [1]).bytes == [1], "the connection goes on")
    await connection.close()
    await stub.stop()
  }

  @Test func `a message above the client's limit is RESOURCE_EXHAUSTED`() async throws {
    let stub = try await Stub.start()
    var settings = ClientSettings()
    settings.messageLimitBytes = 10
    let connection = try await stub.connect(settings)
    let outcome = await connection.call(Stub.echo, Array(repeating: 0, count: 11))
    #expect(outcome.status.code == .resourceExhausted)
    #expect(outcome.delivery == .maybeSent)
    await connection.close()
    await stub.stop()
  }

  @Test func `when a deadline passes, both ends give the call up`() async throws {
    let stub = try await Stub.start()
    let connection = try await stub.connect()
    let outcome = await connection.call(Stub.wait, [1], timeout: .milliseconds(500))
    #expect(outcome.status.code == .deadlineExceeded)
    #expect(outcome.delivery == .maybeSent || outcome.delivery == .answered)
    await eventually("the handler has the call") { stub.waiting.count == 1 }
    stub.waiting.release()
    #expect(await connection.call(Stub.echo, [2]).bytes == [2], "a late answer disturbs nothing")
    await connection.close()
    await stub.stop()
  }

  @Test func `a call whose time is over before it starts is never sent`() async throws {
    let stub = try await Stub.start()
    let connection = try await stub.connect()
    let outcome = await connection.call(Stub.echo, [1], timeout: .zero)
    #expect(outcome.status.code == .deadlineExceeded)
    #expect(outcome.delivery == .neverSent)
    await connection.close()
    await stub.stop()
  }

  /// All calls are open before the first deadline passes, so that the timer has to go on by itself.
  @Test(.timeLimit(.minutes(1)))
  func `each of many deadlines ends its own call`() async throws {
    let stub = try await Stub.start()
    let connection = try await stub.connect()
    let codes = await withTaskGroup(of: RPCStatusCode.self, returning: [RPCStatusCode].self) {
      group in
      for index in 1...50 {
        group.addTask {
          await connection.call(Stub.wait, [], timeout: .milliseconds(1_000 + index * 20)).status
            .code
        }
      }
      group.addTask { await connection.call(Stub.echo, [], timeout: .seconds(60)).status.code }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(codes.count { $0 == .deadlineExceeded } == 50)
    #expect(codes.count { $0 == .ok } == 1)
    await connection.close()
    await stub.stop()
  }

  @Test func `a cancelled task gives its call up`() async throws {
    let stub = try await Stub.start()
    let connection = try await stub.connect()
    let task = Task { await connection.call(Stub.wait, []) }
    await eventually("the handler has the call") { stub.waiting.count == 1 }
    task.cancel()
    let outcome = await task.value
    #expect(outcome.status.code == .cancelled)
    #expect(outcome.delivery == .maybeSent)
    await connection.close()
    await stub.stop()
  }

  @Test func `a thousand calls on ten connections get each its own answer`() async throws {
    let stub = try await Stub.start()
    var connections: [RPCConnection] = []
    for _ in 0..<10 { connections.append(try await stub.connect()) }
    let wrong = await withTaskGroup(of: Bool.self, returning: Int.self) { group in
      for index in 0..<1_000 {
        let connection = connections[index % 10]
        group.addTask {
          let message = Array("call \(index)".utf8)
          let method = index % 2 == 0 ? Stub.echo : Stub.echoElsewhere
          return await connection.call(method, message, timeout: .seconds(300)).bytes == message
        }
      }
      return await group.reduce(0) { $0 + ($1 ? 0 : 1) }
    }
    #expect(wrong == 0)
    for connection in connections { await connection.close() }
    await stub.stop()
  }

  @Test func `more calls than the server takes at a time wait and are answered`() async throws {
    var settings = ServerSettings()
    settings.callLimitPerConnection = 3
    let stub = try await Stub.start(settings)
    let connection = try await stub.connect()
    let answered = await withTaskGroup(of: Bool.self, returning: Int.self) { group in
      for _ in 0..<30 {
        group.addTask { await connection.call(Stub.echoElsewhere, [1]).status == .ok }
      }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(answered == 30)
    await connection.close()
    await stub.stop()
  }

  @Test func `a call above the client's own limit is never sent`() async throws {
    let stub = try await Stub.start()
    var settings = ClientSettings()
    settings.callLimit = 2
    let connection = try await stub.connect(settings)
    for _ in 0..<2 { connection.call(Stub.wait, []) { _ in } }
    let outcome = await connection.call(Stub.echo, [])
    #expect(outcome.status.code == .resourceExhausted)
    #expect(outcome.delivery == .neverSent)
    await connection.close()
    await stub.stop()
  }

  @Test func `requests beyond the server's memory are refused, and it recovers`() async throws {
    var settings = ServerSettings()
    settings.bufferLimitBytes = 100_000
    let stub = try await Stub.start(settings)
    let connection = try await stub.connect()
    let big = [UInt8](repeating: 1, count: 90_000)
    let first = Task { await connection.call(Stub.wait, big) }
    await eventually("the first call is held") { stub.waiting.count == 1 }
    let second = await connection.call(Stub.echo, big)
    #expect(second.status == RPCStatus(.resourceExhausted, "etcdserver: too many requests"))
    stub.waiting.release()
    #expect(await first.value.status == .ok)
    #expect(await connection.call(Stub.echo, [1]).status == .ok)
    await connection.close()
    await stub.stop()
  }
}
