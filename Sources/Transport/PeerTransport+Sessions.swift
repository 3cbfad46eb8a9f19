import Base
import NIOCore
public import Raft
import Replica
import Wire

extension PeerTransport {
  // MARK: What connections report

  /// The socket is up: the dialer speaks first.
  func connected(_ connection: PeerConnection) {
    guard !isStopped, !connection.isClosed else { return connection.close() }
    guard case .handshake(let peer) = connection.phase else { return }
    sendHello(on: connection, to: peer, boot: nil)
  }

  func received(_ frame: Frame, on connection: PeerConnection) {
    switch frame {
    case .hello(let hello):
      received(hello, on: connection)
    case .message(let message):
      guard case .open(let peer, _) = connection.phase, connection.purpose == .control else {
        return abandon(connection)
      }
      report(.message(message, from: peer))
    case .snapshot(let frame):
      guard connection.isOpen, connection.purpose == .snapshot else { return abandon(connection) }
      receivedSnapshot(frame, on: connection)
    case .joinQuery(let joinQuery):
      guard case .stranger = connection.phase, let answer = owner?.answer(to: joinQuery) else {
        return abandon(connection)
      }
      // Whoever asked hangs up; the handshake's deadline ends it otherwise.
      connection.send(.joinAnswer(answer))
    case .joinAnswer: abandon(connection)
    }
  }

  /// Bytes that make no sense: nothing that follows on this connection would.
  func received(_ error: WireError, on connection: PeerConnection) { abandon(connection) }

  func becameWritable(_ connection: PeerConnection) {
    guard connection.isOpen, connection.purpose == .snapshot, !connection.isMute,
      let stream = connection.stream
    else { return }
    report(.snapshotWritable(stream))
    receivedAll()
  }

  /// The socket is down.
  func disconnected(_ connection: PeerConnection) {
    if connection.isDeaf && connection.isOpen {
      // The news would have come over the line that the lab has cut.
      connection.isSecretlyClosed = true
      return
    }
    abandon(connection)
    receivedAll()
  }

  // MARK: Handshake

  func sendHello(on connection: PeerConnection, to peer: MemberID, boot: Boot?) {
    guard let handshake = owner?.handshake(to: peer, receiverBoot: boot) else { return }
    connection.send(.hello(Hello(purpose: connection.purpose, handshake: handshake)))
  }

  private func received(_ hello: Hello, on connection: PeerConnection) {
    let handshake = hello.handshake
    connection.peerProtocol = hello.newestProtocol
    switch connection.phase {
    case .handshake(let peer):
      guard handshake.from == peer else {
        return refuse(.notMe(meant: peer, me: handshake.from), of: peer, on: connection)
      }
      if let refusal = owner?.refusal(of: handshake) {
        return refuse(refusal, of: peer, on: connection)
      }
      guard handshake.receiverBoot != nil else {
        // It has answered without admitting us, and our own rule finds nothing else wrong.
        return refuse(.unknownMember(me), of: peer, on: connection)
      }
      sendHello(on: connection, to: peer, boot: handshake.boot)
      open(connection, with: handshake)
    case .stranger:
      meet(hello, on: connection)
    case .confirming(let first):
      guard handshake.from == first.from, handshake.boot == first.boot,
        handshake.receiverBoot != nil
      else { return abandon(connection) }
      if let refusal = owner?.refusal(of: handshake) {
        return refuse(refusal, of: handshake.from, on: connection)
      }
      open(connection, with: handshake)
    case .open(let peer, let boot):
      guard handshake.from == peer, handshake.boot == boot else { return abandon(connection) }
      if let refusal = owner?.refusal(of: handshake) {
        refuse(refusal, of: peer, on: connection)
      }
    case .closed:
      return
    }
  }

  /// The first hello of somebody who dialed us.
  private func meet(_ hello: Hello, on connection: PeerConnection) {
    let handshake = hello.handshake
    connection.purpose = hello.purpose
    if let index = index(of: handshake.from), !peers[index].link.canConnect {
      if peers[index].link.isReset { return abandon(connection, breaking: true) }
      // The lab has cut the cable: these bytes have never come.
      connection.phase = .confirming(handshake)
      return connection.cut(peers[index].link)
    }
    if let refusal = owner?.refusal(of: handshake) {
      // By our hello the dialer finds out by itself what is wrong.
      sendHello(on: connection, to: handshake.from, boot: nil)
      return refuse(refusal, of: handshake.from, on: connection)
    }
    let index = index(of: handshake.from) ?? admitGuest(handshake.from)
    if connection.purpose == .control, peers[index].isKept(from: me, over: handshake) {
      return abandon(connection)
    }
    connection.phase = .confirming(handshake)
    sendHello(on: connection, to: handshake.from, boot: handshake.boot)
  }

  /// A place for somebody whom the owner admits and has not named: a leader, say, that this member
  /// slept through the arrival of. Nobody dials it; the next `setPeers` decides anew.
  private func admitGuest(_ id: MemberID) -> Int {
    let backoff = Backoff(first: settings.firstBackoff, limit: settings.backoffLimit)
    let index = peers.firstIndex { $0.id > id } ?? peers.count
    peers.insert(Peer(id: id, addresses: [], backoff: backoff), at: index)
    return index
  }

  private func refuse(
    _ refusal: HandshakeRefusal, of peer: MemberID, on connection: PeerConnection
  ) {
    abandon(connection)
    report(.refused(refusal, peer: peer, dialed: connection.isDialed))
  }

  // MARK: Sessions

  private func open(_ connection: PeerConnection, with handshake: Handshake) {
    let peer = handshake.from
    guard let index = index(of: peer) else { return abandon(connection) }
    connection.handshakeDeadline?.cancel()
    connection.handshakeDeadline = nil
    connection.phase = .open(peer: peer, boot: handshake.boot)
    strangers[connection.number] = nil
    connection.openedAt = now()
    guard connection.purpose == .control else {
      return openSnapshot(on: connection, with: peer, handshake.boot)
    }

    let old = peers[index].session
    if let dialing = peers[index].dialing, dialing !== connection { dialing.close() }
    peers[index].dialing = nil
    peers[index].nextDial?.cancel()
    peers[index].nextDial = nil
    peers[index].session = connection
    if let old, old !== connection {
      var isSameBoot = false
      if case .open(_, let boot) = old.phase { isSameBoot = boot == handshake.boot }
      old.close()
      // Its messages were meant by, or for, a run of a process that is over.
      if !isSameBoot { report(.lost(peer)) }
    }
    report(.opened(peer, handshake.boot))
  }

  /// Gives a connection up, in whatever phase; a session that was open is reported lost.
  func abandon(_ connection: PeerConnection, breaking: Bool = false) {
    guard !connection.isClosed || connection.isSecretlyClosed else { return }
    let peer = connection.peer
    let wasOpen = connection.isOpen
    connection.close(breaking: breaking)
    strangers[connection.number] = nil
    if connection.purpose == .snapshot { return closeSnapshot(connection) }
    guard let peer, let index = index(of: peer) else { return }
    if peers[index].dialing === connection {
      peers[index].dialing = nil
      scheduleDial(peer)
    }
    if wasOpen { sessionEnded(connection, peer: peer) }
  }

  func sessionEnded(_ connection: PeerConnection, peer: MemberID) {
    guard let index = index(of: peer), peers[index].session === connection else { return }
    peers[index].session = nil
    // A session that ends as soon as it begins is no reason to try harder.
    if let openedAt = connection.openedAt, now() - openedAt > settings.handshakeTimeout {
      peers[index].backoff.reset()
    }
    report(.lost(peer))
    scheduleDial(peer)
  }

  /// Ends the session and whatever else is under way with a peer that is not who it should be.
  public func breakSession(with id: MemberID) {
    loop.preconditionInEventLoop()
    guard let session = peers.first(where: { $0.id == id })?.session else { return }
    abandon(session)
  }

  func forget(_ id: MemberID) {
    guard let index = index(of: id) else { return }
    let peer = peers.remove(at: index)
    peer.nextDial?.cancel()
    peer.dialing?.close()
    for (stream, connection) in snapshots where connection.peer == id {
      connection.close()
      snapshots[stream] = nil
      report(.snapshotClosed(stream))
    }
    guard let session = peer.session else { return }
    session.close()
    report(.lost(id))
  }
}

extension PeerTransport.Peer {
  /// Whether what stands or is under way stays, and a connection that the peer dialed goes.
  ///
  /// A dial of the smaller id is kept over one of the larger. Of two dials of one member the later
  /// is kept: a member dials only when it believes that no session stands.
  func isKept(from me: MemberID, over handshake: Handshake) -> Bool {
    guard me < handshake.from else { return false }
    if let session, session.isDialed, !session.isSecretlyClosed,
      case .open(_, let boot) = session.phase
    {
      return boot == handshake.boot
    }
    return dialing != nil
  }
}
