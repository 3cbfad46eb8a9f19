public import NIOCore
import NIOPosix

/// A listening socket for peers. It is bound before anything else is done, so that a port in use
/// is found out first; until a transport takes it over, arriving connections are closed.
public final class PeerListener: Sendable {
  let channel: any Channel
  private let home: NIOLoopBoundBox<PeerTransport?>

  private init(channel: any Channel, home: NIOLoopBoundBox<PeerTransport?>) {
    self.channel = channel
    self.home = home
  }

  /// The port in use; of interest when zero was asked for.
  public var port: Int { channel.localAddress?.port ?? 0 }

  public func close() -> EventLoopFuture<Void> { channel.close() }

  func handOver(to transport: PeerTransport) { home.value = transport }

  static func bind(at address: PeerAddress, on loop: any EventLoop) -> EventLoopFuture<
    PeerListener
  > {
    let home = NIOLoopBoundBox.makeBoxSendingValue(PeerTransport?.none, eventLoop: loop)
    let bootstrap = ServerBootstrap(group: loop)
      .serverChannelOption(.backlog, value: 64)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      // A host that is gone sends no end: without this an accepted connection would wait for ever.
      .childChannelOption(.socketOption(.so_keepalive), value: 1)
      .childChannelOption(.writeBufferWaterMark, value: PeerTransport.waterMark)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          guard let transport = home.value, let connection = transport.accepted() else {
            return channel.close(promise: nil)
          }
          try channel.pipeline.syncOperations.addHandler(connection)
        }
      }
    return bootstrap.bind(host: address.host, port: address.port).map { channel in
      PeerListener(channel: channel, home: home)
    }
  }
}
