internal import NIOCore

/// Reads the first bytes of a connection and hands it to HTTP/2 when they are its preface, and to
/// HTTP/1.1 when they are not (RFC 9113 §3.4, with prior knowledge).
final class ProtocolSniffer: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

  private let connection: ServerConnection
  /// Never longer than the preface and one read.
  private var seen = ByteBuffer()
  private var timer: Scheduled<Void>?
  private var isDecided = false

  init(connection: ServerConnection) {
    self.connection = connection
  }

  func handlerAdded(context: ChannelHandlerContext) {
    let channel = context.channel
    timer = context.eventLoop.scheduleTask(in: TimeAmount(connection.settings.idleLimit)) {
      channel.close(promise: nil)
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = unwrapInboundIn(data)
    guard !isDecided else { return context.fireChannelRead(wrapInboundOut(bytes)) }
    seen.writeImmutableBuffer(bytes)
    let matches = zip(seen.readableBytesView, Self.preface).allSatisfy { $0 == $1 }
    if matches && seen.readableBytes < Self.preface.count { return }
    isDecided = true
    timer?.cancel()
    do {
      if matches {
        try connection.speakHTTP2()
      } else {
        try connection.speakHTTP1()
      }
    } catch {
      return context.close(promise: nil)
    }
    context.fireChannelRead(wrapInboundOut(seen))
    context.fireChannelReadComplete()
    context.pipeline.syncOperations.removeHandler(self, promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    timer?.cancel()
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
