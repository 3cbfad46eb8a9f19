internal import NIOCore
internal import NIOHPACK
internal import NIOHTTP1

/// One accepted connection: its calls, its deadlines, its end. Confined to its loop.
final class ServerConnection: HTTP2Owner, @unchecked Sendable {
  /// How far the parting has come.
  private enum Parting: Equatable {
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

  private var http2: HTTP2Handler?
  private var streams = StreamTable<ServerStream>()
  private var parting = Parting.no
  private var keepAlive: KeepAlive?
  private var lastPing: NIODeadline?
  private var pingStrikes = 0
  /// Of `HTTP2Core.payloadFrames`, at the client's last ping.
  private var framesAtPing: UInt64 = 0
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
    var limits = HTTP2Limits()
    limits.streamLimit = settings.callLimitPerConnection
    limits.headerLimitBytes = settings.headerLimitBytes
    let handler = HTTP2Handler(.server, limits, hold: loop.hold)
    handler.serve(self)
    http2 = handler
    try channel.pipeline.syncOperations.addHandler(handler)
    let keepAlive = KeepAlive(
      eventLoop: eventLoop, interval: settings.keepAliveInterval,
      timeout: settings.keepAliveTimeout,
      ping: { [unowned self] in http2?.step(.ping(Self.keepAlivePing)) },
      giveUp: { [unowned self] in channel.close(promise: nil) })
    keepAlive.start()
    self.keepAlive = keepAlive
  }

  /// *Throws* when the channel is closed already.
  func speakHTTP1() throws {
    let exchange = HTTPExchange(connection: self)
    let pipeline = channel.pipeline.syncOperations
    try pipeline.addHandler(IdleStateHandler(allTimeout: TimeAmount(settings.idleLimit)))
    try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
    try pipeline.addHandler(exchange)
    http1 = exchange
  }

  // MARK: Calls

  func step(_ input: HTTP2Input) {
    http2?.step(input)
  }

  func handle(_ event: HTTP2Event) {
    switch event {
    case .headers(let id, let headers, let isLast):
      received(headers, isLast: isLast, on: id)
    case .data(let id, let bytes, let isLast):
      streams[id]?.received(bytes, isLast: isLast)
    case .sent(let id, let bytes):
      streams[id]?.sent(bytes)
    case .closed(let id, _):
      streams.remove(id)?.closed()
      closeWhenDone()
    case .ping:
      receivedPing()
    case .pingAnswer(let number):
      if number == Self.partingPing, isParting { takeNoMore() }
    case .failed(let failure):
      http2?.closeAfterWriting(failure.reason)
    case .settings, .goAway:
      break
    }
  }

  private func received(_ headers: HPACKHeaders, isLast: Bool, on id: StreamID) {
    if let stream = streams[id] { return stream.receivedTrailers() }
    let stream = ServerStream(id: id, connection: self)
    streams.insert(id, stream)
    switch parting {
    case .no, .announced: stream.open(headers, isLast: isLast)
    case .final: stream.refuse()
    }
  }

  // MARK: The end

  /// Takes no new work, and closes when what has begun is finished.
  func part() {
    guard !isParting else { return }
    parting = .announced
    if let http1 {
      http1.part()
    } else if let http2 {
      http2.step(.goAway(last: .maximum, .noError, text: ""))
      // The answer comes after all calls that the client began before it saw the GOAWAY.
      http2.step(.ping(Self.partingPing))
    } else {
      channel.close(promise: nil)
    }
  }

  private func takeNoMore() {
    guard let http2, parting != .final else { return }
    parting = .final
    http2.step(.goAway(last: http2.core.lastStream, .noError, text: ""))
    closeWhenDone()
  }

  private func closeWhenDone() {
    switch parting {
    case .no, .announced: break
    case .final: if streams.count == 0 { http2?.closeAfterWriting() }
    }
  }

  /// grpc-go's rule: a ping is a strike when it comes early and nothing was sent since the last
  /// one; the third strike ends the connection (internal/transport/http2_server.go, handlePing).
  private func receivedPing() {
    let now = NIODeadline.now()
    let isEarly = lastPing.map { now - $0 < TimeAmount(settings.pingIntervalFloor) } ?? false
    lastPing = now
    let frames = http2?.core.payloadFrames ?? framesAtPing
    if frames != framesAtPing {
      framesAtPing = frames
      pingStrikes = 0
    } else if isEarly {
      pingStrikes += 1
    }
    if pingStrikes > 2, let http2 {
      let last = http2.core.lastStream
      http2.step(.goAway(last: last, .enhanceYourCalm, text: "too_many_pings"))
      http2.closeAfterWriting()
    }
  }

  func sawRead() {
    keepAlive?.sawRead()
  }

  func disconnected(_ reason: String?) {
    deadlines.stop()
    keepAlive?.stop()
    http2 = nil
    let open = streams
    streams = StreamTable()
    for stream in open.values { stream.closed() }
  }

  private static let keepAlivePing: UInt64 = 1
  private static let partingPing: UInt64 = 2
}
