import NIOCore
import RPC
import Testing

@Suite struct `Streaming calls` {
  @Test func `messages go both ways in order, then half-close, then the status`() async throws {
    let stub = try await Stub.start()
    let connection = try await stub.connect()
    let events = Events()
    let stream = connection.open(Stub.echoStream) { events.add($0) }
    for index in 0..<200 { #expect(stream.send([UInt8(index)])) }
    await eventually("all echoes") { events.messages.count == 200 }
    #expect(events.messages == (0..<200).map { [UInt8($0)] })
    #expect(events.outcome == nil, "the stream is open until the half-close")
    stream.halfClose()
    await eventually("the status") { events.outcome != nil }
    #expect(events.outcome?.status == RPCStatus(.aborted, "that was all"))
    #expect(events.outcome?.delivery == .answered)
    #expect(events.lastIsOutcome)
    #expect(!stream.send([1]))
    #expect(stub.waiting.cancelled == 0)
    await connection.close()
    await stub.stop()
  }

  @Test func `a cancelled stream ends at both ends`() async throws {
    let stub = try await Stub.start()
    let connection = try await stub.connect()
    let events = Events()
    let stream = connection.open(Stub.echoStream) { events.add($0) }
    #expect(stream.send([1]))
    await eventually("the echo") { events.messages.count == 1 }
    stream.cancel()
    await eventually("the server's handler knows") { stub.waiting.cancelled == 1 }
    await eventually("the outcome") { events.outcome != nil }
    #expect(events.outcome?.status.code == .cancelled)
    await connection.close()
    await stub.stop()
  }

  @Test func `a lost connection ends a stream at both ends`() async throws {
    let stub = try await Stub.start()
    let connection = try await stub.connect()
    let events = Events()
    let stream = connection.open(Stub.echoStream) { events.add($0) }
    #expect(stream.send([1]))
    await eventually("the echo") { events.messages.count == 1 }
    await connection.close()
    await eventually("the server's handler knows") { stub.waiting.cancelled == 1 }
    await eventually("the outcome") { events.outcome != nil }
    #expect(events.outcome?.status.code == .unavailable)
    #expect(events.outcome?.delivery == .maybeSent)
    await stub.stop()
  }

  @Test func `a stream's deadline ends it at both ends`() async throws {
    let stub = try await Stub.start()
    let connection = try await stub.connect()
    let events = Events()
    let stream = connection.open(Stub.echoStream, timeout: .milliseconds(500)) { events.add($0) }
    #expect(stream.send([1]))
    await eventually("the outcome") { events.outcome != nil }
    #expect(events.outcome?.status.code == .deadlineExceeded)
    await eventually("the server's handler knows") { stub.waiting.cancelled == 1 }
    await connection.close()
    await stub.stop()
  }

  /// A client that grants no more window than HTTP/2 begins with.
  @Test func `a sender is held back by a client that does not keep up, and goes on when it does`()
    async throws
  {
    var settings = ServerSettings()
    settings.streamSendLimitBytes = 100_000
    let stub = try await Stub.start(settings)
    let raw = try await RawPeer.connect(port: stub.port)
    raw.send(Frames.preface + Frames.settings + Frames.request(Stub.flood, message: []))
    // The peer's window is 65,535 bytes; what is above it waits in the stream's budget.
    await eventually("the limit is reached") { stub.waiting.sentBytes >= 150_000 }
    #expect(stub.waiting.sentBytes <= 65_535 + 100_000 + 10_000)
    let held = stub.waiting.sentBytes
    raw.send(Frames.windowUpdate(stream: 0, by: 1_000_000))
    raw.send(Frames.windowUpdate(stream: 1, by: 1_000_000))
    await eventually("it goes on") { stub.waiting.sentBytes > held + 500_000 }
    await raw.close()
    await eventually("the handler knows") { stub.waiting.cancelled == 1 }
    await stub.stop()
  }

  @Test func `a server is held back by a client that does not consume, and goes on when it does`()
    async throws
  {
    var settings = ServerSettings()
    settings.streamSendLimitBytes = 100_000
    let stub = try await Stub.start(settings)
    let connection = try await stub.connect()
    let events = Events()
    let stream = connection.open(Stub.flood, unconsumedLimitBytes: 500_000) { events.add($0) }
    // The limit, the stream's window twice (once given back by what is read before the messages in
    // it are counted), what the server may have on its way, and a message each.
    let bound = 500_000 + 2 * 256 * 1024 + 100_000 + 3 * 10_000
    await eventually("the limit is reached") { events.messages.count * 10_000 > 500_000 }
    await eventually("the server is refused") { stub.waiting.sentBytes > 700_000 }
    // Answers on the same connection: what the flood could do meanwhile it has done.
    for _ in 0..<50 { _ = await connection.call(Stub.echo, [1]) }
    #expect(stub.waiting.sentBytes <= bound)
    let held = stub.waiting.sentBytes
    let consumed = events.messages.count * 10_000
    stream.consumed(consumed)
    await eventually("it goes on") { stub.waiting.sentBytes > held + 200_000 }
    #expect(stub.waiting.sentBytes <= bound + consumed)
    stream.cancel()
    await eventually("the outcome") { events.outcome != nil }
    await connection.close()
    await stub.stop()
  }

  @Test func `a message longer than what may wait is let in whole`() async throws {
    let stub = try await Stub.start()
    let connection = try await stub.connect()
    let events = Events()
    let stream = connection.open(Stub.echoStream, unconsumedLimitBytes: 1_000) { events.add($0) }
    let long = [UInt8](repeating: 7, count: 1_500_000)
    // Two: the second comes only when the first was consumed, for it is beyond the limit.
    #expect(stream.send(long))
    await eventually("the echo") { events.messages.count == 1 }
    stream.consumed(long.count)
    #expect(stream.send(long))
    await eventually("the other") { events.messages.count == 2 }
    #expect(events.messages == [long, long])
    stream.cancel()
    await connection.close()
    await stub.stop()
  }
}
