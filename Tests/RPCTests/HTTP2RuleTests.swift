import NIOCore
import NIOHPACK
import Testing

@testable import RPC

/// RFC 9113, rule by rule, on the core alone.
@Suite struct `What ends a connection` {
  struct Rule: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var code: HTTP2ErrorCode
    var bytes: [UInt8]

    init(_ rule: String, _ code: HTTP2ErrorCode, _ bytes: [UInt8]) {
      testDescription = rule
      self.code = code
      self.bytes = bytes
    }
  }

  private static let open = Frames.headers(Frames.requestFields)
  private static func frame(
    _ type: UInt8, _ payload: [UInt8], stream: Int = 0, flags: UInt8 = 0
  ) -> [UInt8] {
    Frames.frame(type: type, flags: flags, stream: stream, payload)
  }

  static let framing: [Rule] = [
    Rule(
      "§4.2 a frame above SETTINGS_MAX_FRAME_SIZE", .frameSizeError,
      Array(Frames.integer(16_385).dropFirst()) + [0, 0] + Frames.integer(1)),
    Rule("§6.1 DATA on no stream", .protocolError, frame(0, [1])),
    Rule("§6.2 HEADERS on no stream", .protocolError, frame(1, [0x82], flags: 4)),
    Rule("§6.3 PRIORITY on no stream", .protocolError, frame(2, [0, 0, 0, 0, 0])),
    Rule("§6.4 RST_STREAM on no stream", .protocolError, frame(3, Frames.integer(8))),
    Rule("§6.4 RST_STREAM of another length", .frameSizeError, open + frame(3, [1], stream: 1)),
    Rule("§6.4 RST_STREAM of an idle stream", .protocolError, Frames.resetStream(1, 8)),
    Rule("§6.5 SETTINGS on a stream", .protocolError, frame(4, [], stream: 1)),
    Rule("§6.5 SETTINGS of half a setting", .frameSizeError, frame(4, [0, 3, 0])),
    Rule("§6.5 an acknowledgement that says more", .frameSizeError, frame(4, [0], flags: 1)),
    Rule("§6.7 PING on a stream", .protocolError, frame(6, [0, 0, 0, 0, 0, 0, 0, 0], stream: 1)),
    Rule("§6.7 PING of another length", .frameSizeError, frame(6, [0])),
    Rule("§6.8 GOAWAY on a stream", .protocolError, frame(7, [0, 0, 0, 0, 0, 0, 0, 0], stream: 1)),
    Rule("§6.8 GOAWAY cut short", .frameSizeError, frame(7, [0, 0, 0, 0])),
    Rule("§6.9 WINDOW_UPDATE of another length", .frameSizeError, frame(8, [0, 0, 1])),
    Rule("§6.9 WINDOW_UPDATE by nothing", .protocolError, Frames.windowUpdate(stream: 0, by: 0)),
    Rule(
      "§6.9 WINDOW_UPDATE of an idle stream", .protocolError,
      Frames.windowUpdate(stream: 3, by: 1)),
    Rule(
      "§6.9.1 the connection's window above 2^31-1", .flowControlError,
      Frames.windowUpdate(stream: 0, by: 0x7FFF_FFFF)),
    Rule(
      "§6.1 padding longer than the payload", .protocolError,
      open + frame(0, [5, 1, 2], stream: 1, flags: 8)),
    Rule(
      "§6.2 padding longer than the headers", .protocolError,
      frame(1, [5, 0x82], stream: 1, flags: 12)),
    Rule(
      "§6.2 headers shorter than their priority", .frameSizeError,
      frame(1, [0, 0], stream: 1, flags: 36)),
    Rule("§8.4 a push", .protocolError, open + frame(5, [0, 0, 0, 2], stream: 1, flags: 4)),
  ]

  static let sequence: [Rule] = [
    Rule("§5.1 DATA on an idle stream", .protocolError, Frames.body([1], stream: 1)),
    Rule(
      "§5.1.1 a client opens an even stream", .protocolError,
      Frames.headers(Frames.requestFields, stream: 2)),
    Rule(
      "§5.1.1 a stream below one that was opened", .streamClosed,
      Frames.headers(Frames.requestFields, stream: 5)
        + Frames.headers([("grpc-status", "0")], stream: 3, last: true)),
    Rule("§6.10 CONTINUATION of nothing", .protocolError, frame(9, [0x82], stream: 1, flags: 4)),
    Rule(
      "§6.10 CONTINUATION after a whole block", .protocolError,
      open + frame(9, [], stream: 1, flags: 4)),
    Rule(
      "§6.10 another frame within a block", .protocolError,
      frame(1, [0x82], stream: 1) + Frames.ping(1)),
    Rule(
      "§6.10 an unknown frame within a block", .protocolError,
      frame(1, [0x82], stream: 1) + frame(0xEE, [])),
    Rule(
      "§6.10 another stream's CONTINUATION", .protocolError,
      frame(1, [0x82], stream: 1) + frame(9, [0x82], stream: 3, flags: 4)),
    Rule(
      "§4.3 an index that the table does not have", .compressionError,
      frame(1, [0xFE], stream: 1, flags: 4)),
    Rule(
      "§4.3 a text longer than the block", .compressionError,
      frame(1, [0, 9, 1], stream: 1, flags: 4)),
    Rule(
      "RFC 7541 §4.2 a table size above ours", .compressionError,
      frame(1, [0x3F, 0xE2, 0x1F], stream: 1, flags: 4)),
    Rule(
      "RFC 7541 §4.2 a table size after a field", .compressionError,
      frame(1, [0x82, 0x20], stream: 1, flags: 4)),
    Rule("§6.5.2 SETTINGS_ENABLE_PUSH of 2", .protocolError, Frames.setting(2, 2)),
    Rule("§6.5.2 a window above 2^31-1", .flowControlError, Frames.setting(4, 0x8000_0000)),
    Rule("§6.5.2 a frame size below 2^14", .protocolError, Frames.setting(5, 16_383)),
    Rule("§6.5.2 a frame size above 2^24-1", .protocolError, Frames.setting(5, 1 << 24)),
    Rule(
      "§6.9.2 a setting that lifts a stream's window above 2^31-1", .flowControlError,
      open + Frames.windowUpdate(stream: 1, by: 0x7FFF_FFFF - 65_535)
        + Frames.setting(4, 65_536)),
  ]

  @Test(arguments: framing + sequence)
  func `is told to the client, with its code, and is the last word`(rule: Rule) {
    var server = HTTP2End(.server)
    server.hear(rule.bytes)
    let (events, frames) = server.take()
    #expect(events.last == "failed \(rule.code)")
    #expect(frames.last?.description.hasSuffix("\(rule.code)") == true, "\(frames)")
    #expect(frames.last?.type == Frames.goAway)
    server.hear(Frames.ping(1))
    server.step(.ping(7))
    #expect(server.take().frames.isEmpty, "nothing follows a GOAWAY with an error")
  }

  /// §3.4.
  @Test func `is a first frame that is no SETTINGS, and bytes that are no preface`() {
    var early = HTTP2End(silent: .server)
    early.hear(Frames.preface + Frames.ping(1))
    #expect(early.events() == ["failed PROTOCOL_ERROR"])
    var other = HTTP2End(silent: .server)
    other.hear(Array("PRI * HTTP/2.1".utf8))
    #expect(other.events() == ["failed PROTOCOL_ERROR"])
    var client = HTTP2End(silent: .client)
    client.hear(Frames.ping(1))
    #expect(client.events() == ["failed PROTOCOL_ERROR"])
  }

  /// §6.9.1: a peer may not send beyond what it was given.
  @Test func `is data beyond the connection's window`() {
    var limits = HTTP2Limits()
    limits.connectionWindow = 65_535
    limits.streamWindow = 1_000_000
    var server = HTTP2End(.server, limits)
    server.hear(Frames.headers(Frames.requestFields))
    let most = [UInt8](repeating: 0, count: 16_384)
    // Given back at half, so the window is never used up by one that reads what it is given.
    for _ in 0..<20 { server.hear(Frames.body(most)) }
    let given = server.take().frames.filter { $0.type == 8 && $0.stream == 0 }
    #expect(given.count == 10 && given.allSatisfy { $0.description == "window 0 32768" })
    server.core.receiveWindow = 16_383
    server.hear(Frames.body(most))
    #expect(server.events().last == "failed FLOW_CONTROL_ERROR")
  }

  /// Each is taken in a number that no honest client reaches, and not without end.
  @Test(arguments: [
    ("SETTINGS", Frames.settings, 10_001),
    ("PRIORITY", frame(2, [0, 0, 0, 0, 0], stream: 1), 10_001),
    ("empty DATA", Frames.body([]), 10_001), ("unknown frames", frame(0xAA, [1]), 10_001),
    ("answers to no ping", frame(6, [0, 0, 0, 0, 0, 0, 0, 0], flags: 1), 10_001),
    ("PING", Frames.ping(0), 1_000_001),
  ])
  func `is a flood of frames that ask for work`(name: String, bytes: [UInt8], count: Int) {
    var server = HTTP2End(.server)
    server.hear(Frames.headers(Frames.requestFields))
    let batch = Array(repeatElement(bytes, count: 100).joined())
    var heard = 0
    while !server.core.isOver, heard < 2 * count {
      server.hear(batch)
      heard += 100
      _ = server.said()
    }
    #expect(server.events().last == "failed ENHANCE_YOUR_CALM", "\(name)")
    #expect(abs(heard - count) <= 200, "\(name): \(heard)")

    var slow = HTTP2End(.server)
    slow.hear(Frames.headers(Frames.requestFields))
    for _ in 0..<40 {
      slow.wait(.seconds(10))
      for _ in 0..<33 { slow.hear(batch) }
      _ = slow.said()
    }
    #expect(!slow.core.isOver, "\(name): 330 a second are well-behaved")
  }

  /// CVE-2023-44487, and its sister that makes the server do the resetting (CVE-2025-8671).
  @Test(arguments: [
    ("resets", Frames.resetStream(0, 8), 20_000),
    ("faults", Frames.windowUpdate(stream: 0, by: 0), 1_000),
  ])
  func `is a client that opens streams only to end them`(
    name: String, ending: [UInt8], most: Int
  ) {
    var server = HTTP2End(.server)
    var stream = 1
    while !server.core.isOver, stream < 100_000 {
      var end = ending
      end.replaceSubrange(5..<9, with: Frames.integer(stream))
      server.hear(Frames.headers(Frames.requestFields, stream: stream) + end)
      _ = server.said()
      stream += 2
    }
    #expect(server.events().last == "failed ENHANCE_YOUR_CALM", "\(name)")
    #expect(stream / 2 == most + 1)
    #expect(server.core.streams.count <= 1)
  }

  /// CVE-2024-27316, and small blocks that decode to big ones.
  @Test func `is a header block without end, in frames, in bytes or when decoded`() {
    let first = Self.frame(1, [], stream: 1)
    var frames = HTTP2End(.server)
    frames.hear(first + (0..<40).flatMap { _ in Self.frame(9, [0x82], stream: 1) })
    #expect(frames.events() == ["failed ENHANCE_YOUR_CALM"])

    var bytes = HTTP2End(.server)
    let piece = Self.frame(9, [UInt8](repeating: 0x82, count: 16_000), stream: 1)
    bytes.hear(first + (0..<5).flatMap { _ in piece })
    #expect(bytes.events() == ["failed ENHANCE_YOUR_CALM"])

    // One field of 4,000 bytes into the table, then a byte for each repetition.
    var bomb = HTTP2End(.server)
    let value = [UInt8](repeating: 0x61, count: 4_000)
    let field = [0x40, 1, 0x62, 0x7F, 0xA1, 0x1E] + value
    bomb.hear(Self.frame(1, field + [UInt8](repeating: 0xBE, count: 10_000), stream: 1, flags: 4))
    #expect(bomb.events() == ["failed ENHANCE_YOUR_CALM"])
  }
}

@Suite struct `What ends a stream` {
  private static let open = Frames.headers(Frames.requestFields)

  static let rules: [`What ends a connection`.Rule] = [
    .init(
      "§6.9 WINDOW_UPDATE by nothing", .protocolError,
      open + Frames.windowUpdate(stream: 1, by: 0)),
    .init(
      "§6.9.1 a window above 2^31-1", .flowControlError,
      open + Frames.windowUpdate(stream: 1, by: 0x7FFF_FFFF)),
    .init(
      "§6.3 PRIORITY of another length", .frameSizeError,
      open + Frames.frame(type: 2, flags: 0, stream: 1, [0])),
    .init(
      "§5.1 DATA after the end", .streamClosed,
      Frames.headers(Frames.requestFields, last: true) + Frames.body([1])),
    .init(
      "§5.1 HEADERS after the end", .streamClosed,
      Frames.headers(Frames.requestFields, last: true)
        + Frames.headers([("a", "b")], last: true)),
    .init("§8.1 trailers without an end", .protocolError, open + Frames.headers([("a", "b")])),
    .init(
      "§8.1 pseudo-headers in trailers", .protocolError,
      open + Frames.headers([(":path", "/")], last: true)),
    .init(
      "§8.1.1 more than content-length", .protocolError,
      Frames.headers(Frames.requestFields + [("content-length", "1")]) + Frames.body([1, 2])),
    .init(
      "§8.1.1 less than content-length", .protocolError,
      Frames.headers(Frames.requestFields + [("content-length", "3")])
        + Frames.body([1], last: true)),
    .init(
      "§8.1.1 two content-lengths", .protocolError,
      Frames.headers(Frames.requestFields + [("content-length", "1"), ("content-length", "2")])),
    .init(
      "§8.2.1 capitals in a name", .protocolError,
      Frames.headers(Frames.requestFields + [("Tag", "x")])),
    .init(
      "§8.2.1 a blank in a name", .protocolError,
      Frames.headers(Frames.requestFields + [("a b", "x")])),
    .init(
      "§8.2.1 a line break in a value", .protocolError,
      Frames.headers(Frames.requestFields + [("a", "x\r\nb: y")])),
    .init(
      "§8.2.1 a blank at the end of a value", .protocolError,
      Frames.headers(Frames.requestFields + [("a", "x ")])),
    .init(
      "§8.2.2 headers of a connection", .protocolError,
      Frames.headers(Frames.requestFields + [("connection", "close")])),
    .init(
      "§8.2.2 te that says more", .protocolError,
      Frames.headers(Frames.requestFields.dropLast() + [("te", "gzip")])),
    .init(
      "§8.3 a pseudo-header after others", .protocolError,
      Frames.headers(Frames.requestFields.reversed())),
    .init(
      "§8.3 an unknown pseudo-header", .protocolError,
      Frames.headers([(":what", "x")] + Frames.requestFields)),
    .init(
      "§8.3 a response's pseudo-header", .protocolError,
      Frames.headers([(":status", "200")] + Frames.requestFields)),
    .init(
      "§8.3.1 a pseudo-header twice", .protocolError,
      Frames.headers([(":path", "/")] + Frames.requestFields)),
    .init(
      "§8.3.1 no path", .protocolError,
      Frames.headers(Frames.requestFields.filter { $0.0 != ":path" })),
    .init(
      "§8.3.1 an empty path", .protocolError,
      Frames.headers(Frames.requestFields.map { $0.0 == ":path" ? ($0.0, "") : $0 })),
    .init(
      "§8.3.1 no scheme", .protocolError,
      Frames.headers(Frames.requestFields.filter { $0.0 != ":scheme" })),
  ]

  @Test(arguments: rules)
  func `is told by a reset, with its code, and disturbs no other`(
    rule: `What ends a connection`.Rule
  ) {
    var server = HTTP2End(.server)
    server.hear(rule.bytes)
    let (_, frames) = server.take()
    #expect(frames.last?.description == "reset 1 \(rule.code)")
    #expect(server.core.streams.count == 0)
    server.hear(Frames.headers(Frames.requestFields, stream: 3, last: true))
    #expect(server.events() == ["headers 3 /s/M last"])
  }

  /// §5.1.2.
  @Test func `is a limit of streams that is used up`() {
    var limits = HTTP2Limits()
    limits.streamLimit = 2
    var server = HTTP2End(.server, limits)
    for stream in [1, 3, 5] {
      server.hear(Frames.headers(Frames.requestFields, stream: stream, last: true))
    }
    let (events, frames) = server.take()
    #expect(events == ["headers 1 /s/M last", "headers 3 /s/M last"])
    #expect(frames.map(\.description) == ["reset 5 REFUSED_STREAM"])
    server.step(.finish(StreamID(1), ["grpc-status": "0"]))
    server.hear(Frames.headers(Frames.requestFields, stream: 7, last: true))
    #expect(server.events() == ["closed 1", "headers 7 /s/M last"])
  }

  /// §6.9.1.
  @Test func `is data beyond its window, while the connection goes on`() {
    var limits = HTTP2Limits()
    limits.streamWindow = 100
    var server = HTTP2End(.server, limits)
    server.hear(Frames.headers(Frames.requestFields))
    server.hear(Frames.body([UInt8](repeating: 0, count: 101)))
    #expect(server.events().last == "closed 1 failed FLOW_CONTROL_ERROR")
    #expect(!server.core.isOver)
  }

  /// §8.1: the client need not send the rest of its request, and no error is meant.
  @Test func `is an answer before the request's end`() {
    var server = HTTP2End(.server)
    server.hear(Frames.headers(Frames.requestFields))
    server.step(.finish(StreamID(1), [":status": "200", "grpc-status": "12"]))
    let (events, frames) = server.take()
    #expect(events == ["headers 1 /s/M", "closed 1"])
    #expect(frames.map(\.description) == ["headers 1 last", "reset 1 NO_ERROR"])
  }

  /// §5.1: frames that the peer sent before it could know.
  @Test func `frames of a stream that we reset are let pass, and counted`() {
    var server = HTTP2End(.server)
    server.hear(Frames.headers(Frames.requestFields))
    server.step(.reset(StreamID(1), .cancel))
    _ = server.take()
    server.hear(Frames.body([1, 2, 3]) + Frames.headers([("a", "b")], last: true))
    server.hear(Frames.windowUpdate(stream: 1, by: 1) + Frames.resetStream(1, 8))
    #expect(server.take() == ([], []))
    #expect(server.core.consumedBytes == 3, "the connection's window is given back")
  }
}

private func == (
  left: (events: [String], frames: [Frames.Frame]), right: ([String], [Frames.Frame])
) -> Bool {
  left.events == right.0 && left.frames == right.1
}
