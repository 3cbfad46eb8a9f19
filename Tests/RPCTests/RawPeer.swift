import NIOCore
import NIOHPACK
import NIOPosix
import Synchronization

/// One end of a connection that sends what the test says and keeps what it receives.
final class RawPeer: ChannelInboundHandler, Sendable {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private struct State {
    var received: [UInt8] = []
    var isClosed = false
    var channel: (any Channel)?
  }
  private let state = Mutex(State())
  private let answer: @Sendable ([UInt8]) -> [UInt8]

  /// The closure is given all that was received so far, and says what to send now.
  init(answer: @escaping @Sendable ([UInt8]) -> [UInt8] = { _ in [] }) {
    self.answer = answer
  }

  static func connect(port: Int) async throws -> RawPeer {
    let peer = RawPeer()
    _ = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .channelInitializer { $0.pipeline.addHandler(peer) }
      .connect(host: "127.0.0.1", port: port).get()
    return peer
  }

  /// A peer whose connection holds little on its way.
  static func connectNarrow(port: Int) async throws -> RawPeer {
    let peer = RawPeer()
    _ = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .channelOption(ChannelOptions.socketOption(.so_rcvbuf), value: 8_192)
      .channelOption(ChannelOptions.socketOption(.so_sndbuf), value: 8_192)
      .channelInitializer { $0.pipeline.addHandler(peer) }
      .connect(host: "127.0.0.1", port: port).get()
    return peer
  }

  /// A listener whose every connection answers as the closure says.
  static func listen(_ answer: @escaping @Sendable ([UInt8]) -> [UInt8]) async throws -> any Channel
  {
    try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .childChannelInitializer { $0.pipeline.addHandler(RawPeer(answer: answer)) }
      .bind(host: "127.0.0.1", port: 0).get()
  }

  var received: [UInt8] { state.withLock { $0.received } }
  var text: String { String(decoding: received, as: UTF8.self) }
  var isClosed: Bool { state.withLock { $0.isClosed } }

  func send(_ bytes: [UInt8]) {
    let channel = state.withLock { $0.channel }
    channel?.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
  }

  /// True when what was sent waits in our own process: the other side does not read.
  var isStuck: Bool { state.withLock { $0.channel }?.isWritable == false }

  func read(_ on: Bool) async throws {
    let channel = state.withLock { $0.channel }
    try await channel?.setOption(ChannelOptions.autoRead, value: on).get()
  }

  func close() async {
    let channel = state.withLock { $0.channel }
    try? await channel?.close().get()
  }

  func handlerAdded(context: ChannelHandlerContext) {
    let channel = context.channel
    state.withLock { $0.channel = channel }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = unwrapInboundIn(data)
    let all = state.withLock { state in
      state.received += Array(bytes.readableBytesView)
      return state.received
    }
    let reply = answer(all)
    if !reply.isEmpty {
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: reply)), promise: nil)
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    state.withLock { $0.isClosed = true }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}

/// HTTP/2 frames as bytes (RFC 9113 §4.1), and back.
enum Frames {
  struct Frame: Equatable {
    var type: UInt8
    var flags: UInt8
    var stream: Int
    var payload: [UInt8]
  }

  static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
  static let settings = frame(type: 4, flags: 0, stream: 0, [])
  static let data: UInt8 = 0
  static let headers: UInt8 = 1
  static let reset: UInt8 = 3
  static let goAway: UInt8 = 7

  static func frame(type: UInt8, flags: UInt8, stream: Int, _ payload: [UInt8]) -> [UInt8] {
    let length = payload.count
    var bytes = Array(integer(length).dropFirst())
    bytes += [type, flags]
    bytes += integer(stream)
    return bytes + payload
  }

  static func integer(_ value: Int) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }

  static func windowUpdate(stream: Int, by increment: Int) -> [UInt8] {
    frame(type: 8, flags: 0, stream: stream, integer(increment))
  }

  static func ping(_ number: UInt8) -> [UInt8] {
    frame(type: 6, flags: 0, stream: 0, [0, 0, 0, 0, 0, 0, 0, number])
  }

  /// Headers of a call, replaced or added to by `extra`, as literals that are not indexed.
  static func request(
    _ path: String, stream: Int = 1, extra: [(String, String)] = [], message: [UInt8]?
  ) -> [UInt8] {
    var fields = [
      (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "test"),
      ("content-type", "application/grpc"), ("te", "trailers"),
    ]
    for (name, value) in extra {
      if let index = fields.firstIndex(where: { $0.0 == name }) {
        fields[index].1 = value
      } else {
        fields.append((name, value))
      }
    }
    var block: [UInt8] = []
    for (name, value) in fields {
      block += [0, UInt8(name.utf8.count)] + Array(name.utf8)
      block += [UInt8(value.utf8.count)] + Array(value.utf8)
    }
    let head = frame(type: headers, flags: 4, stream: stream, block)
    guard let message else { return head }
    return head
      + frame(type: data, flags: 1, stream: stream, [0] + integer(message.count) + message)
  }

  /// The whole frames at the start of the bytes.
  static func parse(_ bytes: [UInt8]) -> [Frame] {
    var frames: [Frame] = []
    var rest = bytes[...]
    if rest.starts(with: preface) { rest = rest.dropFirst(preface.count) }
    while rest.count >= 9 {
      let head = Array(rest.prefix(9))
      let length = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
      guard rest.count >= 9 + length else { break }
      let stream = head[5...8].reduce(0) { $0 << 8 | Int($1) }
      frames.append(
        Frame(
          type: head[3], flags: head[4], stream: stream,
          payload: Array(rest.dropFirst(9).prefix(length))))
      rest = rest.dropFirst(9 + length)
    }
    return frames
  }

  /// All header fields that came, in order.
  static func headerFields(_ bytes: [UInt8]) throws -> [String: String] {
    var decoder = HPACKDecoder(allocator: ByteBufferAllocator())
    var fields: [String: String] = [:]
    for frame in parse(bytes) where frame.type == headers {
      var block = ByteBuffer(bytes: frame.payload)
      for (name, value, _) in try decoder.decodeHeaders(from: &block) { fields[name] = value }
    }
    return fields
  }
}
