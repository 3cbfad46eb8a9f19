import NIOCore
import NIOHPACK

@testable import RPC

/// One end of a connection without a socket: bytes in, events and frames out.
struct HTTP2End {
  var core: HTTP2Core
  private var output: HTTP2Output
  private(set) var now = NIODeadline.uptimeNanoseconds(0)

  /// An end whose peer has said its preface and settings, and whose own first words are taken.
  init(_ role: HTTP2Core.Role, _ limits: HTTP2Limits = HTTP2Limits(), settings: [UInt8]? = nil) {
    self.init(silent: role, limits)
    let preface = role == .server ? Frames.preface : []
    hear(preface + (settings ?? Frames.settings))
    _ = take()
  }

  /// An end to which nobody has spoken.
  init(silent role: HTTP2Core.Role, _ limits: HTTP2Limits = HTTP2Limits()) {
    output = HTTP2Output()
    core = HTTP2Core(role, limits, &output)
  }

  mutating func wait(_ amount: TimeAmount) { now = now + amount }

  mutating func hear(_ bytes: [UInt8]) {
    core.step(.received(ByteBuffer(bytes: bytes), now: now), &output)
  }

  mutating func step(_ input: HTTP2Input) { core.step(input, &output) }

  /// What happened since the last call, one line an event.
  mutating func events() -> [String] {
    defer { output.events = [] }
    return output.events.map(Self.line)
  }

  /// What was said since the last call.
  mutating func said() -> [UInt8] {
    defer { output.bytes = ByteBuffer() }
    return output.bytes.array
  }

  mutating func frames() -> [Frames.Frame] { Frames.parse(said()) }

  @discardableResult
  mutating func take() -> (events: [String], frames: [Frames.Frame]) { (events(), frames()) }

  var heldBytes: Int { output.bytes.readableBytes }

  private static func line(_ event: HTTP2Event) -> String {
    switch event {
    case .headers(let id, let headers, let isLast):
      let path = headers.first(name: ":path") ?? headers.first(name: ":status") ?? "trailers"
      return "headers \(id.number) \(path)\(isLast ? " last" : "")"
    case .data(let id, let bytes, let isLast):
      return "data \(id.number) \(bytes.readableBytes)\(isLast ? " last" : "")"
    case .sent(let id, let bytes): return "sent \(id.number) \(bytes)"
    case .closed(let id, .complete): return "closed \(id.number)"
    case .closed(let id, .reset(let code)): return "closed \(id.number) reset \(code)"
    case .closed(let id, .failed(let failure)): return "closed \(id.number) failed \(failure.code)"
    case .closed(let id, .unprocessed): return "closed \(id.number) unprocessed"
    case .closed(let id, .abandoned): return "closed \(id.number) abandoned"
    case .closed(let id, .unsendable): return "closed \(id.number) unsendable"
    case .settings: return "settings"
    case .ping: return "ping"
    case .pingAnswer(let number): return "pong \(number)"
    case .goAway(let code, let text): return "goaway \(code) \(text)"
    case .failed(let failure): return "failed \(failure.code)"
    }
  }
}

extension Frames.Frame: CustomStringConvertible {
  /// Short enough to compare: `reset 1 REFUSED_STREAM`.
  var description: String {
    let end = flags & 1 == 1 ? " last" : ""
    switch type {
    case Frames.data: return "data \(stream) \(payload.count)\(end)"
    case Frames.headers: return "headers \(stream)\(end)"
    case Frames.reset: return "reset \(stream) \(Self.code(payload))"
    case Frames.goAway: return "goaway \(Self.integer(payload)) \(Self.code(payload.dropFirst(4)))"
    case 4: return flags & 1 == 1 ? "settings ack" : "settings"
    case 6: return "\(flags & 1 == 1 ? "pong" : "ping") \(payload.last ?? 0)"
    case 8: return "window \(stream) \(Self.integer(payload))"
    case 9: return "continuation \(stream)"
    default: return "type \(type)"
    }
  }

  private static func integer(_ bytes: some Sequence<UInt8>) -> Int {
    bytes.prefix(4).reduce(0) { $0 << 8 | Int($1) }
  }

  private static func code(_ bytes: some Sequence<UInt8>) -> HTTP2ErrorCode {
    HTTP2ErrorCode(rawValue: UInt32(integer(bytes)))
  }
}

extension Frames {
  static func setting(_ number: Int, _ value: Int) -> [UInt8] {
    frame(type: 4, flags: 0, stream: 0, Array(integer(number).suffix(2)) + integer(value))
  }

  static func body(_ bytes: [UInt8], stream: Int = 1, last: Bool = false) -> [UInt8] {
    frame(type: data, flags: last ? 1 : 0, stream: stream, bytes)
  }

  static func resetStream(_ stream: Int, _ code: Int) -> [UInt8] {
    frame(type: reset, flags: 0, stream: stream, integer(code))
  }

  static func goAway(_ last: Int, _ code: Int, _ text: String = "") -> [UInt8] {
    frame(type: goAway, flags: 0, stream: 0, integer(last) + integer(code) + Array(text.utf8))
  }

  /// A header block of literals that are not indexed.
  static func block(_ fields: [(String, String)]) -> [UInt8] {
    var bytes: [UInt8] = []
    for (name, value) in fields {
      bytes += [0, UInt8(name.utf8.count)]
      bytes += Array(name.utf8)
      bytes += [UInt8(value.utf8.count)]
      bytes += Array(value.utf8)
    }
    return bytes
  }

  static func headers(
    _ fields: [(String, String)], stream: Int = 1, last: Bool = false
  ) -> [UInt8] {
    frame(type: headers, flags: last ? 5 : 4, stream: stream, block(fields))
  }

  static let requestFields = [
    (":method", "POST"), (":scheme", "http"), (":path", "/s/M"), (":authority", "test"),
    ("content-type", "application/grpc"), ("te", "trailers"),
  ]
  static let responseFields = [(":status", "200"), ("content-type", "application/grpc")]
}
