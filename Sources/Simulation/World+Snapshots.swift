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
    do throws(StorageError) {
      let source = try state.openSnapshot()
      let meta = source.meta
      let last = EntryID(term: Term(meta.appliedTerm), index: LogIndex(meta.appliedIndex))
      streams.append(
        SnapshotStream(
          request: request, from: member.position, fromBoot: member.boot, to: to, toBoot: toBoot,
          term: member.standing.term,
          base: LogBase(last: last, configuration: member.appliedConfiguration),
          source: source))
    } catch {
      return fail("\(member.name)'s state fails: \(error)")
    }
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
    if sender.isPaused || receiver.isPaused {
      return after(.milliseconds(5), .streamTurn(number))
    }
    do throws(StorageError) {
      let frame = try nextFrame(&stream)
      guard try receive(frame, &stream, receiver) else {
        streams[number] = stream
        return close(number, .failed)
      }
      streams[number] = stream
      if case .end = frame { return close(number, .delivered(stream.base)) }
    } catch {
      return fail("the snapshot stream \(number) fails: \(error)")
    }
    after(weather.delay.draw(&networkDice), .streamTurn(number))
  }

  private func nextFrame(
    _ stream: inout SnapshotStream
  ) throws(StorageError) -> SnapshotFrame {
    guard stream.sink != nil else {
      return .header(.init(term: stream.term, base: stream.base, meta: []))
    }
    guard let bytes = try stream.source.next(limitBytes: weather.chunkBytes) else {
      // The chunks carry checksums of their own, and so does their end.
      return .end(.init(chunks: stream.chunks, checksum: 0))
    }
    defer { stream.chunks += 1 }
    return .chunk(.init(number: stream.chunks, bytes: bytes))
  }

  /// The frame reaches the receiver; false: it does not want it.
  private func receive(
    _ sent: SnapshotFrame, _ stream: inout SnapshotStream, _ receiver: SimulatedMember
  ) throws(StorageError) -> Bool {
    var bytes: [UInt8] = []
    Frame.snapshot(sent).encode(into: &bytes)
    stream.decoder.receive(bytes)
    let frame: Frame?
    do throws(WireError) { frame = try stream.decoder.next() } catch {
      throw .snapshotRefused(reason: "\(error)")
    }
    guard case .snapshot(let received) = frame, received == sent else {
      throw .snapshotRefused(reason: "a frame changes on its way")
    }
    switch received {
    case .header(let header):
      let isBusy =
        receiver.isInstalling || receiver.isRestoring || isReceiving(receiver)
      guard !isBusy, header.term >= receiver.standing.term else { return false }
      stream.sink = try receiver.store.receiveSnapshot()
    case .chunk(let chunk):
      try stream.sink?.receive(chunk.bytes)
    case .end:
      _ = try stream.sink?.finish()
      step(
        receiver,
        .snapshotReceived(stream.base, term: stream.term, from: members[stream.from].id))
    case .accepted, .rejected:
      throw .snapshotRefused(reason: "an answer comes from the sender")
    }
    return true
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
