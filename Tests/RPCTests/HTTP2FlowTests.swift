import NIOCore
import NIOHPACK
import Testing

@testable import RPC

@Suite struct `Flow control` {
  private let id = StreamID(1)

  private func request(_ settings: [UInt8] = Frames.settings) -> HTTP2End {
    var server = HTTP2End(.server, settings: settings)
    server.hear(Frames.headers(Frames.requestFields, last: true))
    server.take()
    return server
  }

  /// RFC 9113 §6.9.1, with a window smaller than a message's prefix.
  @Test(arguments: 1...9) func `a message goes out piece by piece as the windows open`(window: Int)
  {
    var server = request(Frames.setting(4, window))
    let message = (0..<40).map { UInt8($0) }
    server.step(.answer(id, message, trailers: [:]))
    var received: [UInt8] = []
    var last: Frames.Frame?
    for _ in 0...60 where last == nil {
      let frames = server.frames()
      let pieces = frames.filter { $0.type == Frames.data }
      #expect(pieces.reduce(0) { $0 + $1.payload.count } <= window)
      received += pieces.flatMap(\.payload)
      last = frames.first { $0.type == Frames.headers && $0.flags & 1 == 1 }
      server.hear(Frames.windowUpdate(stream: 1, by: window))
    }
    #expect(received == [0, 0, 0, 0, 40] + message)
    #expect(last != nil)
    #expect(server.events() == ["closed 1"])
  }

  @Test func `the connection's window holds all streams, and they take turns`() {
    var server = HTTP2End(.server, settings: Frames.setting(4, 1_000_000))
    for stream in [1, 3] {
      server.hear(Frames.headers(Frames.requestFields, stream: stream, last: true))
      server.step(
        .answer(StreamID(UInt32(stream)), Array(repeating: 7, count: 99_995), trailers: [:]))
    }
    func sizes(_ frames: [Frames.Frame]) -> [Int: Int] {
      frames.reduce(into: [:]) {
        if $1.type == Frames.data { $0[$1.stream, default: 0] += $1.payload.count }
      }
    }
    #expect(sizes(server.frames()) == [1: 65_535])
    server.hear(Frames.windowUpdate(stream: 0, by: 65_536))
    let next = sizes(server.frames())
    #expect(next[1] == 32_768 && next[3] == 32_768, "\(next)")
    server.hear(Frames.windowUpdate(stream: 0, by: 1_000_000))
    #expect(sizes(server.frames()) == [1: 1_697, 3: 67_232])
    #expect(server.events().suffix(2) == ["closed 1", "closed 3"])
  }

  /// §6.9.2.
  @Test func `a changed setting changes the windows of open streams, below zero too`() {
    var server = request(Frames.setting(4, 100))
    server.step(.message(id, Array(repeating: 1, count: 195)))
    #expect(server.frames().map(\.description) == ["headers 1", "data 1 100"])
    server.hear(Frames.setting(4, 40))
    server.hear(Frames.windowUpdate(stream: 1, by: 60))
    #expect(server.frames().map(\.description) == ["settings ack"], "the window is 0")
    server.hear(Frames.windowUpdate(stream: 1, by: 1))
    #expect(server.frames().map(\.description) == ["data 1 1"])
    server.hear(Frames.setting(4, 90))
    #expect(server.frames().map(\.description) == ["settings ack", "data 1 50"])
    #expect(server.events().contains("sent 1 195") == false)
    server.hear(Frames.windowUpdate(stream: 1, by: 1_000))
    #expect(server.frames().map(\.description) == ["data 1 49"])
    #expect(server.events().last == "sent 1 195")
  }

  @Test func `messages, half-close and trailers keep their order behind a closed window`() {
    var client = HTTP2End(.client, settings: Frames.setting(4, 6))
    client.step(.open(id, HeaderTemplate(0, []), [:], message: nil))
    for byte in 1...3 { client.step(.message(id, [UInt8(byte)])) }
    client.step(.halfClose(id))
    #expect(client.frames().map(\.description) == ["headers 1", "data 1 6"])
    client.hear(Frames.windowUpdate(stream: 1, by: 11))
    #expect(client.frames().map(\.description) == ["data 1 6", "data 1 5"])
    client.hear(Frames.windowUpdate(stream: 1, by: 11))
    #expect(client.frames().map(\.description) == ["data 1 1", "data 1 0 last"])
    #expect(client.events() == ["sent 1 1", "sent 1 1", "sent 1 1"])
  }

  @Test func `a socket that is full holds messages back, and headers not`() {
    var server = request()
    server.step(.writable(bytes: 0))
    server.step(.message(id, [1, 2, 3]))
    #expect(server.frames().isEmpty)
    server.step(.writable(bytes: 4))
    #expect(server.frames().map(\.description) == ["headers 1", "data 1 4"])
    server.step(.finish(id, ["grpc-status": "0"]))
    #expect(server.frames().isEmpty, "the trailers wait for their message")
    server.step(.writable(bytes: 100))
    #expect(server.frames().map(\.description) == ["data 1 4", "headers 1 last"])
    #expect(server.events() == ["sent 1 3", "closed 1"])
  }

  @Test func `what waits on a stream that is reset is dropped`() {
    var server = request(Frames.setting(4, 0))
    server.step(.message(id, [1, 2, 3]))
    server.hear(Frames.resetStream(1, 8))
    server.hear(Frames.setting(4, 1_000))
    #expect(server.frames().map(\.description) == ["settings ack"])
    #expect(server.events() == ["closed 1 reset CANCEL", "settings"])
    server.step(.answer(id, [1], trailers: [:]))
    #expect(server.frames().isEmpty)
  }

  /// Streams that come and go while the connection's window is closed.
  @Test func `a turn that never comes is not remembered for ever`() {
    var server = HTTP2End(.server, settings: Frames.setting(4, 1_000_000))
    server.core.sendWindow = 0
    for stream in stride(from: 1, to: 10_000, by: 2) {
      server.hear(Frames.headers(Frames.requestFields, stream: stream, last: true))
      server.step(.answer(StreamID(UInt32(stream)), [1], trailers: [:]))
      server.hear(Frames.resetStream(stream, 8))
      server.take()
    }
    #expect(server.core.waiting.count <= 64)
  }

  /// §6.9: what we take is given back in few updates, each stream's and the connection's.
  @Test func `windows are given back at half`() {
    var limits = HTTP2Limits()
    limits.streamWindow = 1_000
    limits.connectionWindow = 65_535
    var server = HTTP2End(.server, limits)
    server.hear(Frames.headers(Frames.requestFields))
    server.hear(Frames.body([UInt8](repeating: 0, count: 499)))
    #expect(server.frames().isEmpty)
    // Padding counts as well: 1 byte that says how much, and 2 of it.
    server.hear(Frames.frame(type: 0, flags: 8, stream: 1, [2, 9, 0, 0]))
    #expect(server.frames().map(\.description) == ["window 1 503"])
    #expect(server.events() == ["headers 1 /s/M", "data 1 499", "data 1 1"])
    #expect(server.core.consumedBytes == 503)
  }

  /// Both ends, tiny windows, big messages: whatever the cuts, all arrives.
  @Test(arguments: 1...30) func `two ends agree, whatever their windows`(seed: UInt64) {
    print("flow seed \(seed)")
    var dice = Dice(seed: seed)
    var limits = HTTP2Limits()
    limits.streamWindow = 1 + dice.next(below: 3_000)
    var client = HTTP2End(silent: .client, limits)
    var server = HTTP2End(silent: .server, limits)
    func carry(_ dice: inout Dice) {
      client.step(.writable(bytes: dice.next(below: 5_000)))
      server.step(.writable(bytes: dice.next(below: 5_000)))
      server.hear(client.said())
      client.hear(server.said())
    }
    carry(&dice)
    var sent: [Int] = []
    for stream in stride(from: 1, through: 9, by: 2) {
      let size = dice.next(below: 20_000)
      sent.append(size)
      let template = HeaderTemplate(0, Frames.requestFields.map { (name: $0.0, value: $0.1) })
      client.step(
        .open(
          StreamID(UInt32(stream)), template, [:],
          message: [UInt8](repeating: UInt8(stream), count: size)))
    }
    var events: [String] = []
    for _ in 0..<5_000 where client.core.streams.count > 0 {
      carry(&dice)
      for event in server.events() {
        events.append(event)
        let words = event.split(separator: " ")
        if event.hasPrefix("data"), event.hasSuffix("last"), let number = UInt32(words[1]) {
          let size = sent[Int(number / 2)]
          server.step(.answer(StreamID(number), [UInt8](repeating: 1, count: size), trailers: [:]))
        }
      }
    }
    #expect(client.core.streams.count == 0 && server.core.streams.count == 0, "seed \(seed)")
    func received(_ events: [String]) -> [Int] {
      events.reduce(into: [0, 0, 0, 0, 0]) { sums, event in
        let words = event.split(separator: " ")
        if words[0] == "data", let number = Int(words[1]), let count = Int(words[2]) {
          sums[number / 2] += count
        }
      }
    }
    #expect(received(events) == sent.map { $0 + 5 })
    #expect(received(client.events()) == sent.map { $0 + 5 })
  }
}
