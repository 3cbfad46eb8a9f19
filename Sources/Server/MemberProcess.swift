import Member
import Base
import FaultyStorage
import Handlers
public import Host
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
/// Threads as in Docs/Architecture.md, *Threads of a member*: one event loop owns the replica and
/// the peers' sockets; the files have a thread each; clients have loops of their own. What decides
/// lives in `Replica`; here it is carried out.
public final class MemberProcess: Sendable {
  public let settings: MemberSettings
  /// Where peers and clients reach it; of interest when port zero was asked for.
  public let peerPorts: [Int]
  public let clientPorts: [Int]
  /// It was started without the first configuration of a store: it has promised nothing.
  let isNew: Bool
  private let identity: Identity
  private let exitLatch: ExitLatch
  private let inboxes: MemberInboxes
  private let threads: MemberThreads
  private let servers: [RPCServer]
  private let clients: ClientLoops
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
    settings: MemberSettings, isNew: Bool, identity: Identity, _ member: MemberContext,
    threads: MemberThreads, servers: [RPCServer], listeners: [PeerListener],
    clients: ClientLoops, home: NIOLoopBound<ReplicaLoop>, loops: Loops, logger: Logger
  ) {
    self.settings = settings
    self.isNew = isNew
    self.identity = identity
    exitLatch = member.exitLatch
    inboxes = member.inboxes
    self.threads = threads
    self.servers = servers
    self.clients = clients
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
      if !settings.host.hasDirectory { try await tryAddresses(settings, on: loops.replica.next()) }
      let place = try await Place.find(
        for: settings.host, on: loops.replica.next(), logger)
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

    let replicaWakeUp = LoopWakeUp(replicaLoop)
    let clientWakeUps = loops.clients.makeIterator().map { LoopWakeUp($0) }
    let inboxes = MemberInboxes(
      replica: .loop(replicaWakeUp), clients: clientWakeUps.map { .loop($0) })
    let member = MemberContext(
      published: opened.published, metrics: Metrics(), exitLatch: ExitLatch(), inboxes: inboxes)
    let holds = FlushHolds(loops.clients)
    let backups = BackupHandler(published: member.published, inboxes)
    let clients = ClientLoops(
      member, me: identity.member, boot: boot, settings: settings.handlers, on: clientWakeUps,
      backups: backups, disk: opened.disk, holds: holds)
    await clients.start()
    let servers: [RPCServer]
    do throws(ServerExit) {
      servers = try await serve(settings, clients, holds, on: loops.clients, giveUp: listeners)
    } catch {
      await clients.close()
      throw error
    }
    let start = ReplicaLoop.Start(
      identity: identity, boot: boot, recovered: opened.recovered,
      leases: opened.adopted.value.store.leaseImage, upkeep: opened.adopted.value.store.facts,
      poisoned: opened.poisoned, startedAt: startedAt)
    let host = settings.host
    let threads = MemberThreads(
      opened, boot: boot, settings: host,
      backup: LaneThread(
        "backup", inboxes.backup,
        BackupThread(directory: settings.dataDirectory, member, backups)),
      reading: LaneThread(
        "read", inboxes.reads, RowReaderThread(reader: opened.adopted.value.readers.reads, member)),
      member)
    let home = try? await replicaLoop.submit {
      let home = ReplicaLoop(start, settings: host, on: replicaWakeUp, member, logger)
      let transport = PeerTransport(
        me: identity.member, settings: host.transport, loop: replicaLoop,
        seed: boot.number, now: MonotonicClock.now, owner: home)
      home.start(transport)
      for listener in listeners { transport.accept(from: listener) }
      return NIOLoopBound(home, eventLoop: replicaLoop)
    }.get()
    guard let home else { preconditionFailure("the loop of the replica has ended at start") }
    let process = MemberProcess(
      settings: settings, isNew: opened.recovered == nil, identity: identity, member,
      threads: threads, servers: servers, listeners: listeners, clients: clients, home: home,
      loops: loops, logger: logger)
    process.announce(opened)
    return process
  }

  private func announce(_ opened: MemberThreads.Opened) {
    logger.info(
      "member \(settings.name)",
      metadata: [
        "member": "\(hexadecimal(identity.member.number))",
        "cluster": "\(hexadecimal(identity.cluster))",
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
      let thread = Thread {
        done.resume(returning: MemberThreads.Opened.open(settings.host, place))
      }
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
    _ settings: MemberSettings, _ clients: ClientLoops, _ holds: FlushHolds,
    on group: any EventLoopGroup, giveUp listeners: [PeerListener]
  ) async throws(ServerExit) -> [RPCServer] {
    var limits = ServerSettings()
    limits.messageLimitBytes = settings.requests.requestBytes + 512 * 1024
    var servers: [RPCServer] = []
    for url in settings.listenClientURLs {
      do throws(ListenFailure) {
        servers.append(
          try await RPCServer.start(
            host: url.host, port: url.port, settings: limits, methods: clients.methods,
            http: { clients.handle($0) }, group: group, holds: holds))
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
    await exitLatch.sealed()
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
    if !exitLatch.isSealed {
      await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
        if !inboxes.replica.control.offer(.shutDown(done)) { done.resume() }
      }
    }
    await clients.stop()
    for server in servers { await server.shutDown(grace: .seconds(1)) }
    await stop()
    logger.info("ended")
    exitLatch.seal(nil)
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
    exitLatch.seal(nil)
  }

  private func stop() async {
    try? await home.eventLoop.submit { [home] in home.value.stop() }.get()
    inboxes.replica.close()
    await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
      let thread = Thread { [threads] in
        threads.finish()
        done.resume()
      }
      thread.start()
    }
    await clients.close()
    for group in loops.all { try? await group.shutdownGracefully() }
  }
}

extension MemberThreads.Opened {
  /// Shows the state as it was found.
  fileprivate var published: PublishedState {
    PublishedState(
      readView: adopted.value.store.readView,
      view: PublishedState.View(
        cluster: identity.cluster, member: identity.member.number,
        raftTerm: recovered?.hardState.currentTerm.number ?? 0,
        members: MemberDirectory([])))
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
