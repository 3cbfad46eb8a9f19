import Base
import NIOCore
import NIOPosix
import Raft
import Replica
import Transport
import Wire

/// Members that are nothing but a transport, all on one event loop.
final class Rig: @unchecked Sendable {
  // Protected by the loop: everything but `loop` is touched on it alone.
  let loop: any EventLoop
  private let group: MultiThreadedEventLoopGroup
  private(set) var members: [MemberID: Member] = [:]

  private init(_ group: MultiThreadedEventLoopGroup) {
    self.group = group
    loop = group.next()
  }

  /// Runs a test on a rig and leaves nothing behind.
  static func run(_ test: (Rig) async throws -> Void) async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let rig = Rig(group)
    do {
      try await test(rig)
    } catch {
      try? await rig.end()
      throw error
    }
    try await rig.end()
  }

  private func end() async throws {
    try await onLoop { for member in self.members.values { member.transport.stop() } }
    try await group.shutdownGracefully()
  }

  func onLoop<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value
  {
    try await loop.submit(body).get()
  }

  /// Starts a member that listens; it knows nobody yet. Returns its port.
  @discardableResult
  func start(
    _ id: UInt64, boot: UInt64 = 1, cluster: UInt64 = 7, incarnation: UInt64? = nil,
    settings: TransportSettings = Rig.settings
  ) async throws -> Int {
    let listener = try await PeerTransport.listen(
      at: PeerAddress(host: "127.0.0.1", port: 0), on: loop
    ).get()
    return try await onLoop {
      let member = Member(
        id: MemberID(id), boot: Boot(boot), cluster: ClusterID(cluster),
        incarnation: Incarnation(incarnation ?? 100 + id), loop: self.loop, settings: settings)
      member.transport.accept(from: listener)
      self.members[member.id] = member
      return listener.port
    }
  }

  /// Tells a member where others are; `from` their ids to ports.
  func introduce(_ id: UInt64, to ports: [UInt64: Int]) async throws {
    try await onLoop {
      let member = self[id]
      for peer in ports.keys where !member.known.contains(where: { $0.id.number == peer }) {
        member.known.append(
          KnownMember(id: MemberID(peer), incarnation: Incarnation(100 + peer)))
      }
      member.transport.setPeers(
        ports.sorted { $0.key < $1.key }.map { peer, port in
          (MemberID(peer), port == 0 ? [] : [PeerAddress(host: "127.0.0.1", port: port)])
        })
    }
  }

  /// Two members, 1 and 2, with a session between them.
  func startPair(settings: TransportSettings = Rig.settings) async throws {
    let first = try await start(1, settings: settings)
    let second = try await start(2, settings: settings)
    try await introduce(1, to: [2: second])
    try await introduce(2, to: [1: first])
    try await wait(1) { $0.session(with: 2) != nil }
    try await wait(2) { $0.session(with: 1) != nil }
  }

  subscript(id: UInt64) -> Member { members[MemberID(id)]! }

  func send(_ number: Int64, from: UInt64, to: UInt64) async throws {
    try await onLoop {
      self[from].transport.send(Rig.message(number), to: MemberID(to))
      self[from].transport.flush()
    }
  }

  static func message(_ number: Int64) -> PeerMessage { .ping(Instant(nanoseconds: number)) }

  func setLink(_ link: Link, of member: UInt64, with peer: UInt64) async throws {
    try await onLoop { self[member].transport.setLink(link, with: MemberID(peer)) }
  }

  /// Waits until the condition holds of a member, a minute at most.
  func wait(
    _ id: UInt64, until condition: @escaping @Sendable (Member) -> Bool
  ) async throws {
    let promise = loop.makePromise(of: Void.self)
    try await onLoop {
      let deadline = self.loop.scheduleTask(in: .seconds(60)) { promise.fail(Overdue()) }
      self[id].wait(until: condition) {
        deadline.cancel()
        promise.succeed()
      }
    }
    try await promise.futureResult.get()
  }

  struct Overdue: Error {}

  static var settings: TransportSettings {
    var settings = TransportSettings()
    settings.firstBackoff = .milliseconds(2)
    settings.backoffLimit = .milliseconds(20)
    return settings
  }
}

/// One member: admits whom it knows, and remembers what it is told.
final class Member: TransportOwner {
  let id: MemberID
  let boot: Boot
  let incarnation: Incarnation
  let cluster: ClusterID
  /// A member whose directory is new has no configuration yet.
  var isFormed = true
  var known: [KnownMember] = []
  private(set) var opened: [Boot] = []
  private(set) var lostCount = 0
  private(set) var messages: [PeerMessage] = []
  private(set) var refusals: [HandshakeRefusal] = []
  /// Those whose peer was called at its own address.
  private(set) var dialedRefusals: [HandshakeRefusal] = []
  private(set) var snapshotFrames: [SnapshotFrame] = []
  private(set) var stream: SnapshotStreamID?
  private(set) var writableCount = 0
  private(set) var closedStreams = 0
  private(set) var transport: PeerTransport!
  private var waits: [(condition: (Member) -> Bool, done: () -> Void)] = []

  init(
    id: MemberID, boot: Boot, cluster: ClusterID, incarnation: Incarnation, loop: any EventLoop,
    settings: TransportSettings
  ) {
    self.id = id
    self.boot = boot
    self.cluster = cluster
    self.incarnation = incarnation
    known = [KnownMember(id: id, incarnation: incarnation)]
    transport = PeerTransport(
      me: id, settings: settings, loop: loop, seed: id.number,
      now: { Instant(nanoseconds: Int64(NIODeadline.now().uptimeNanoseconds)) }, owner: self)
  }

  func session(with peer: UInt64) -> Boot? {
    transport.status.first { $0.id.number == peer }?.session
  }

  func wait(until condition: @escaping (Member) -> Bool, done: @escaping () -> Void) {
    waits.append((condition, done))
    check()
  }

  private func check() {
    for wait in waits where wait.condition(self) { wait.done() }
    waits.removeAll { $0.condition(self) }
  }

  private var rule: HandshakeRule {
    HandshakeRule(
      me: id, name: "m\(id.number)", clusterID: cluster, incarnation: incarnation, boot: boot,
      initialDigest: 0)
  }

  func handshake(to peer: MemberID, receiverBoot: Boot?) -> Handshake {
    rule.handshake(
      to: peer, receiverBoot: receiverBoot, isFormed: isFormed,
      known: known.sorted { $0.id < $1.id })
  }

  /// What it says to who has no place yet.
  var joinAnswer = JoinAnswer.notFormed

  func answer(to joinQuery: JoinQuery) -> JoinAnswer { joinAnswer }

  func refusal(of handshake: Handshake) -> HandshakeRefusal? {
    do throws(HandshakeRefusal) {
      try rule.admit(handshake, isFormed: isFormed, known: known)
      return nil
    } catch {
      return error
    }
  }

  func receive(_ event: TransportEvent) {
    switch event {
    case .opened(_, let boot): opened.append(boot)
    case .lost: lostCount += 1
    case .message(let message, _): messages.append(message)
    case .refused(let refusal, _, dialed: let isDialed):
      refusals.append(refusal)
      if isDialed { dialedRefusals.append(refusal) }
    case .snapshotConnected(let id, with: _, _, saysWorking: let saysWorking):
      precondition(saysWorking, "both ends are of this build")
      stream = id
    case .snapshotWritable: writableCount += 1
    case .snapshotFrame(let frame, let id):
      stream = id
      snapshotFrames.append(frame)
    case .snapshotClosed: closedStreams += 1
    }
    check()
  }

  func receivedAll() { check() }
}
