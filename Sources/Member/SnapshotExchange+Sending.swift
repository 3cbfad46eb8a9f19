import Base
import Raft
import Wire

/// A state that the state machine was asked to open for a follower.
struct PendingSource: Sendable {
  var request: SnapshotRequest
  var deadline: Instant
}

/// A snapshot on its way to a follower.
struct OutgoingSnapshot: Sendable {
  /// What comes next, and from whom.
  enum Owed: Sendable {
    /// The network owes a connection.
    case connection
    /// This member's own disk owes a chunk.
    case chunk
    /// The follower owes room for the next frame.
    case room
    /// All was sent: the follower owes its word.
    case answer
  }

  var request: SnapshotRequest
  var head: SnapshotHead
  var base: LogBase
  var term: Term
  var stream: SnapshotStreamID
  /// Addresses that were not tried yet.
  var addressesLeft: Int
  /// `nil`: the connection does not stand yet.
  var peer: SnapshotExchange.Peer?
  var owed = Owed.connection
  /// Since when it is owed; what shows that the follower is at work renews it.
  var since: Instant
  /// Since when it is owed, whatever the follower has said.
  var owedSince: Instant
  /// When the follower was last sent something.
  var spokeAt: Instant
  var chunks: UInt64 = 0
  var checksum = CRC32C()

  mutating func owe(_ owed: Owed, _ now: Instant) {
    (self.owed, since, owedSince) = (owed, now, now)
  }

  /// When it is given up.
  func deadline(_ settings: SnapshotExchange.Settings) -> Instant {
    switch owed {
    case .connection: since + settings.idleLimit
    case .chunk: since + settings.diskLimit
    case .room, .answer:
      // Who is at work for ever is given up as well.
      min(
        since + (peer?.idleLimit(settings) ?? settings.idleLimit),
        owedSince + settings.diskLimit + settings.idleLimit)
    }
  }

  func wakeAt(_ settings: SnapshotExchange.Settings) -> Instant {
    let deadline = deadline(settings)
    return owesWord ? min(deadline, spokeAt + settings.workingInterval) : deadline
  }

  /// The follower waits for this member's disk, and knows the frame that says so.
  var owesWord: Bool {
    guard case .chunk = owed else { return false }
    return peer?.saysWorking == true
  }
}

/// The leader's side.
extension SnapshotExchange {
  mutating func begin(
    _ request: SnapshotRequest, _ now: Instant, _ effects: inout [SnapshotEffect]
  ) {
    // Of an earlier request for this follower the core wants to hear nothing any more.
    pending.removeAll { $0.request.to == request.to }
    for sending in outgoing where sending.request.to == request.to {
      effects.append(.close(sending.stream))
      finish(sending.stream, .failed, .displaced, &effects)
    }
    pending.append(PendingSource(request: request, deadline: now + settings.diskLimit))
    effects.append(.openSource(request))
  }

  mutating func opened(
    _ request: SnapshotRequest, _ head: SnapshotHead?, _ base: LogBase?, _ addresses: Int,
    _ now: Instant, _ standing: SnapshotStanding, _ effects: inout [SnapshotEffect]
  ) {
    guard let position = pending.firstIndex(where: { $0.request == request }) else {
      // It comes too late, or once more.
      if let head { effects.append(.order(.close(source: head.source))) }
      return
    }
    pending.remove(at: position)
    guard let head, let base, standing.maySend, addresses > 0 else {
      if let head { effects.append(.order(.close(source: head.source))) }
      effects.append(.note(.sendingEnded(to: request.to, .unavailable)))
      return effects.append(.sent(request, .failed))
    }
    precondition(base.last == head.applied, "a snapshot of \(head.applied), and a base of another")
    effects.append(.note(.sends(to: request.to)))
    outgoing.append(
      OutgoingSnapshot(
        request: request, head: head, base: base, term: standing.term, stream: nextStream(),
        addressesLeft: addresses, since: now, owedSince: now, spokeAt: now))
    dial(outgoing.count - 1, now, &effects)
  }

  private mutating func dial(
    _ position: Int, _ now: Instant, _ effects: inout [SnapshotEffect]
  ) {
    outgoing[position].addressesLeft -= 1
    outgoing[position].owe(.connection, now)
    let peer = outgoing[position].request.to
    effects.append(.dial(outgoing[position].stream, to: peer, attempt: attempt(for: peer)))
  }

  private func attempt(for peer: MemberID) -> Int {
    attempts.first { $0.peer == peer }?.attempt ?? 0
  }

  /// The next stream to this peer tries the next of its addresses.
  private mutating func turnAddress(of peer: MemberID) {
    if let position = attempts.firstIndex(where: { $0.peer == peer }) {
      attempts[position].attempt &+= 1
    } else {
      attempts.append((peer, 1))
    }
  }

  mutating func beginSending(
    _ stream: SnapshotStreamID, _ peer: Peer, _ now: Instant, _ effects: inout [SnapshotEffect]
  ) {
    guard let position = outgoing.firstIndex(where: { $0.stream == stream }) else {
      return effects.append(.close(stream))
    }
    outgoing[position].peer = peer
    let header = SnapshotFrame.Header(
      term: outgoing[position].term, base: outgoing[position].base, meta: [])
    effects.append(.send(.header(header), on: stream))
    ask(position, now, &effects)
  }

  private mutating func ask(
    _ position: Int, _ now: Instant, _ effects: inout [SnapshotEffect]
  ) {
    outgoing[position].owe(.chunk, now)
    outgoing[position].spokeAt = now
    effects.append(
      .order(
        .read(source: outgoing[position].head.source, outgoing[position].stream)))
  }

  mutating func becameWritable(
    _ stream: SnapshotStreamID, _ now: Instant, _ effects: inout [SnapshotEffect]
  ) {
    guard let position = outgoing.firstIndex(where: { $0.stream == stream }) else { return }
    switch outgoing[position].owed {
    case .room: ask(position, now, &effects)
    case .answer: outgoing[position].since = now
    case .connection, .chunk: break
    }
  }

  mutating func send(
    _ bytes: [UInt8], _ stream: SnapshotStreamID, _ now: Instant,
    _ effects: inout [SnapshotEffect]
  ) {
    guard let position = outgoing.firstIndex(where: { $0.stream == stream }) else { return }
    outgoing[position].checksum.update(bytes)
    let chunk = SnapshotFrame.Chunk(number: outgoing[position].chunks, bytes: bytes)
    outgoing[position].chunks += 1
    outgoing[position].owe(.room, now)
    effects.append(.send(.chunk(chunk), on: stream))
  }

  mutating func sendEnd(
    _ stream: SnapshotStreamID, _ now: Instant, _ effects: inout [SnapshotEffect]
  ) {
    guard let position = outgoing.firstIndex(where: { $0.stream == stream }) else { return }
    let end = SnapshotFrame.End(
      chunks: outgoing[position].chunks, checksum: outgoing[position].checksum.value)
    outgoing[position].owe(.answer, now)
    effects.append(.send(.end(end), on: stream))
  }

  /// What the follower says.
  mutating func receiveAnswer(
    _ frame: SnapshotFrame, _ stream: SnapshotStreamID, _ now: Instant,
    _ effects: inout [SnapshotEffect]
  ) {
    guard let position = outgoing.firstIndex(where: { $0.stream == stream }) else { return }
    switch frame {
    case .working:
      outgoing[position].since = now
    case .accepted(let base):
      effects.append(.close(stream))
      if base == outgoing[position].base, case .answer = outgoing[position].owed {
        finish(stream, .delivered(base), nil, &effects)
      } else {
        finish(stream, .failed, .refused(.damaged), &effects)
      }
    case .rejected(let reason):
      effects.append(.close(stream))
      finish(stream, .failed, .refused(reason), &effects)
    case .header, .chunk, .end:
      effects.append(.close(stream))
      finish(stream, .failed, .refused(.damaged), &effects)
    }
  }

  mutating func sendingClosed(
    _ stream: SnapshotStreamID, _ now: Instant, _ effects: inout [SnapshotEffect]
  ) {
    guard let position = outgoing.firstIndex(where: { $0.stream == stream }) else { return }
    fail(position, .closed, now, &effects)
  }

  /// The next address, if one is left that was not dialed yet; else the end.
  private mutating func fail(
    _ position: Int, _ end: SnapshotEnd, _ now: Instant, _ effects: inout [SnapshotEffect]
  ) {
    turnAddress(of: outgoing[position].request.to)
    guard case .connection = outgoing[position].owed, outgoing[position].addressesLeft > 0 else {
      return finish(outgoing[position].stream, .failed, end, &effects)
    }
    outgoing[position].stream = nextStream()
    dial(position, now, &effects)
  }

  /// However a stream ends, its source is closed and the core hears of it.
  mutating func finish(
    _ stream: SnapshotStreamID, _ outcome: SnapshotOutcome, _ end: SnapshotEnd?,
    _ effects: inout [SnapshotEffect]
  ) {
    guard let position = outgoing.firstIndex(where: { $0.stream == stream }) else { return }
    let sent = outgoing.remove(at: position)
    if let end { effects.append(.note(.sendingEnded(to: sent.request.to, end))) }
    effects.append(.order(.close(source: sent.head.source)))
    effects.append(.sent(sent.request, outcome))
  }

  /// What an earlier leadership began is of no use to anybody.
  mutating func endSending(of standing: SnapshotStanding, _ effects: inout [SnapshotEffect]) {
    for sending in outgoing where !standing.maySend || sending.term != standing.term {
      effects.append(.close(sending.stream))
      finish(sending.stream, .failed, .notLeading, &effects)
    }
  }

  /// Says that the disk is at work, and gives up what has waited for too long.
  mutating func tendSending(_ now: Instant, _ effects: inout [SnapshotEffect]) {
    for source in pending where source.deadline <= now {
      effects.append(.note(.sendingEnded(to: source.request.to, .ownDisk)))
      effects.append(.sent(source.request, .failed))
    }
    pending.removeAll { $0.deadline <= now }
    for stream in outgoing.map(\.stream) {
      guard let position = outgoing.firstIndex(where: { $0.stream == stream }) else { continue }
      let sending = outgoing[position]
      if sending.deadline(settings) <= now {
        effects.append(.close(stream))
        var end = SnapshotEnd.idle
        if case .chunk = sending.owed { end = .ownDisk }
        fail(position, end, now, &effects)
      } else if sending.owesWord && sending.spokeAt + settings.workingInterval <= now {
        outgoing[position].spokeAt = now
        effects.append(.send(.working, on: stream))
      }
    }
  }
}
