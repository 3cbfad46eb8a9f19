internal import NIOCore
internal import NIOHTTP2

/// The frames of a client's connection that belong to no call. Confined to the connection's loop.
final class ClientConnectionHandler: ChannelInboundHandler {
  typealias InboundIn = HTTP2Frame
  typealias OutboundOut = HTTP2Frame

  /// Kept when the server has shown that it speaks HTTP/2, failed when it will not.
  let ready: EventLoopPromise<Void>
  private let settings: ClientSettings
  /// nil until the channel is the one that the connection uses.
  private weak var connection: RPCConnection?
  private var state = ConnectionState.ready
  private var hasSpoken = false
  private var keepAlive: KeepAlive?
  private var closeReason = "the server closed the connection"

  init(settings: ClientSettings, eventLoop: any EventLoop) {
    self.settings = settings
    ready = eventLoop.makePromise(of: Void.self)
  }

  /// Tells the connection of what happens from now on, and of what has happened already.
  func serve(_ connection: RPCConnection) {
    self.connection = connection
    connection.become(state)
  }

  private func become(_ new: ConnectionState) {
    state = new
    connection?.become(new)
  }

  private func spoke(_ context: ChannelHandlerContext) {
    guard !hasSpoken else { return }
    hasSpoken = true
    ready.succeed()
    guard let interval = settings.keepAliveInterval else { return }
    let frame = HTTP2Frame(
      streamID: .rootStream, payload: .ping(HTTP2PingData(withInteger: 1), ack: false))
    let keepAlive = KeepAlive(
      eventLoop: context.eventLoop, interval: interval, timeout: settings.keepAliveTimeout,
      ping: { [unowned self] in context.writeAndFlush(wrapOutboundOut(frame), promise: nil) },
      giveUp: { [unowned self] in
        closeReason = "the server no longer answers"
        context.close(promise: nil)
      })
    keepAlive.start()
    self.keepAlive = keepAlive
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data).payload {
    case .settings(.settings):
      spoke(context)
    case .goAway(_, let code, let text):
      if code != .noError {
        let words = text.map { String(buffer: $0) } ?? ""
        closeReason = "the server ended the connection: \(code) \(words)"
      }
      become(.parting)
    case .alternativeService, .data, .headers, .origin, .ping, .priority, .pushPromise, .rstStream,
      .settings, .windowUpdate:
      break
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    keepAlive?.sawRead()
    context.fireChannelReadComplete()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    // The time-out may fire before whoever waits has taken note that the server spoke.
    if let failure = event as? ConnectFailure, !hasSpoken {
      ready.fail(failure)
      context.close(promise: nil)
    }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if error is NIOHTTP2Errors.NoSuchStream { return }
    closeReason = "\(error)"
    ready.fail(ConnectFailure.noHTTP2)
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    closed()
    context.fireChannelInactive()
  }

  /// A channel that never became active is only taken apart.
  func handlerRemoved(context: ChannelHandlerContext) {
    closed()
  }

  private func closed() {
    keepAlive?.stop()
    keepAlive = nil
    ready.fail(ConnectFailure.noHTTP2)
    become(.closed(closeReason))
  }
}
