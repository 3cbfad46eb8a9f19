import NIOCore
public import Raft
public import Wire

extension PeerTransport {
  /// Dials a connection for one snapshot stream. `snapshotWritable` follows when it stands, and
  /// again whenever it takes more; `snapshotClosed` when it is over. `nil`: nobody to dial.
  public func openSnapshot(to id: MemberID) -> SnapshotStreamID? {
    loop.preconditionInEventLoop()
    guard !isStopped, let index = index(of: id), peers[index].link.canConnect,
      let address = peers[index].addresses.first
    else { return nil }
    let connection = makeConnection(.greeting(peer: id), purpose: .snapshot)
    let stream = SnapshotStreamID(connection.number)
    snapshots[stream] = connection
    dial(address, with: connection)
    return stream
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

  func openSnapshot(on connection: PeerConnection) {
    let stream = SnapshotStreamID(connection.number)
    snapshots[stream] = connection
    if connection.isDialed { report(.snapshotWritable(stream)) }
  }

  func receivedSnapshot(_ frame: SnapshotFrame, from peer: MemberID, on connection: PeerConnection)
  {
    if case .chunk = frame {
      connection.unspooledChunks += 1
      if connection.unspooledChunks >= settings.unspooledChunks { connection.setReading(false) }
    }
    report(.snapshotFrame(frame, SnapshotStreamID(connection.number), from: peer))
  }

  func closeSnapshot(_ connection: PeerConnection) {
    let stream = SnapshotStreamID(connection.number)
    guard snapshots.removeValue(forKey: stream) != nil else { return }
    report(.snapshotClosed(stream))
  }
}
