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
    guard case .greeting(let peer) = connection.phase else { return }
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
    case .inquiry(let inquiry):
      guard case .stranger = connection.phase, let answer = owner?.answer(to: inquiry) else {
        return abandon(connection)
      }
      // Whoever asked hangs up; the handshake's deadline ends it otherwise.
      connection.send(.inquiryAnswer(answer))
    case .inquiryAnswer: abandon(connection)
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
    guard let greeting = owner?.greeting(to: peer, receiverBoot: boot) else { return }
    connection.send(.hello(Hello(purpose: connection.purpose, greeting: greeting)))
  }

  private func received(_ hello: Hello, on connection: PeerConnection) {
    let greeting = hello.greeting
    connection.peerProtocol = hello.newestProtocol
    switch connection.phase {
    case .greeting(let peer):
      guard greeting.from == peer else {
        return refuse(.notMe(meant: peer, me: greeting.from), of: peer, on: connection)
      }
      if let refusal = owner?.refusal(of: greeting) {
        return refuse(refusal, of: peer, on: connection)
      }
      guard greeting.receiverBoot != nil else {
        // It has answered without admitting us, and our own rule finds nothing else wrong.
        return refuse(.unknownMember(me), of: peer, on: connection)
      }
      sendHello(on: connection, to: peer, boot: greeting.boot)
      open(connection, with: greeting)
    case .stranger:
      meet(hello, on: connection)
    case .confirming(let first):
      guard greeting.from == first.from, greeting.boot == first.boot,
        greeting.receiverBoot != nil
      else { return abandon(connection) }
      if let refusal = owner?.refusal(of: greeting) {
        return refuse(refusal, of: greeting.from, on: connection)
      }
      open(connection, with: greeting)
    case .open(let peer, let boot):
      guard greeting.from == peer, greeting.boot == boot else { return abandon(connection) }
      if let refusal = owner?.refusal(of: greeting) {
        refuse(refusal, of: peer, on: connection)
      }
    case .closed:
      return
    }
  }

  /// The first hello of somebody who dialed us.
  private func meet(_ hello: Hello, on connection: PeerConnection) {
    let greeting = hello.greeting
    connection.purpose = hello.purpose
    if let index = index(of: greeting.from), !peers[index].link.canConnect {
      if peers[index].link.isReset { return abandon(connection, breaking: true) }
      // The lab has cut the cable: these bytes have never come.
      connection.phase = .confirming(greeting)
      return connection.cut(peers[index].link)
    }
    if let refusal = owner?.refusal(of: greeting) {
      // By our hello the dialer finds out by itself what is wrong.
      sendHello(on: connection, to: greeting.from, boot: nil)
      return refuse(refusal, of: greeting.from, on: connection)
    }
    let index = index(of: greeting.from) ?? admitGuest(greeting.from)
    if connection.purpose == .control, peers[index].isKept(from: me, over: greeting) {
      return abandon(connection)
    }
    connection.phase = .confirming(greeting)
    sendHello(on: connection, to: greeting.from, boot: greeting.boot)
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
    _ refusal: GreetingRefusal, of peer: MemberID, on connection: PeerConnection
  ) {
    abandon(connection)
    report(.refused(refusal, peer: peer, dialed: connection.isDialed))
  }

  // MARK: Sessions

  private func open(_ connection: PeerConnection, with greeting: Greeting) {
    let peer = greeting.from
    guard let index = index(of: peer) else { return abandon(connection) }
    connection.handshakeDeadline?.cancel()
    connection.handshakeDeadline = nil
    connection.phase = .open(peer: peer, boot: greeting.boot)
    strangers[connection.number] = nil
    connection.openedAt = now()
    guard connection.purpose == .control else {
      return openSnapshot(on: connection, with: peer, greeting.boot)
    }

    let old = peers[index].session
    if let dialing = peers[index].dialing, dialing !== connection { dialing.close() }
    peers[index].dialing = nil
    peers[index].nextDial?.cancel()
    peers[index].nextDial = nil
    peers[index].session = connection
    if let old, old !== connection {
      var isSameBoot = false
      if case .open(_, let boot) = old.phase { isSameBoot = boot == greeting.boot }
      old.close()
      // Its messages were meant by, or for, a run of a process that is over.
      if !isSameBoot { report(.lost(peer)) }
    }
    report(.opened(peer, greeting.boot))
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
  func isKept(from me: MemberID, over greeting: Greeting) -> Bool {
    guard me < greeting.from else { return false }
    if let session, session.isDialed, !session.isSecretlyClosed,
      case .open(_, let boot) = session.phase
    {
      return boot == greeting.boot
    }
    return dialing != nil
  }
}
