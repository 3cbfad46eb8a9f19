internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTP2

/// One accepted connection: its calls, its deadlines, its end. In HTTP/2 it is also the handler of
/// the frames that belong to no call. Confined to its loop.
final class ServerConnection: ChannelInboundHandler, @unchecked Sendable {
  typealias InboundIn = HTTP2Frame
  typealias OutboundOut = HTTP2Frame

  /// How far the parting has come.
  private enum Parting {
    case no
    /// GOAWAY said that an end comes; calls already on their way are still taken (RFC 9113 §6.8).
    case announced
    /// GOAWAY named the last call; a later one is refused as not processed.
    case final
  }

  let loop: ServerLoop
  let settings: ServerSettings
  let methods: MethodTable
  let httpHandler: HTTPHandler
  let channel: any Channel
  let peer: SocketAddress?
  private(set) var deadlines: DeadlineScan!
  /// Since the client's last ping.
  var hasSentPayload = false

  private var context: ChannelHandlerContext?
  private var streams: [ObjectIdentifier: ServerStream] = [:]
  private var lastStreamID = HTTP2StreamID.rootStream
  private var parting = Parting.no
  private var keepAlive: KeepAlive?
  private var lastPing: NIODeadline?
  private var pingStrikes = 0
  private var http1: HTTPExchange?

  var eventLoop: any EventLoop { loop.eventLoop }
  var isParting: Bool {
    switch parting {
    case .no: false
    case .announced, .final: true
    }
  }

  init(
    channel: any Channel, loop: ServerLoop, settings: ServerSettings, methods: MethodTable,
    httpHandler: @escaping HTTPHandler
  ) {
    self.channel = channel
    self.loop = loop
    self.settings = settings
    self.methods = methods
    self.httpHandler = httpHandler
    self.peer = channel.remoteAddress
    deadlines = DeadlineScan(eventLoop: loop.eventLoop) { [unowned self] now in
      for stream in streams.values { stream.expire(now) }
      return streams.values.compactMap(\.deadline).min()
    }
  }

  // MARK: Choosing the protocol

  /// *Throws* when the channel is closed already.
  func speakHTTP2() throws {
    var connection = NIOHTTP2Handler.ConnectionConfiguration()
    connection.initialSettings = [
      HTTP2Setting(parameter: .maxConcurrentStreams, value: settings.callLimitPerConnection),
      HTTP2Setting(parameter: .maxHeaderListSize, value: settings.headerLimitBytes),
      HTTP2Setting(parameter: .initialWindowSize, value: HTTP2Limits.streamWindow),
    ]
    let multiplexer = NIOHTTP2Handler(
      mode: .server, eventLoop: eventLoop,
      connectionConfiguration: HTTP2Limits.applied(to: connection),
      streamConfiguration: HTTP2Limits.stream, streamDelegate: self,
      inboundStreamInitializer: { [unowned self] channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(ServerStream(connection: self))
        }
      })
    let pipeline = channel.pipeline.syncOperations
    try pipeline.addHandlers([FlushGate(loop.hold), multiplexer, self])
    let keepAlive = KeepAlive(
      eventLoop: eventLoop, interval: settings.keepAliveInterval,
      timeout: settings.keepAliveTimeout,
      ping: { [unowned self] in sendPing(Self.keepAlivePing) },
      giveUp: { [unowned self] in channel.close(promise: nil) })
    keepAlive.start()
    self.keepAlive = keepAlive
  }

  /// *Throws* when the channel is closed already.
  func speakHTTP1() throws {
    let exchange = HTTPExchange(connection: self)
    let pipeline = channel.pipeline.syncOperations
    try pipeline.addHandlers([
      FlushGate(loop.hold), IdleStateHandler(allTimeout: TimeAmount(settings.idleLimit)),
    ])
    try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
    try pipeline.addHandler(exchange)
    http1 = exchange
  }

  // MARK: Calls

  func opened(_ stream: ServerStream) {
    streams[ObjectIdentifier(stream)] = stream
    switch parting {
    case .no, .announced: break
    case .final: stream.refuse()
    }
  }

  func closed(_ stream: ServerStream) {
    streams.removeValue(forKey: ObjectIdentifier(stream))
    closeWhenDone()
  }

  // MARK: The end

  /// Takes no new work, and closes when what has begun is finished.
  func part() {
    guard !isParting else { return }
    parting = .announced
    if let http1 {
      http1.part()
    } else if context != nil {
      sendGoAway(.maxID, .noError)
      // The answer comes after all calls that the client began before it saw the GOAWAY.
      sendPing(Self.partingPing)
    } else {
      channel.close(promise: nil)
    }
  }

  private func closeWhenDone() {
    switch parting {
    case .no, .announced: break
    case .final: if streams.isEmpty { sendGoAwayAndClose(.noError) }
    }
  }

  /// Closes when all that was written before has reached the socket.
  private func sendGoAwayAndClose(_ code: HTTP2ErrorCode, text: String? = nil) {
    let promise = eventLoop.makePromise(of: Void.self)
    let channel = channel
    promise.futureResult.whenComplete { _ in channel.close(promise: nil) }
    sendGoAway(lastStreamID, code, text: text, promise: promise)
  }

  private func sendGoAway(
    _ last: HTTP2StreamID, _ code: HTTP2ErrorCode, text: String? = nil,
    promise: EventLoopPromise<Void>? = nil
  ) {
    let data = text.map { ByteBuffer(string: $0) }
    let payload = HTTP2Frame.FramePayload.goAway(
      lastStreamID: last, errorCode: code, opaqueData: data)
    write(payload, promise: promise)
  }

  private func sendPing(_ number: UInt64) {
    write(.ping(HTTP2PingData(withInteger: number), ack: false), promise: nil)
  }

  private func write(_ payload: HTTP2Frame.FramePayload, promise: EventLoopPromise<Void>?) {
    guard let context else {
      promise?.fail(ChannelError.ioOnClosedChannel)
      return
    }
    let frame = HTTP2Frame(streamID: .rootStream, payload: payload)
    context.writeAndFlush(wrapOutboundOut(frame), promise: promise)
  }

  // MARK: Frames of no call

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data).payload {
    case .ping(let data, ack: true):
      if data.integer == Self.partingPing, isParting {
        parting = .final
        if streams.isEmpty {
          sendGoAwayAndClose(.noError)
        } else {
          sendGoAway(lastStreamID, .noError)
        }
      }
    case .ping(_, ack: false):
      receivedPing()
    case .alternativeService, .data, .goAway, .headers, .origin, .priority, .pushPromise,
      .rstStream, .settings, .windowUpdate:
      break
    }
  }

  /// grpc-go's rule: a ping is a strike when it comes early and nothing was sent since the last
  /// one; the third strike ends the connection (internal/transport/http2_server.go, handlePing).
  private func receivedPing() {
    let now = NIODeadline.now()
    let isEarly = lastPing.map { now - $0 < TimeAmount(settings.pingIntervalFloor) } ?? false
    lastPing = now
    if hasSentPayload {
      hasSentPayload = false
      pingStrikes = 0
    } else if isEarly {
      pingStrikes += 1
    }
    if pingStrikes > 2 {
      sendGoAwayAndClose(.enhanceYourCalm, text: "too_many_pings")
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    keepAlive?.sawRead()
    context.fireChannelReadComplete()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // A frame of a call that is over is the client being late, not wrong.
    if error is NIOHTTP2Errors.NoSuchStream { return }
    channel.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    deadlines.stop()
    keepAlive?.stop()
    self.context = nil
    context.fireChannelInactive()
  }

  private static let keepAlivePing: UInt64 = 1
  private static let partingPing: UInt64 = 2
}

extension ServerConnection: NIOHTTP2StreamDelegate {
  func streamCreated(_ id: HTTP2StreamID, channel: any Channel) {
    lastStreamID = max(lastStreamID, id)
  }

  func streamClosed(_ id: HTTP2StreamID, channel: any Channel) {}
}
