public import Base
import Raft
import Wire

/// The exchange of snapshots: which streams there are, out and in, and when each ends.
///
/// Every stream has an owner here and ends in bounded time, whatever becomes of the other side: an
/// end by a boot (another run of the peer's process), by an idle limit, or by its connection. Idle
/// counts only what the *other* side owes; a side whose own disk works says so with `working`.
///
/// ```text
///   leader                                          follower
///     requested ─▶ open the state                     connected: owes us a header
///     opened    ─▶ dial, the next address if need be
///     connected ─▶ header, chunk, chunk, …   ──▶      header of the leader displaces what was
///                                                     arriving; chunk ─▶ disk; end ─▶ verify, sync
///                                            ◀──      working, while the disk works
///     delivered                              ◀──      accepted, once it is whole and on disk
/// ```
///
/// In reading order: this file is the door, the limits and the boots; `+Sending` the leader's side;
/// `+Receiving` the follower's.
public struct SnapshotExchange: Sendable {
  public struct Settings: Hashable, Sendable {
    /// What the other side owes comes within this, or the stream ends.
    public var idleLimit: Duration
    /// How often a side that is at work, or gets on, says so.
    public var workingInterval: Duration
    /// This member's own disk gets no longer for one piece of work.
    public var diskLimit: Duration

    /// Half of the ten election timeouts within which a store must go on, so that another stream
    /// has the other half.
    public init(electionTimeout: Duration) {
      idleLimit = electionTimeout * 5
      workingInterval = electionTimeout
      diskLimit = electionTimeout * 100
    }
  }

  /// Connections that peers have dialed and that are not over.
  static let incomingLimit = 16

  let settings: Settings
  var pending: [PendingSource] = []
  var outgoing: [OutgoingSnapshot] = []
  var incoming: [IncomingSnapshot] = []
  /// Arrived whole; the core's judgement is to come.
  var unjudged: [(stream: SnapshotStreamID, base: LogBase)] = []
  /// Which address of a peer comes next; kept while it works.
  var attempts: [(peer: MemberID, attempt: Int)] = []
  /// When the exchange wants to hear `timer`.
  public private(set) var wakeAt = Instant.distantFuture
  private var lastStream: UInt64 = 0

  public init(settings: Settings) {
    precondition(
      settings.workingInterval < settings.idleLimit && settings.idleLimit <= settings.diskLimit,
      "idle after \(settings.idleLimit), and a sign of work each \(settings.workingInterval)")
    self.settings = settings
  }

  /// Whether nothing is under way: then sessions, and the time, mean nothing to the exchange.
  public var isQuiet: Bool { pending.isEmpty && outgoing.isEmpty && incoming.isEmpty }

  /// Whether a snapshot is on its way to the disk of this member.
  public var isReceiving: Bool { incoming.contains(where: \.isArriving) }

  /// The one door.
  public mutating func step(
    _ input: SnapshotInput, at now: Instant, _ standing: SnapshotStanding,
    _ effects: inout [SnapshotEffect]
  ) {
    switch input {
    case .requested(let request): begin(request, now, &effects)
    case .opened(let request, let head, base: let base, addresses: let addresses):
      opened(request, head, base, addresses, now, standing, &effects)
    case .report(let report): take(report, now, &effects)
    case .connected(let stream, with: let peer, let boot, saysWorking: let saysWorking):
      connected(
        stream, Peer(id: peer, boot: boot, saysWorking: saysWorking), now, &effects)
    case .writable(let stream): becameWritable(stream, now, &effects)
    case .frame(let frame, on: let stream): receive(frame, stream, now, standing, &effects)
    case .closed(let stream):
      sendingClosed(stream, now, &effects)
      receivingClosed(stream, &effects)
    case .session(let peer, let boot): met(peer, boot, &effects)
    case .judged(let stream): judged(stream, standing, &effects)
    case .timer: break
    }
    if !standing.maySend || outgoing.contains(where: { $0.term != standing.term }) {
      endSending(of: standing, &effects)
    }
    tendSending(now, &effects)
    tendReceiving(now, &effects)
    setWakeAt()
  }

  private mutating func take(
    _ report: SnapshotReport, _ now: Instant, _ effects: inout [SnapshotEffect]
  ) {
    switch report {
    case .opened(let request, _):
      preconditionFailure("the state for \(request.to.number) comes as an input of its own")
    case .chunk(let stream, let bytes): send(bytes, stream, now, &effects)
    case .exhausted(let stream): sendEnd(stream, now, &effects)
    case .taken(let stream): taken(stream, now, &effects)
    case .arrived(let stream, applied: let applied): arrived(stream, applied, now, &effects)
    case .refused(let stream, let reason): refused(stream, reason, now, &effects)
    }
  }

  private mutating func connected(
    _ stream: SnapshotStreamID, _ peer: Peer, _ now: Instant, _ effects: inout [SnapshotEffect]
  ) {
    met(peer.id, peer.boot, &effects)
    if stream.isDialed {
      beginSending(stream, peer, now, &effects)
    } else {
      beginReceiving(stream, peer, now, &effects)
    }
  }

  private mutating func receive(
    _ frame: SnapshotFrame, _ stream: SnapshotStreamID, _ now: Instant,
    _ standing: SnapshotStanding, _ effects: inout [SnapshotEffect]
  ) {
    if stream.isDialed {
      receiveAnswer(frame, stream, now, &effects)
    } else {
      receiveFrame(frame, stream, now, standing, &effects)
    }
  }

  /// A peer runs with this boot: what was under way with an earlier run is over.
  private mutating func met(
    _ peer: MemberID, _ boot: Boot, _ effects: inout [SnapshotEffect]
  ) {
    for sending in outgoing where sending.request.to == peer {
      guard let known = sending.peer, known.boot != boot else { continue }
      effects.append(.close(sending.stream))
      finish(sending.stream, .failed, .otherBoot, &effects)
    }
    for arriving in incoming where arriving.peer.id == peer && arriving.peer.boot != boot {
      end(arriving.stream, .otherBoot, &effects)
    }
  }

  mutating func nextStream() -> SnapshotStreamID {
    lastStream += 1
    return SnapshotStreamID(lastStream, isDialed: true)
  }

  private mutating func setWakeAt() {
    var wakeAt = Instant.distantFuture
    for source in pending { wakeAt = min(wakeAt, source.deadline) }
    for sending in outgoing { wakeAt = min(wakeAt, sending.wakeAt(settings)) }
    for arriving in incoming { wakeAt = min(wakeAt, arriving.wakeAt(settings)) }
    self.wakeAt = wakeAt
  }

  /// Who is at the other end of a connection.
  struct Peer: Sendable {
    var id: MemberID
    var boot: Boot
    /// It says when its disk works; of an older build, which does not, silence means nothing for
    /// as long as a disk may take.
    var saysWorking: Bool

    func idleLimit(_ settings: Settings) -> Duration {
      saysWorking ? settings.idleLimit : settings.diskLimit
    }
  }
}
