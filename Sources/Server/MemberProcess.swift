import KeyValue
import Foundation
public import Logging
import NIOCore
import NIOPosix
import RPC
import Raft
import Replica
import Services
import Storage
import Synchronization
import Transport

/// One member, running: its files, its threads, its sockets. Several can live in one process.
///
/// Threads as in design §7: one event loop owns the replica and the peers' sockets; the files have
/// a thread each; clients have loops of their own. What decides lives in `Replica`; here it is
/// carried out.
public final class MemberProcess: Sendable {
  public let settings: MemberSettings
  /// Where peers and clients reach it; of interest when port zero was asked for.
  public let peerPorts: [Int]
  public let clientPorts: [Int]
  /// It was started without the first configuration of a store: it has promised nothing.
  let isNew: Bool
  private let identity: Identity
  private let fate: Fate
  private let door: ReplicaDoor
  private let threads: MemberThreads
  private let servers: [RPCServer]
  private let services: ClientServices
  private let home: NIOLoopBound<ReplicaLoop>
  private let loops: Loops
  private let logger: Logger
  private let hasEnded = Mutex(false)

  /// The event loops: one for the replica, some for clients.
  private struct Loops: Sendable {
    let replica = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let clients = MultiThreadedEventLoopGroup(
      numberOfThreads: min(max(System.coreCount / 2, 1), 4))

    var all: [MultiThreadedEventLoopGroup] { [replica, clients] }
  }

  private init(
    settings: MemberSettings, isNew: Bool, identity: Identity, fate: Fate, door: ReplicaDoor,
    threads: MemberThreads, servers: [RPCServer], listeners: [PeerListener],
    services: ClientServices,
    home: NIOLoopBound<ReplicaLoop>, loops: Loops, logger: Logger
  ) {
    self.settings = settings
    self.isNew = isNew
    self.identity = identity
    self.fate = fate
    self.door = door
    self.threads = threads
    self.servers = servers
    self.services = services
    peerPorts = listeners.map(\.port)
    clientPorts = servers.map { $0.address.port ?? 0 }
    self.home = home
    self.loops = loops
    self.logger = logger
  }

  // MARK: Start

  /// Opens the files, recovers, listens, and begins to talk to the peers.
  ///
  /// *Throws* why the member cannot start; then nothing of it is left running.
  public static func start(
    _ settings: MemberSettings, logger: Logger
  ) async throws(ServerExit) -> MemberProcess {
    try settings.check()
    for remark in settings.remarks { logger.warning("\(remark)") }
    if !settings.joins, let warning = settings.initialCluster.sizeWarning {
      logger.warning("\(warning)")
    }
    logger.info(
      "quorate \(Version.quorate)",
      metadata: ["etcd-api": "\(Version.etcd)", "sqlite": "\(SQLiteVersion.inUse.text)"])
    logger.info("\(SQLiteVersion.inUse.notice)")
    let loops = Loops()
    let startedAt = MonotonicClock.now()
    do throws(ServerExit) {
      if !settings.hasDirectory { try await tryAddresses(settings, on: loops.replica.next()) }
      let place = try await place(for: settings, on: loops.replica.next(), logger)
      let opened = try await open(settings, place)
      do throws(ServerExit) {
        return try await start(settings, opened, startedAt, loops, logger)
      } catch {
        opened.close()
        throw error
      }
    } catch {
      for group in loops.all { try? await group.shutdownGracefully() }
      throw error
    }
  }

  /// Listens everywhere for a moment. A directory that is made belongs to its flags for ever, so
  /// it is not made for flags that cannot be used.
  private static func tryAddresses(
    _ settings: MemberSettings, on loop: any EventLoop
  ) async throws(ServerExit) {
    var listeners = try await listen(at: settings.listenPeerURLs, "--listen-peer-urls", on: loop)
    do throws(ServerExit) {
      listeners += try await listen(
        at: settings.listenClientURLs, "--listen-client-urls", on: loop)
    } catch {
      await close(listeners)
      throw error
    }
    await close(listeners)
  }

  private static func close(_ listeners: [PeerListener]) async {
    for listener in listeners { try? await listener.close().get() }
  }

  private static func start(
    _ settings: MemberSettings, _ opened: MemberThreads.Opened, _ startedAt: Instant,
    _ loops: Loops, _ logger: Logger
  ) async throws(ServerExit) -> MemberProcess {
    let identity = opened.identity
    let boot = Boot(UInt64.random(in: 1...UInt64.max))
    let replicaLoop = loops.replica.next()
    // Outside the quorum there is nothing to say to peers.
    let listeners =
      opened.poisoned == nil
      ? try await listen(at: settings.listenPeerURLs, "--listen-peer-urls", on: replicaLoop) : []

    let (leases, facts) = opened.followed
    let fate = Fate()
    let metrics = Metrics()
    let clientLoops = Array(loops.clients.makeIterator())
    let waiters = WaiterTable(shards: clientLoops.count, limit: 100_000)
    let board = opened.board
    let late = LateLoop()
    let door = ReplicaDoor { replicaLoop.execute { late.drain() } }
    let threads = MemberThreads()
    let watches = clientLoops.enumerated().map { number, loop in
      WatchDesk(
        on: loop, number: number, board: board, metrics: metrics, settings: settings,
        threads: threads)
    }
    let face = ClientFace(
      identity: identity, boot: boot, settings: settings, loops: clientLoops, board: board,
      door: door, waiters: waiters, metrics: metrics, watches: watches,
      backups: BackupDesk(board: board, threads: threads),
      readRows: { threads.read.post($0) }, flush: threads.flush, apply: threads.apply)
    let pages = HTTPPages(door: door, metrics: metrics, disk: opened.disk)
    let services = ClientServices(face, watches: watches, door: door, settings: settings)
    let servers = try await serve(
      settings, services.methods, pages, on: loops.clients, giveUp: listeners)

    let desks = zip(clientLoops, watches).map { loop, watches in
      ClientDesk.open(on: loop, face, watches)
    }
    threads.start(
      opened, files: StateFiles(directory: settings.dataDirectory), boot: boot, board: board,
      door: door, waiters: waiters, metrics: metrics, fate: fate, pace: settings.scrub,
      desks: desks, feeds: watches.map(\.feed))
    let outlets = ReplicaLoop.Outlets(
      log: { threads.log.post($0) },
      flush: { threads.flush.post($0) }, apply: { threads.apply.post($0) },
      snapshots: { threads.snapshot.post($0) },
      serve: { ready in desks[waiters.shard(of: ready.id)].post(.ready(ready)) },
      showHealth: { services.health.set(isServing: $0) })
    let home = try? await replicaLoop.submit {
      let home = ReplicaLoop(
        settings: settings, identity: identity, boot: boot, recovered: opened.recovered,
        leases: leases, upkeep: facts, poisoned: opened.poisoned, startedAt: startedAt,
        loop: replicaLoop, door: door, board: board, waiters: waiters, metrics: metrics,
        fate: fate, logger: logger, out: outlets)
      let transport = PeerTransport(
        me: identity.member, settings: settings.transport, loop: replicaLoop,
        seed: boot.number, now: MonotonicClock.now, owner: home)
      late.set(home)
      home.start(transport)
      for listener in listeners { transport.accept(from: listener) }
      home.drain()
      return NIOLoopBound(home, eventLoop: replicaLoop)
    }.get()
    guard let home else { preconditionFailure("the loop of the replica has ended at start") }
    let process = MemberProcess(
      settings: settings, isNew: opened.recovered == nil, identity: identity, fate: fate,
      door: door, threads: threads, servers: servers, listeners: listeners, services: services,
      home: home, loops: loops, logger: logger)
    process.announce(opened)
    return process
  }

  private func announce(_ opened: MemberThreads.Opened) {
    logger.info(
      "member \(settings.name)",
      metadata: [
        "member": "\(String(identity.member.number, radix: 16))",
        "cluster": "\(String(identity.cluster, radix: 16))",
        "data-dir": "\(settings.dataDirectory)",
        "start": isNew ? "forming" : "recovered",
      ])
    if let loss = opened.powerLoss {
      logger.info(
        "the disk is volatile: power loss",
        metadata: ["sectors-lost": "\(loss.lost)", "sectors-kept": "\(loss.kept)"])
    }
    if let poisoned = opened.poisoned {
      logger.error(
        """
        applying entry \(poisoned.number) ended this member's process twice: it stays outside \
        the quorum and serves serializable reads of the state before it. Start another version \
        of quorate, or add --apply-again to try once more
        """)
    }
    logger.info(
      "listening",
      metadata: [
        "clients": "\(settings.listenClientURLs.map(\.description).joined(separator: ","))",
        "peers": "\(settings.listenPeerURLs.map(\.description).joined(separator: ","))",
      ])
  }

  /// Opens the data directory on a thread of its own: it reads every row.
  private static func open(
    _ settings: MemberSettings, _ place: Place?
  ) async throws(ServerExit) -> MemberThreads.Opened {
    let result: Result<MemberThreads.Opened, ServerExit> = await withCheckedContinuation { done in
      let thread = Thread { done.resume(returning: MemberThreads.Opened.open(settings, place)) }
      thread.name = "open"
      thread.start()
    }
    return try result.get()
  }

  private static func listen(
    at urls: [MemberURL], _ flag: String, on loop: any EventLoop
  ) async throws(ServerExit) -> [PeerListener] {
    var listeners: [PeerListener] = []
    for url in urls {
      do {
        let address = PeerAddress(host: url.host, port: url.port)
        listeners.append(try await PeerTransport.listen(at: address, on: loop).get())
      } catch {
        await close(listeners)
        throw ServerExit(listening: error, flag: flag, url: url)
      }
    }
    return listeners
  }

  private static func serve(
    _ settings: MemberSettings, _ methods: MethodTable, _ pages: HTTPPages,
    on group: any EventLoopGroup, giveUp listeners: [PeerListener]
  ) async throws(ServerExit) -> [RPCServer] {
    var limits = ServerSettings()
    limits.messageLimitBytes = settings.requests.requestBytes + 512 * 1024
    var servers: [RPCServer] = []
    for url in settings.listenClientURLs {
      do throws(ListenFailure) {
        servers.append(
          try await RPCServer.start(
            host: url.host, port: url.port, settings: limits, methods: methods,
            http: { pages.handle($0) }, group: group))
      } catch {
        for server in servers { await server.shutDown(grace: .zero) }
        await close(listeners)
        throw ServerExit(listening: error, flag: "--listen-client-urls", url: url)
      }
    }
    return servers
  }

  // MARK: End

  /// How the member ends: `nil` after `shutDown`, else what has stopped it. Waits for it.
  public func ended() async -> ServerExit? {
    await withCheckedContinuation { done in fate.whenSealed { done.resume(returning: $0) } }
  }

  /// Hands leadership over, finishes what is in flight, closes the files. Returns when no thread
  /// is left.
  public func shutDown() async {
    let isFirst = hasEnded.withLock { hasEnded in
      let isFirst = !hasEnded
      hasEnded = true
      return isFirst
    }
    guard isFirst else {
      _ = await ended()
      return
    }
    if !fate.isSealed {
      await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
        door.errands.offer(.visit { home in home.whenDrained { done.resume() } })
        door.errands.offer(.shutdown)
      }
    }
    await services.stop()
    for server in servers { await server.shutDown(grace: .seconds(1)) }
    await stop()
    logger.info("ended")
    fate.seal(nil)
  }

  /// Stops as a crash would, as far as a process can that goes on: nothing is handed over or
  /// flushed beyond what is under way.
  public func abandon() async {
    guard
      hasEnded.withLock({ hasEnded in
        defer { hasEnded = true }
        return !hasEnded
      })
    else { return }
    for server in servers { await server.shutDown(grace: .zero) }
    await stop()
    fate.seal(nil)
  }

  private func stop() async {
    try? await home.eventLoop.submit { [home] in home.value.stop() }.get()
    door.close()
    await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
      let thread = Thread { [threads] in
        threads.finish()
        done.resume()
      }
      thread.start()
    }
    for group in loops.all { try? await group.shutdownGracefully() }
  }
}

/// The replica's loop, for the door that is made before it. Belongs to the loop alone.
private final class LateLoop: @unchecked Sendable {
  // Protected by the event loop: both functions are called on it and nowhere else.
  private var home: ReplicaLoop?

  func set(_ home: ReplicaLoop) { self.home = home }

  func drain() { home?.drain() }
}

extension MemberThreads.Opened {
  /// Shows the state as it was found.
  fileprivate var board: Board {
    Board(
      root: adopted.store.value.root,
      view: Board.View(
        header: AnswerHeader(
          cluster: identity.cluster, member: identity.member.number,
          raftTerm: recovered?.hardState.currentTerm.number ?? 0),
        members: MemberDirectory([])))
  }

  /// What the replica follows of the store, as it is now.
  fileprivate var followed: (LeaseImage, UpkeepFacts) {
    (adopted.store.value.leaseImage, adopted.store.value.facts)
  }
}

extension ServerExit {
  fileprivate init(listening error: any Error, flag: String, url: MemberURL) {
    switch ListenFailure(error) {
    case .addressInUse: self = .addressInUse(flag: flag, address: "\(url.host):\(url.port)")
    case .addressNotAvailable: self = .badFlags("\(flag)=\(url) is no address of this machine")
    case .notPermitted: self = .badFlags("\(flag)=\(url) needs rights that this process lacks")
    case .other(let reason): self = .badFlags("\(flag)=\(url): \(reason)")
    }
  }
}
