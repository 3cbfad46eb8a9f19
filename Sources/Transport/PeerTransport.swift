public import Base
public import NIOCore
import NIOPosix
public import Raft
public import Replica
import Wire

/// The connections between this member and its peers.
///
/// It lives on one event loop, the one that owns the replica: a peer's message reaches the
/// replica without a hop. With each peer there is one control connection, which both sides dial;
/// of two at once the one dialed by the member with the smaller id stays, of two dialed by the
/// same member the later one. A snapshot travels on a connection of its own.
public final class PeerTransport {
  public let me: MemberID
  public let settings: TransportSettings
  public let loop: any EventLoop
  let now: () -> Instant
  var peers: [Peer] = []
  /// Accepted connections whose handshake is not over, and snapshot connections.
  var strangers: [UInt64: PeerConnection] = [:]
  var snapshots: [SnapshotStreamID: PeerConnection] = [:]
  var dice: SplitMix64
  private(set) weak var owner: (any TransportOwner)?
  private var listeners: [any Channel] = []
  private var sweep: RepeatedTask?
  private var lastNumber: UInt64 = 0
  private(set) var isStopped = false

  /// What is known about one peer.
  struct Peer {
    var id: MemberID
    var addresses: [PeerAddress]
    var link = Link.open
    var session: PeerConnection?
    var dialing: PeerConnection?
    var nextDial: Scheduled<Void>?
    var backoff: Backoff
    /// Which of the addresses comes next.
    var attempt = 0
    var dropped: UInt64 = 0
  }

  /// `now` reads the clock of the replica; `seed` is new in each boot. The owner is not kept alive.
  public init(
    me: MemberID, settings: TransportSettings, loop: any EventLoop, seed: UInt64,
    now: @escaping () -> Instant, owner: any TransportOwner
  ) {
    self.me = me
    self.settings = settings
    self.loop = loop
    self.now = now
    self.owner = owner
    dice = SplitMix64(seed: seed)
  }

  // MARK: Life

  /// A server socket that listens but belongs to no transport yet.
  public static func listen(at address: PeerAddress, on loop: any EventLoop) -> EventLoopFuture<
    PeerListener
  > {
    PeerListener.bind(at: address, on: loop)
  }

  /// Takes over the connections that arrive at `listener` from now on.
  public func accept(from listener: PeerListener) {
    loop.preconditionInEventLoop()
    listeners.append(listener.channel)
    listener.handOver(to: self)
  }

  /// Sets whom to talk to; sessions with members that are not among them end.
  public func setPeers(_ members: [(id: MemberID, addresses: [PeerAddress])]) {
    loop.preconditionInEventLoop()
    for peer in peers where !members.contains(where: { $0.id == peer.id }) {
      forget(peer.id)
    }
    for member in members where member.id != me {
      if let index = index(of: member.id) {
        peers[index].addresses = member.addresses
      } else {
        let backoff = Backoff(first: settings.firstBackoff, limit: settings.backoffLimit)
        peers.append(Peer(id: member.id, addresses: member.addresses, backoff: backoff))
      }
    }
    peers.sort { $0.id < $1.id }
    startSweep()
    for peer in peers { dialIfNeeded(peer.id) }
  }

  /// Closes every connection and listener; nothing is reported any more.
  public func stop() {
    loop.preconditionInEventLoop()
    isStopped = true
    sweep?.cancel()
    for listener in listeners { listener.close(promise: nil) }
    for peer in peers {
      peer.nextDial?.cancel()
      peer.session?.close()
      peer.dialing?.close()
    }
    for stranger in strangers.values { stranger.close() }
    for snapshot in snapshots.values { snapshot.close() }
    peers = []
    strangers = [:]
    snapshots = [:]
  }

  // MARK: Messages

  /// Puts a message on its way; without a session, or room, it is dropped, as a network may.
  public func send(_ message: PeerMessage, to member: MemberID) {
    guard let index = index(of: member) else { return }
    guard let session = peers[index].session, peers[index].link.send == .open,
      session.enqueue(message)
    else {
      peers[index].dropped += 1
      return
    }
  }

  /// Hands what was sent since the last flush to the sockets.
  public func flush() {
    for peer in peers { peer.session?.flush() }
  }

  /// Says hello again to everyone, because what this member says of itself has changed.
  public func repeatHandshakes() {
    for peer in peers {
      guard let session = peer.session, case .open(_, let boot) = session.phase else { continue }
      sendHello(on: session, to: peer.id, boot: boot)
    }
  }

  public var status: [PeerStatus] {
    peers.map { peer in
      var boot: Boot?
      if let session = peer.session, case .open(_, let current) = session.phase { boot = current }
      return PeerStatus(id: peer.id, link: peer.link, session: boot, dropped: peer.dropped)
    }
  }

  // MARK: For the other files

  func index(of member: MemberID) -> Int? { peers.firstIndex { $0.id == member } }

  func nextNumber() -> UInt64 {
    lastNumber += 1
    return lastNumber
  }

  func report(_ event: TransportEvent) {
    guard !isStopped else { return }
    owner?.receive(event)
  }

  func receivedAll() {
    guard !isStopped else { return }
    owner?.receivedAll()
  }

  /// Looks after silence: a cable that was cut sends no last word.
  private func startSweep() {
    guard sweep == nil else { return }
    let interval = TimeAmount(settings.idleTimeout / 4)
    let bound = NIOLoopBound(self, eventLoop: loop)
    sweep = loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
      bound.value.closeIdle()
    }
  }

  private func closeIdle() {
    let oldest = now() + .nanoseconds(-settings.idleTimeout.nanoseconds)
    for peer in peers {
      // A link that the lab has cut stays up, as a cut cable leaves it.
      guard let session = peer.session, peer.link == .open, session.lastReceived < oldest else {
        continue
      }
      session.close(breaking: true)
      sessionEnded(session, peer: peer.id)
    }
  }
}
