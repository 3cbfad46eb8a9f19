import NIOCore
import NIOHPACK
import Testing

@testable import RPC

@Suite struct `A client's end of a connection` {
  private func client(_ settings: [UInt8] = Frames.settings) -> HTTP2End {
    HTTP2End(.client, settings: settings)
  }

  private static let template = HeaderTemplate(
    0, Frames.requestFields.map { (name: $0.0, value: $0.1) })

  private func open(_ client: inout HTTP2End, _ count: Int = 1) {
    for _ in 0..<count {
      client.step(.open(client.core.nextStream, Self.template, [:], message: [1]))
    }
  }

  /// RFC 9113 §3.4.
  @Test func `begins with the preface, its settings and its window`() {
    var client = HTTP2End(silent: .client)
    let bytes = client.said()
    #expect(bytes.starts(with: Frames.preface))
    #expect(Frames.parse(bytes).map(\.description) == ["settings"])
    client.hear(Frames.settings)
    #expect(client.frames().map(\.description) == ["settings ack", "window 0 983041"])
  }

  @Test func `a unary call is two frames, and its answer three events`() {
    var client = client()
    open(&client)
    #expect(client.frames().map(\.description) == ["headers 1", "data 1 6 last"])
    client.hear(
      Frames.headers(Frames.responseFields) + Frames.body([0, 0, 0, 0, 0])
        + Frames.headers([("grpc-status", "0")], last: true))
    #expect(
      client.events() == ["headers 1 200", "data 1 5", "headers 1 trailers last", "closed 1"])
    #expect(client.frames().isEmpty)
  }

  /// RFC 9110 §15.2.
  @Test func `an interim response is passed over`() {
    var client = client()
    open(&client)
    client.hear(Frames.headers([(":status", "103")]) + Frames.headers(Frames.responseFields))
    #expect(client.events() == ["headers 1 200"])
  }

  /// §8.1: the server needs no more of the request.
  @Test func `an answer before the request's end frees the client from it`() {
    var client = client()
    client.step(.open(StreamID(1), Self.template, [:], message: nil))
    client.hear(Frames.headers(Frames.responseFields + [("grpc-status", "0")], last: true))
    #expect(client.events() == ["headers 1 200 last", "closed 1"])
    #expect(client.frames().map(\.description) == ["headers 1", "reset 1 NO_ERROR"])
  }

  /// §6.8.
  @Test func `a GOAWAY ends what the server will not process, and nothing else`() {
    var client = client()
    open(&client, 3)
    client.hear(Frames.goAway(3, 0, "bye"))
    #expect(client.events() == ["goaway NO_ERROR bye", "closed 5 unprocessed"])
    client.hear(Frames.goAway(1, 0))
    #expect(client.events() == ["goaway NO_ERROR ", "closed 3 unprocessed"])
    #expect(client.core.streams.ids == [StreamID(1)])
  }

  /// §5.1.2.
  @Test func `opens no more streams than the server takes`() {
    var client = client(Frames.setting(3, 2))
    open(&client, 2)
    #expect(!client.core.mayOpen)
    client.hear(Frames.resetStream(1, 7))
    #expect(client.core.mayOpen)
    client.hear(Frames.setting(3, 0))
    #expect(!client.core.mayOpen)
  }

  /// §5.1.1.
  @Test func `is used up when the numbers are`() {
    var client = client()
    client.core.lastStream = StreamID(0x7FFF_FFFD)
    open(&client)
    #expect(client.core.isUsedUp && !client.core.mayOpen)
    client.hear(Frames.headers(Frames.responseFields, stream: 0x7FFF_FFFF))
    #expect(client.events() == ["headers 2147483647 200"])
  }

  @Test func `does not send headers that the server would not take`() {
    var client = client(Frames.setting(6, 300))
    client.step(
      .open(StreamID(1), Self.template, ["big": String(repeating: "x", count: 100)], message: []))
    #expect(client.take().events == ["closed 1 unsendable"])
    open(&client)
    #expect(client.frames().map(\.description) == ["headers 3", "data 3 6 last"])
  }

  @Test(arguments: [
    ("a stream that it has not opened", Frames.headers(Frames.responseFields, stream: 3)),
    ("a stream that the server opened", Frames.headers(Frames.responseFields, stream: 2)),
    ("a push", Frames.frame(type: 5, flags: 4, stream: 1, [0, 0, 0, 2])),
    ("SETTINGS_ENABLE_PUSH of 1", Frames.setting(2, 1)),
  ])
  func `ends the connection for`(what: String, bytes: [UInt8]) {
    var client = client()
    open(&client)
    client.hear(bytes)
    #expect(client.take().events == ["failed PROTOCOL_ERROR"], "\(what)")
  }

  @Test(arguments: [
    ("no status", Frames.headers([("content-type", "application/grpc")])),
    ("a status of two digits", Frames.headers([(":status", "20")])),
    ("a request's pseudo-headers", Frames.headers(Frames.requestFields)),
    ("an interim response with an end", Frames.headers([(":status", "100")], last: true)),
    ("data before the headers", Frames.body([1])),
  ])
  func `ends a call for`(what: String, bytes: [UInt8]) {
    var client = client()
    open(&client)
    client.hear(bytes)
    #expect(client.take().events == ["closed 1 failed PROTOCOL_ERROR"], "\(what)")
  }

  /// More calls given up at once than anybody would remember; their answers come nevertheless.
  @Test func `late answers of calls that were given up are passed over`() {
    var client = client()
    open(&client, 3_000)
    for number in 0..<3_000 { client.step(.reset(StreamID(UInt32(2 * number + 1)), .cancel)) }
    client.take()
    for number in 0..<3_000 {
      client.hear(
        Frames.headers(Frames.responseFields, stream: 2 * number + 1)
          + Frames.body([0, 0, 0, 0, 0], stream: 2 * number + 1)
          + Frames.headers([("grpc-status", "0")], stream: 2 * number + 1, last: true))
    }
    #expect(client.take().events.isEmpty)
    #expect(client.core.mayOpen)
  }
}
