internal import NIOCore
internal import NIOHTTP2

/// The frames of a client's connection that belong to no call.
final class ClientConnectionHandler: ChannelInboundHandler {
  typealias InboundIn = HTTP2Frame
  typealias OutboundOut = HTTP2Frame

  private let connection: RPCConnection
  private let ready: EventLoopPromise<Void>
  private var keepAlive: KeepAlive?
  private var closeReason = "the server closed the connection"

  init(connection: RPCConnection, ready: EventLoopPromise<Void>) {
    self.connection = connection
    self.ready = ready
  }

  func channelActive(context: ChannelHandlerContext) {
    if let interval = connection.settings.keepAliveInterval {
      let frame = HTTP2Frame(
        streamID: .rootStream, payload: .ping(HTTP2PingData(withInteger: 1), ack: false))
      let keepAlive = KeepAlive(
        eventLoop: context.eventLoop, interval: interval,
        timeout: connection.settings.keepAliveTimeout,
        ping: { [unowned self] in context.writeAndFlush(wrapOutboundOut(frame), promise: nil) },
        giveUp: { [unowned self] in
          closeReason = "the server no longer answers"
          context.close(promise: nil)
        })
      keepAlive.start()
      self.keepAlive = keepAlive
    }
    context.fireChannelActive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data).payload {
    case .settings(.settings):
      ready.succeed()
    case .goAway(_, let code, let text):
      if code != .noError {
        let words = text.map { String(buffer: $0) } ?? ""
        closeReason = "the server ended the connection: \(code) \(words)"
      }
      connection.become(.parting)
    case .alternativeService, .data, .headers, .origin, .ping, .priority, .pushPromise, .rstStream,
      .settings, .windowUpdate:
      break
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    keepAlive?.sawRead()
    context.fireChannelReadComplete()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if error is NIOHTTP2Errors.NoSuchStream { return }
    closeReason = "\(error)"
    ready.fail(ConnectFailure.noHTTP2)
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    keepAlive?.stop()
    keepAlive = nil
    ready.fail(ConnectFailure.noHTTP2)
    connection.become(.closed(closeReason))
    context.fireChannelInactive()
  }
}
