import Checksum
import KeyValue
import Raft
import Replica
import Storage
import Wire

/// Snapshot streams: the product's chunks and frames over a connection that works or breaks.
extension World {
  func openStream(_ request: SnapshotRequest, from member: SimulatedMember) {
    guard let to = positionOf[request.to], let toBoot = member.sessions[to],
      members[to].boot == toBoot, network.isOpenBothWays(member.position, to),
      let state = member.state, member.isRunning, !member.isRestoring
    else { return endStream(request, .failed, member) }
    flush(member)
    guard state.meta.appliedIndex >= request.atLeast.number else {
      return endStream(request, .failed, member)
    }
    guard !member.hasFailed,
      let source = attempt(
        member, nil, { () throws(StorageError) in try state.openSnapshot() })
    else { return endStream(request, .failed, member) }
    let meta = source.meta
    let last = EntryID(term: Term(meta.appliedTerm), index: LogIndex(meta.appliedIndex))
    streams.append(
      SnapshotStream(
        request: request, from: member.position, fromBoot: member.boot, to: to, toBoot: toBoot,
        term: member.standing.term,
        base: LogBase(last: last, configuration: member.appliedConfiguration), source: source))
    counts.snapshots += 1
    tell(member, "streams a snapshot to \(members[to].name)")
    after(weather.delay.draw(&networkDice), .streamTurn(streams.count - 1))
  }

  func advanceStream(_ number: Int) {
    guard var stream = streams[number] else { return }
    let (sender, receiver) = (members[stream.from], members[stream.to])
    guard sender.boot == stream.fromBoot, sender.isRunning else { return close(number, .failed) }
    guard network.isOpenBothWays(stream.from, stream.to), receiver.boot == stream.toBoot,
      receiver.isRunning
    else { return close(number, .failed) }
    if sender.isPaused || receiver.isPaused || mustWait(stream, receiver) {
      return after(.milliseconds(5), .streamTurn(number))
    }
    let frame = attempt(sender, nil) { () throws(StorageError) in try nextFrame(&stream) }
    guard let frame, receive(frame, &stream, receiver) else {
      streams[number] = stream
      return close(number, .failed)
    }
    streams[number] = stream
    if case .end = frame { return close(number, .delivered(stream.base)) }
    after(weather.delay.draw(&networkDice), .streamTurn(number))
  }

  /// A new arrival is prepared by the thread that writes the log, after what waits there: a
  /// snapshot that has arrived before is installed first.
  private func mustWait(_ stream: SnapshotStream, _ receiver: SimulatedMember) -> Bool {
    weather.edition > 1 && stream.sink == nil && receiver.isInstalling
      && !receiver.isLogIdle
  }

  private func nextFrame(
    _ stream: inout SnapshotStream
  ) throws(StorageError) -> SnapshotFrame {
    guard stream.sink != nil else {
      return .header(.init(term: stream.term, base: stream.base, meta: []))
    }
    guard let bytes = try stream.source.next(limitBytes: weather.chunkBytes) else {
      return .end(.init(chunks: stream.chunks, checksum: stream.sent.value))
    }
    stream.sent.update(bytes)
    defer { stream.chunks += 1 }
    return .chunk(.init(number: stream.chunks, bytes: bytes))
  }

  /// The frame reaches the receiver; false: it does not want it.
  private func receive(
    _ sent: SnapshotFrame, _ stream: inout SnapshotStream, _ receiver: SimulatedMember
  ) -> Bool {
    var bytes: [UInt8] = []
    Frame.snapshot(sent).encode(into: &bytes)
    stream.decoder.receive(bytes)
    guard case .snapshot(let received) = try? stream.decoder.next(), received == sent else {
      fail("a frame of a snapshot for \(receiver.name) changes on its way")
      return false
    }
    let sink = stream.sink
    switch received {
    case .header(let header):
      let isBusy = isReceiving(receiver) || (weather.edition == 1 && isMoving(receiver))
      guard !isBusy, header.term >= receiver.standing.term else { return false }
      stream.sink = attempt(receiver, .receive) { () throws(StorageError) in
        try receiver.disk.store.receiveSnapshot()
      }
      return stream.sink != nil
    case .chunk(let chunk):
      stream.received.update(chunk.bytes)
      return spool(stream, receiver, .receive) { () throws(StorageError) in
        try sink?.receive(chunk.bytes)
      }
    case .end(let end):
      guard end.checksum == stream.received.value else {
        fail("\(receiver.name) has received other chunks than were sent")
        return false
      }
      let isWhole = spool(stream, receiver, .finish) { () throws(StorageError) in
        _ = try sink?.finish()
      }
      guard isWhole else { return false }
      step(
        receiver,
        .snapshotReceived(stream.base, term: stream.term, from: members[stream.from].id))
      return true
    case .accepted, .rejected:
      preconditionFailure("an answer comes from the sender")
    }
  }

  /// Lets the receiver write; false: it stops, or finds the snapshot not whole.
  private func spool(
    _ stream: SnapshotStream, _ receiver: SimulatedMember, _ point: DiskPoint,
    _ body: () throws(StorageError) -> Void
  ) -> Bool {
    var refusal: String?
    let done: Void? = attempt(receiver, point) { () throws(StorageError) in
      do throws(StorageError) { try body() } catch .snapshotRefused(let reason) { refusal = reason }
    }
    if let refusal, !members[stream.from].mayFail {
      fail("\(receiver.name) refuses a snapshot of a healthy member: \(refusal)")
    }
    return done != nil && refusal == nil
  }

  private func isMoving(_ member: SimulatedMember) -> Bool {
    member.isInstalling || member.isRestoring
  }

  /// Who dies does not tidy up what was arriving.
  func dropArrivals(at member: SimulatedMember) {
    for number in streams.indices where streams[number]?.to == member.position {
      streams[number]?.sink = nil
    }
  }

  private func isReceiving(_ member: SimulatedMember) -> Bool {
    streams.contains { $0?.to == member.position && $0?.sink != nil && $0?.toBoot == member.boot }
  }

  private func close(_ number: Int, _ outcome: SnapshotOutcome) {
    guard let stream = streams[number] else { return }
    streams[number] = nil
    stream.source.close()
    if outcome == .failed { stream.sink?.abandon() }
    let sender = members[stream.from]
    guard sender.boot == stream.fromBoot, sender.isRunning else { return }
    endStream(stream.request, outcome, sender)
  }

  private func endStream(
    _ request: SnapshotRequest, _ outcome: SnapshotOutcome, _ member: SimulatedMember
  ) {
    // A broken connection is noticed and not tried again at once.
    let delay = outcome == .failed ? Duration.milliseconds(20) : weather.delay.draw(&networkDice)
    after(delay, .streamEnded(member.position, member.boot, request, outcome))
  }
}
