import Logging
import Checksum
import Raft
import Replica
import Storage
import Transport
import Wire

/// A snapshot on its way to a follower.
struct OutgoingSnapshot {
  var request: SnapshotRequest
  var head: SnapshotHead
  var base: LogBase
  var term: Term
  var hasBegun = false
  var isAsked = false
  var chunks: UInt64 = 0
  var checksum = CRC32C()
  /// All was sent; the follower's word is to come.
  var isComplete = false
}

/// A snapshot on its way in. One at a time: there is one next generation.
struct IncomingSnapshot {
  var stream: SnapshotStreamID
  var from: MemberID
  var header: SnapshotFrame.Header
  var chunks: UInt64 = 0
  var checksum = CRC32C()
}

extension ReplicaLoop {
  // MARK: Out

  func take(_ progress: SnapshotProgress) {
    switch progress {
    case .opened(let request, let head): opened(request, head)
    case .chunk(let stream, let bytes): send(bytes, on: stream)
    case .exhausted(let stream): sendEnd(on: stream)
    case .taken(let stream): transport.snapshotChunkTaken(on: stream)
    case .arrived(let stream, let applied): arrived(stream, applied)
    case .refused(let stream): reject(stream, .damaged)
    }
  }

  private func opened(_ request: SnapshotRequest, _ head: SnapshotHead?) {
    guard let head else { return step(.snapshotSent(request, .failed)) }
    // What is not to be trusted is not passed on.
    guard let term = replica?.currentTerm, replica?.isLeader == true, replica?.isFenced == false,
      let stream = transport.openSnapshot(to: request.to),
      let configuration = replica?.configuration(at: head.applied.index)
    else {
      out.snapshots(.close(source: head.source))
      return step(.snapshotSent(request, .failed))
    }
    logger.info("sends a snapshot", metadata: ["peer": "\(name(of: request.to))"])
    outgoing[stream] = OutgoingSnapshot(
      request: request, head: head,
      base: LogBase(last: head.applied, configuration: configuration), term: term)
  }

  func snapshotWritable(_ stream: SnapshotStreamID) {
    guard var sending = outgoing[stream], !sending.isComplete else { return }
    if !sending.hasBegun {
      sending.hasBegun = true
      let header = SnapshotFrame.Header(term: sending.term, base: sending.base, meta: [])
      _ = transport.sendSnapshot(.header(header), on: stream)
    }
    if !sending.isAsked {
      sending.isAsked = true
      out.snapshots(.next(source: sending.head.source, stream))
    }
    outgoing[stream] = sending
  }

  private func send(_ bytes: [UInt8], on stream: SnapshotStreamID) {
    guard var sending = outgoing[stream] else { return }
    sending.isAsked = false
    sending.checksum.update(bytes)
    let chunk = SnapshotFrame.Chunk(number: sending.chunks, bytes: bytes)
    sending.chunks += 1
    outgoing[stream] = sending
    if transport.sendSnapshot(.chunk(chunk), on: stream) { snapshotWritable(stream) }
  }

  private func sendEnd(on stream: SnapshotStreamID) {
    guard var sending = outgoing[stream] else { return }
    sending.isComplete = true
    outgoing[stream] = sending
    let end = SnapshotFrame.End(chunks: sending.chunks, checksum: sending.checksum.value)
    _ = transport.sendSnapshot(.end(end), on: stream)
  }

  private func finish(_ stream: SnapshotStreamID, _ outcome: SnapshotOutcome) {
    guard let sent = outgoing.removeValue(forKey: stream) else { return }
    out.snapshots(.close(source: sent.head.source))
    step(.snapshotSent(sent.request, outcome))
  }

  // MARK: In

  func receive(_ frame: SnapshotFrame, on stream: SnapshotStreamID, from peer: MemberID) {
    switch frame {
    case .header(let header): begin(header, on: stream, from: peer)
    case .chunk(let chunk):
      guard var arriving = incoming, arriving.stream == stream else { return }
      guard chunk.number == arriving.chunks else { return reject(stream, .damaged) }
      arriving.chunks += 1
      arriving.checksum.update(chunk.bytes)
      incoming = arriving
      recovery.snapshotBytes += recovery.isTold ? 0 : chunk.bytes.count
      out.snapshots(.piece(stream, chunk.bytes))
    case .end(let end):
      guard let arriving = incoming, arriving.stream == stream else { return }
      guard end.chunks == arriving.chunks, end.checksum == arriving.checksum.value else {
        return reject(stream, .damaged)
      }
      out.snapshots(.finish(stream))
    case .accepted(let base):
      guard outgoing[stream]?.base == base else { return transport.closeSnapshot(stream) }
      finish(stream, .delivered(base))
      transport.closeSnapshot(stream)
    case .rejected:
      finish(stream, .failed)
      transport.closeSnapshot(stream)
    }
  }

  private func begin(
    _ header: SnapshotFrame.Header, on stream: SnapshotStreamID, from peer: MemberID
  ) {
    let now = MonotonicClock.now()
    guard let status = replica?.status(at: now) else { return refuse(stream, .busy) }
    guard header.term >= status.term else { return refuse(stream, .staleTerm) }
    guard header.base.last.index > status.appliedIndex else {
      return refuse(stream, .notNeeded)
    }
    guard incoming == nil else { return refuse(stream, .busy) }
    logger.info("receives a snapshot", metadata: ["peer": "\(name(of: peer))"])
    incoming = IncomingSnapshot(stream: stream, from: peer, header: header)
    let (snapshots, receiveSnapshot) = (out.snapshots, out.receiveSnapshot)
    snapshots(
      .expect(stream) {
        receiveSnapshot { sink in
          if let sink { snapshots(.begin(stream, sink)) }
        }
      })
  }

  /// Everything has arrived and is on disk: the core decides whether it is installed.
  private func arrived(_ stream: SnapshotStreamID, _ applied: EntryID) {
    guard let arriving = incoming, arriving.stream == stream else { return }
    guard applied == arriving.header.base.last else { return reject(stream, .damaged) }
    incoming = nil
    step(
      .snapshotReceived(arriving.header.base, term: arriving.header.term, from: arriving.from))
    _ = transport.sendSnapshot(.accepted(arriving.header.base), on: stream)
  }

  private func reject(_ stream: SnapshotStreamID, _ reason: SnapshotFrame.Rejection) {
    guard incoming?.stream == stream else { return }
    incoming = nil
    out.snapshots(.abandon(stream))
    refuse(stream, reason)
  }

  /// The sender closes when it has read it.
  private func refuse(_ stream: SnapshotStreamID, _ reason: SnapshotFrame.Rejection) {
    _ = transport.sendSnapshot(.rejected(reason), on: stream)
  }

  func snapshotClosed(_ stream: SnapshotStreamID) {
    finish(stream, .failed)
    if incoming?.stream == stream {
      incoming = nil
      out.snapshots(.abandon(stream))
    }
  }
}
