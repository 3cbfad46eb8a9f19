import NIOCore
public import Raft
public import Wire

/// Connections for snapshots. How long each may be silent is for the owner to say; the kernel's
/// keep-alive, on both ends, is the last resort.
extension PeerTransport {
  /// How many addresses a peer has; zero: there is nobody to dial.
  public func addressCount(of id: MemberID) -> Int {
    guard !isStopped, let index = index(of: id), peers[index].link.canConnect else { return 0 }
    return peers[index].addresses.count
  }

  /// Dials a connection for one snapshot stream. `snapshotConnected` follows when it stands,
  /// `snapshotWritable` whenever it takes more, `snapshotClosed` when it is over. `attempt` names
  /// the address, counted round.
  public func openSnapshot(_ stream: SnapshotStreamID, to id: MemberID, attempt: Int) {
    loop.preconditionInEventLoop()
    precondition(stream.isDialed, "stream \(stream.number) is not for dialing")
    guard addressCount(of: id) > 0, let index = index(of: id) else {
      return report(.snapshotClosed(stream))
    }
    let addresses = peers[index].addresses
    let connection = makeConnection(.handshake(peer: id), purpose: .snapshot)
    connection.stream = stream
    snapshots[stream] = connection
    dial(addresses[attempt % addresses.count], with: connection)
  }

  /// Sends a frame of the stream; `false`: wait for `snapshotWritable` before the next.
  public func sendSnapshot(_ frame: SnapshotFrame, on stream: SnapshotStreamID) -> Bool {
    guard let connection = snapshots[stream], connection.isOpen else { return false }
    connection.send(.snapshot(frame))
    return connection.isWritable
  }

  /// The chunk handed over last is on disk: the next may come.
  public func snapshotChunkTaken(on stream: SnapshotStreamID) {
    guard let connection = snapshots[stream], connection.unspooledChunks > 0 else { return }
    connection.unspooledChunks -= 1
    let limit = settings.unspooledChunks
    if connection.unspooledChunks == limit - 1 && !connection.isDeaf {
      connection.setReading(true)
    }
  }

  public func closeSnapshot(_ stream: SnapshotStreamID) {
    guard let connection = snapshots[stream] else { return }
    connection.close()
    closeSnapshot(connection)
  }

  func openSnapshot(on connection: PeerConnection, with peer: MemberID, _ boot: Boot) {
    let stream =
      connection.stream ?? SnapshotStreamID(connection.number, isDialed: connection.isDialed)
    connection.stream = stream
    snapshots[stream] = connection
    report(
      .snapshotConnected(
        stream, with: peer, boot,
        saysWorking: connection.peerProtocol >= Hello.workingProtocol))
  }

  func receivedSnapshot(_ frame: SnapshotFrame, on connection: PeerConnection) {
    guard let stream = connection.stream else { return }
    if case .chunk = frame {
      connection.unspooledChunks += 1
      if connection.unspooledChunks >= settings.unspooledChunks { connection.setReading(false) }
    }
    report(.snapshotFrame(frame, stream))
  }

  func closeSnapshot(_ connection: PeerConnection) {
    guard let stream = connection.stream, snapshots.removeValue(forKey: stream) != nil else {
      return
    }
    report(.snapshotClosed(stream))
  }
}
