import NIOCore
import NIOPosix
import Raft
import Wire

extension PeerTransport {
  /// Where a connection stops taking writes: a heartbeat waits for no more than this.
  static let waterMark = ChannelOptions.Types.WriteBufferWaterMark(low: 64 << 10, high: 128 << 10)

  /// Dials now, unless a session stands, a dial is under way or the link is cut.
  func dialIfNeeded(_ id: MemberID) {
    guard !isStopped, let index = index(of: id) else { return }
    let peer = peers[index]
    guard peer.session == nil, peer.dialing == nil, peer.nextDial == nil, peer.link.canConnect,
      !peer.addresses.isEmpty
    else { return }
    let address = peer.addresses[peer.attempt % peer.addresses.count]
    peers[index].attempt &+= 1
    let connection = makeConnection(.handshake(peer: id), purpose: .control)
    peers[index].dialing = connection
    dial(address, with: connection)
  }

  func makeConnection(
    _ phase: PeerConnection.Phase, purpose: Hello.Purpose
  ) -> PeerConnection {
    PeerConnection(
      number: nextNumber(), phase: phase, purpose: purpose, transport: self, now: now())
  }

  func dial(_ address: PeerAddress, with connection: PeerConnection) {
    setHandshakeDeadline(of: connection)
    let bound = NIOLoopBound((self, connection), eventLoop: loop)
    ClientBootstrap(group: loop)
      .connectTimeout(TimeAmount(settings.handshakeTimeout))
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelOption(.socketOption(.so_keepalive), value: 1)
      .channelOption(.writeBufferWaterMark, value: Self.waterMark)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(bound.value.1)
        }
      }
      .connect(host: address.host, port: address.port)
      .whenComplete { result in
        let (transport, connection) = bound.value
        switch result {
        case .success(let channel):
          // It may have been given up while the address was looked up.
          if connection.isClosed { channel.close(promise: nil) }
        case .failure:
          transport.disconnected(connection)
        }
      }
  }

  /// Dials again after the next back-off.
  func scheduleDial(_ id: MemberID) {
    guard !isStopped, let index = index(of: id), peers[index].nextDial == nil else { return }
    var wait = peers[index].backoff.next(&dice)
    // The dial of the smaller id wins anyway: let it come first.
    if me > id { wait += settings.firstBackoff }
    let bound = NIOLoopBound(self, eventLoop: loop)
    peers[index].nextDial = loop.scheduleTask(in: TimeAmount(wait)) {
      let transport = bound.value
      guard let index = transport.index(of: id) else { return }
      transport.peers[index].nextDial = nil
      transport.dialIfNeeded(id)
    }
  }

  /// A new connection from somebody; `nil`: there are too many that say nothing.
  func accepted() -> PeerConnection? {
    guard !isStopped, strangers.count < settings.strangerLimit else { return nil }
    let connection = makeConnection(.stranger, purpose: .control)
    strangers[connection.number] = connection
    setHandshakeDeadline(of: connection)
    return connection
  }

  private func setHandshakeDeadline(of connection: PeerConnection) {
    let bound = NIOLoopBound((self, connection), eventLoop: loop)
    connection.handshakeDeadline = loop.scheduleTask(in: TimeAmount(settings.handshakeTimeout)) {
      let (transport, connection) = bound.value
      guard !connection.isOpen, !connection.isClosed else { return }
      transport.abandon(connection)
    }
  }
}
