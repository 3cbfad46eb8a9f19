import Base
import Raft
import Wire

/// A connection on which a peer sends a snapshot, or is about to, or has sent one.
struct IncomingSnapshot: Sendable {
  enum Phase: Sendable {
    /// The header is to come.
    case opened
    case arriving(SnapshotFrame.Header)
    /// All has come: this member's disk verifies and syncs it.
    case finishing(SnapshotFrame.Header)
    /// Our word is out: the sender hangs up.
    case over
  }

  var stream: SnapshotStreamID
  var peer: SnapshotExchange.Peer
  var phase = Phase.opened
  var chunks: UInt64 = 0
  var checksum = CRC32C()
  /// Pieces that the disk has not taken yet.
  var untaken = 0
  /// Since when the sender, or the disk, owes what comes next.
  var since: Instant
  /// When the sender was last sent something.
  var spokeAt: Instant
  /// Something has come since.
  var hasNews = false

  var isArriving: Bool {
    switch phase {
    case .arriving, .finishing: true
    case .opened, .over: false
    }
  }

  /// The disk has work to do.
  var isOwnTurn: Bool {
    switch phase {
    case .arriving: untaken > 0
    case .finishing: true
    case .opened, .over: false
    }
  }

  /// The sender wants to know that its frames get somewhere.
  var owesWord: Bool { peer.saysWorking && isArriving && (isOwnTurn || hasNews) }

  func deadline(_ settings: SnapshotExchange.Settings) -> Instant {
    since + (isOwnTurn ? settings.diskLimit : peer.idleLimit(settings))
  }

  func wakeAt(_ settings: SnapshotExchange.Settings) -> Instant {
    let deadline = deadline(settings)
    return owesWord ? min(deadline, spokeAt + settings.workingInterval) : deadline
  }
}

/// The follower's side. One snapshot arrives at a time, for there is one next state.
extension SnapshotExchange {
  mutating func beginReceiving(
    _ stream: SnapshotStreamID, _ peer: Peer, _ now: Instant, _ effects: inout [SnapshotEffect]
  ) {
    guard incoming.count < Self.incomingLimit else { return effects.append(.close(stream)) }
    incoming.append(IncomingSnapshot(stream: stream, peer: peer, since: now, spokeAt: now))
  }

  mutating func receiveFrame(
    _ frame: SnapshotFrame, _ stream: SnapshotStreamID, _ now: Instant,
    _ standing: SnapshotStanding, _ effects: inout [SnapshotEffect]
  ) {
    guard let position = incoming.firstIndex(where: { $0.stream == stream }) else { return }
    // While the disk is at work the clock is the disk's.
    if !incoming[position].isOwnTurn { incoming[position].since = now }
    incoming[position].hasNews = true
    switch (frame, incoming[position].phase) {
    case (_, .over), (.working, _): break
    case (.header(let header), .opened): meet(header, position, now, standing, &effects)
    case (.chunk(let chunk), .arriving): receive(chunk, position, now, &effects)
    case (.end(let end), .arriving(let header)): receive(end, header, position, now, &effects)
    case (.header, _), (.chunk, _), (.end, _), (.accepted, _), (.rejected, _):
      reject(stream, .damaged, now, &effects)
    }
  }

  /// Whether it comes from the leader, and brings anything; then it takes the place of whatever is
  /// arriving. A leader sends one at a time, so an earlier one of its own is over; and an earlier
  /// leader's is of no use.
  private mutating func meet(
    _ header: SnapshotFrame.Header, _ position: Int, _ now: Instant, _ standing: SnapshotStanding,
    _ effects: inout [SnapshotEffect]
  ) {
    let (stream, peer) = (incoming[position].stream, incoming[position].peer.id)
    guard header.term >= standing.term, header.term >= arrivingTerm ?? .zero else {
      return reject(stream, .staleTerm, now, &effects)
    }
    if header.term == standing.term, let leader = standing.leader, leader != peer {
      return reject(stream, .staleTerm, now, &effects)
    }
    let held = max(standing.applied, standing.installing?.index ?? .zero)
    guard header.base.last.index > held else {
      return reject(stream, .notNeeded, now, &effects)
    }
    for arriving in incoming where arriving.isArriving {
      displace(arriving.stream, now, &effects)
    }
    effects.append(.note(.receives(from: peer)))
    guard let position = incoming.firstIndex(where: { $0.stream == stream }) else {
      preconditionFailure("stream \(stream.number) has displaced itself")
    }
    incoming[position].phase = .arriving(header)
    effects.append(.order(.expect(stream)))
  }

  /// Of the snapshot that is arriving; `nil`: none is.
  private var arrivingTerm: Term? {
    for arriving in incoming {
      switch arriving.phase {
      case .arriving(let header), .finishing(let header): return header.term
      case .opened, .over: continue
      }
    }
    return nil
  }

  private mutating func receive(
    _ chunk: SnapshotFrame.Chunk, _ position: Int, _ now: Instant,
    _ effects: inout [SnapshotEffect]
  ) {
    let stream = incoming[position].stream
    guard chunk.number == incoming[position].chunks else {
      return reject(stream, .damaged, now, &effects)
    }
    incoming[position].chunks += 1
    incoming[position].checksum.update(chunk.bytes)
    if incoming[position].untaken == 0 { incoming[position].since = now }
    incoming[position].untaken += 1
    effects.append(.order(.piece(stream, chunk.bytes)))
  }

  private mutating func receive(
    _ end: SnapshotFrame.End, _ header: SnapshotFrame.Header, _ position: Int, _ now: Instant,
    _ effects: inout [SnapshotEffect]
  ) {
    let stream = incoming[position].stream
    guard end.chunks == incoming[position].chunks,
      end.checksum == incoming[position].checksum.value
    else { return reject(stream, .damaged, now, &effects) }
    incoming[position].phase = .finishing(header)
    incoming[position].since = now
    effects.append(.order(.finish(stream)))
  }

  mutating func taken(
    _ stream: SnapshotStreamID, _ now: Instant, _ effects: inout [SnapshotEffect]
  ) {
    guard let position = incoming.firstIndex(where: { $0.stream == stream }),
      incoming[position].untaken > 0
    else { return }
    incoming[position].untaken -= 1
    incoming[position].since = now
    effects.append(.took(stream))
  }

  /// All of it is on disk: the core decides whether it is installed.
  mutating func arrived(
    _ stream: SnapshotStreamID, _ applied: EntryID, _ now: Instant,
    _ effects: inout [SnapshotEffect]
  ) {
    guard let position = incoming.firstIndex(where: { $0.stream == stream }),
      case .finishing(let header) = incoming[position].phase
    else { return }
    guard applied == header.base.last else { return reject(stream, .damaged, now, &effects) }
    let peer = incoming[position].peer.id
    conclude(position, now)
    unjudged.append((stream, header.base))
    effects.append(.received(stream, header.base, term: header.term, from: peer))
    effects.append(.send(.accepted(header.base), on: stream))
  }

  /// What the core has not taken would lie about for ever.
  mutating func judged(
    _ stream: SnapshotStreamID, _ standing: SnapshotStanding, _ effects: inout [SnapshotEffect]
  ) {
    guard let position = unjudged.firstIndex(where: { $0.stream == stream }) else { return }
    let base = unjudged.remove(at: position).base
    let isTaken = standing.installing == base.last
    effects.append(.order(isTaken ? .release(stream) : .abandon(stream)))
  }

  /// The lane has ended the arrival.
  mutating func refused(
    _ stream: SnapshotStreamID, _ reason: SnapshotFrame.Rejection, _ now: Instant,
    _ effects: inout [SnapshotEffect]
  ) {
    guard let position = incoming.firstIndex(where: { $0.stream == stream }),
      incoming[position].isArriving
    else { return }
    effects.append(
      .note(.receivingEnded(from: incoming[position].peer.id, .refused(reason))))
    conclude(position, now)
    effects.append(.send(.rejected(reason), on: stream))
  }

  private mutating func reject(
    _ stream: SnapshotStreamID, _ reason: SnapshotFrame.Rejection, _ now: Instant,
    _ effects: inout [SnapshotEffect]
  ) {
    stop(stream, reason, .refused(reason), now, &effects)
  }

  private mutating func displace(
    _ stream: SnapshotStreamID, _ now: Instant, _ effects: inout [SnapshotEffect]
  ) {
    stop(stream, .displaced, .displaced, now, &effects)
  }

  /// Drops what has arrived and says so; the sender hangs up when it has read it.
  private mutating func stop(
    _ stream: SnapshotStreamID, _ reason: SnapshotFrame.Rejection, _ end: SnapshotEnd,
    _ now: Instant, _ effects: inout [SnapshotEffect]
  ) {
    guard let position = incoming.firstIndex(where: { $0.stream == stream }) else { return }
    if incoming[position].isArriving {
      effects.append(.note(.receivingEnded(from: incoming[position].peer.id, end)))
      effects.append(.order(.abandon(stream)))
    }
    conclude(position, now)
    effects.append(.send(.rejected(reason), on: stream))
  }

  private mutating func conclude(_ position: Int, _ now: Instant) {
    incoming[position].phase = .over
    (incoming[position].since, incoming[position].spokeAt) = (now, now)
  }

  /// Drops what has arrived, and the connection.
  mutating func end(
    _ stream: SnapshotStreamID, _ end: SnapshotEnd, _ effects: inout [SnapshotEffect]
  ) {
    guard incoming.contains(where: { $0.stream == stream }) else { return }
    effects.append(.close(stream))
    forget(stream, end, &effects)
  }

  mutating func receivingClosed(
    _ stream: SnapshotStreamID, _ effects: inout [SnapshotEffect]
  ) {
    forget(stream, .closed, &effects)
  }

  private mutating func forget(
    _ stream: SnapshotStreamID, _ end: SnapshotEnd, _ effects: inout [SnapshotEffect]
  ) {
    guard let position = incoming.firstIndex(where: { $0.stream == stream }) else { return }
    let gone = incoming.remove(at: position)
    guard gone.isArriving else { return }
    effects.append(.note(.receivingEnded(from: gone.peer.id, end)))
    effects.append(.order(.abandon(stream)))
  }

  /// Says that the disk is at work, and gives up what has waited for too long.
  mutating func tendReceiving(_ now: Instant, _ effects: inout [SnapshotEffect]) {
    for stream in incoming.map(\.stream) {
      guard let position = incoming.firstIndex(where: { $0.stream == stream }) else { continue }
      let arriving = incoming[position]
      if arriving.deadline(settings) <= now {
        end(stream, arriving.isOwnTurn ? .ownDisk : .idle, &effects)
      } else if arriving.owesWord && arriving.spokeAt + settings.workingInterval <= now {
        (incoming[position].spokeAt, incoming[position].hasNews) = (now, false)
        effects.append(.send(.working, on: stream))
      }
    }
  }
}
