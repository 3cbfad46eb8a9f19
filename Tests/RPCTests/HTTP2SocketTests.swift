import NIOCore
import NIOPosix
import RPC
import Testing

/// The rules that need a socket: what is written, when it closes, who is not read from.
@Suite struct `A connection on a socket` {
  private func start(_ settings: ServerSettings = ServerSettings()) async throws
    -> (stub: Stub, raw: RawPeer)
  {
    let stub = try await Stub.start(settings)
    let raw = try await RawPeer.connect(port: stub.port)
    raw.send(Frames.preface + Frames.settings)
    await eventually("the settings are acknowledged") {
      Frames.parse(raw.received).contains { $0.type == 4 && $0.flags == 1 }
    }
    return (stub, raw)
  }

  /// RFC 9113 §5.4.1.
  @Test func `a broken rule is told before the connection closes`() async throws {
    let (stub, raw) = try await start()
    raw.send(Frames.frame(type: 0, flags: 0, stream: 0, [1]))
    await eventually("it is closed") { raw.isClosed }
    #expect(Frames.parse(raw.received).last?.description == "goaway 0 PROTOCOL_ERROR")
    await stub.stop()
  }

  /// RFC 9113 §5.4.2.
  @Test func `a broken rule of one stream leaves the others alone`() async throws {
    let (stub, raw) = try await start()
    raw.send(Frames.request(Stub.wait, message: nil))
    raw.send(Frames.windowUpdate(stream: 1, by: 0))
    raw.send(Frames.request(Stub.echo, stream: 3, message: [7]))
    await eventually("the other call's answer") {
      Frames.parse(raw.received).contains { $0.stream == 3 && $0.type == Frames.data }
    }
    let frames = Frames.parse(raw.received).map(\.description)
    #expect(frames.contains("reset 1 PROTOCOL_ERROR"))
    #expect(!raw.isClosed)
    await raw.close()
    await stub.stop()
  }

  /// RFC 9113 §6.8: first that an end comes, then which call is the last.
  @Test func `a shutdown says twice that it comes, and refuses what begins after`() async throws {
    let (stub, raw) = try await start()
    raw.send(Frames.request(Stub.wait, message: [1]))
    await eventually("the call is there") { stub.waiting.count == 1 }
    let shutdown = Task { await stub.server.shutDown(grace: .seconds(30)) }
    await eventually("it is announced") {
      Frames.parse(raw.received).suffix(2).map(\.description)
        == ["goaway 2147483647 NO_ERROR", "ping 2"]
    }
    raw.send(Frames.request(Stub.wait, stream: 3, message: [3]))
    await eventually("a call that was on its way is taken") { stub.waiting.count == 2 }
    raw.send(Frames.frame(type: 6, flags: 1, stream: 0, [0, 0, 0, 0, 0, 0, 0, 2]))
    await eventually("the last call is named") {
      Frames.parse(raw.received).last?.description == "goaway 3 NO_ERROR"
    }
    raw.send(Frames.request(Stub.echo, stream: 5, message: [5]))
    await eventually("a later one is refused") {
      Frames.parse(raw.received).last?.description == "reset 5 REFUSED_STREAM"
    }
    #expect(!raw.isClosed)
    stub.waiting.release()
    await eventually("it closes after the answers") { raw.isClosed }
    let answered = Frames.parse(raw.received).filter {
      $0.type == Frames.headers && $0.flags & 1 == 1
    }
    #expect(Set(answered.map(\.stream)) == [1, 3])
    await shutdown.value
  }

  /// What a client that never reads is owed stays within bounds: it is no longer read from.
  @Test func `a client that does not listen is not read from`() async throws {
    // One loop: while it turns for somebody else, it would read from the silent client as well.
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let stub = try await Stub.start(group: group)
    let other = try await stub.connect()
    let raw = try await RawPeer.connectNarrow(port: stub.port)
    raw.send(Frames.preface + Frames.settings)
    try await raw.read(false)
    let total = 60_000
    var questions: [UInt8] = []
    for number in 0..<total {
      questions += Frames.request(Stub.fail, stream: 2 * number + 1, message: [])
    }
    raw.send(questions)
    var answered = -1
    for _ in 0..<100 where answered != stub.waiting.failed {
      answered = stub.waiting.failed
      for _ in 0..<200 { #expect(await other.call(Stub.echo, [1]).status == .ok) }
    }
    #expect(answered == stub.waiting.failed && answered > 0 && answered < total, "\(answered)")
    #expect(raw.isStuck)
    let held = answered
    try await raw.read(true)
    await eventually("it goes on when it listens") { stub.waiting.failed > held }
    #expect(!raw.isClosed)
    await raw.close()
    await other.close()
    await stub.stop()
    try await group.shutdownGracefully()
  }

  @Test func `an answer that is not taken fills the server's memory until its call is reset`()
    async throws
  {
    var settings = ServerSettings()
    settings.bufferLimitBytes = 1_000_000
    let (stub, raw) = try await start(settings)
    let size = 600_000
    raw.send(Frames.setting(4, 0) + Frames.request(Stub.echo, message: nil))
    var body = ([0] + Frames.integer(size) + [UInt8](repeating: 1, count: size))[...]
    while !body.isEmpty {
      let piece = Array(body.prefix(16_384))
      body = body.dropFirst(piece.count)
      raw.send(Frames.frame(type: 0, flags: body.isEmpty ? 1 : 0, stream: 1, piece))
    }
    raw.send(Frames.request(Stub.echo, stream: 3, message: [5]))
    raw.send(Frames.resetStream(1, 8) + Frames.setting(4, 65_535))
    raw.send(Frames.request(Stub.echo, stream: 5, message: [5]))
    await eventually("there is room again") {
      Frames.parse(raw.received).contains { $0.stream == 5 && $0.type == Frames.data }
    }
    let third = Frames.parse(raw.received).filter { $0.stream == 3 }
    #expect(third.map(\.description) == ["headers 3 last"], "refused")
    await raw.close()
    await stub.stop()
  }
}

extension Collection where Element == UInt8 {
  func contains(sequence: [UInt8]) -> Bool {
    let bytes = Array(self)
    guard bytes.count >= sequence.count else { return false }
    return (0...bytes.count - sequence.count).contains { bytes[$0...].starts(with: sequence) }
  }
}
