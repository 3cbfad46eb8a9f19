package import FaultyStorage
package import Raft
package import Host
import EtcdAPI
import NIOCore
import NIOPosix
package import RPC
import Replica
import Services
import Storage

/// One client loop: its requests, watches, locks and pages. What they have waited for comes as
/// letters, and is taken up here.
///
/// Confined to its event loop.
final class ClientLoop: LoopConsumer, @unchecked Sendable {
  let loop: any EventLoop
  let handlers: KVHandlers
  let watches: WatchHandler
  let lockCalls: LockHandler
  let health: HealthHandler
  let pages: HTTPPages
  private let wakeUp: LoopWakeUp
  private let inbox: Inbox<ClientLetter>
  private let feed: WatchFeed
  private let writes: FlushHold

  /// `writes`: of the connections of this loop.
  init(_ context: ClientContext, backups: BackupHandler, disk: FaultyDisk?, writes: FlushHold) {
    loop = context.loop
    wakeUp = context.wakeUp
    self.writes = writes
    inbox = context.inboxes.clients[context.number]
    feed = context.inboxes.feeds[context.number]
    handlers = KVHandlers(context, backups: backups)
    watches = WatchHandler(context)
    lockCalls = LockHandler(context, handlers: handlers, watches: watches)
    health = HealthHandler(context)
    pages = HTTPPages(context, disk: disk)
  }

  /// On the loop: from now on letters are taken up.
  func start() {
    wakeUp.serve(self)
    drain()
  }

  /// Takes up everything that has come; each connection is written once.
  func drain() {
    writes.hold {
      watches.take(feed.drain())
      for letter in inbox.drain() { take(letter) }
    }
  }

  private func take(_ letter: ClientLetter) {
    switch letter {
    case .applied(let answers): handlers.take(answers)
    case .ready(let ready): handlers.serve(ready)
    case .answered(let answer): handlers.take(answer)
    case .view(let id, let readView): handlers.take(readView, for: id)
    case .watches(let letter): watches.take(letter)
    case .rows(let id, let rows): handlers.take(rows, for: id)
    case .leaseKeys(let id, let keys): handlers.take(keys: keys, for: id)
    case .purged(let id): handlers.purged(id)
    case .unpurged(let id): handlers.unpurged(id)
    case .defragmented(let id): handlers.defragmented(id)
    case .report(let id, let report):
      if !pages.take(report, for: id) { handlers.take(report, for: id) }
    case .leaseTime(let id, let time): handlers.take(time, for: id)
    case .leases(let id, let ids): handlers.take(leases: ids, for: id)
    case .links(let id, let links): pages.take(links, for: id)
    case .serving(let isServing): health.set(isServing: isServing)
    }
  }

  /// On the loop: the member stops. Ends what would go on until its client ends it.
  func stop() {
    health.stop()
    lockCalls.stop()
    watches.stop()
  }

  /// On the loop, at the very end.
  func close() { wakeUp.serve(nil) }
}

/// All client loops, and the table of methods that they serve.
package struct ClientLoops: Sendable {
  private let loops: [ClientLoop]
  private let places: [ObjectIdentifier: Int]

  /// `wakeUps`: one for each client loop; `disk`: of a lab's member, else `nil`; `holds`: of the
  /// connections of the loops.
  package init(
    _ member: MemberContext, me: MemberID, boot: Boot, settings: HandlerSettings,
    on wakeUps: [LoopWakeUp], backups: BackupHandler, disk: FaultyDisk?, holds: FlushHolds
  ) {
    loops = wakeUps.enumerated().map { number, wakeUp in
      ClientLoop(
        ClientContext(
          member: member, me: me, boot: boot, settings: settings, wakeUp: wakeUp, number: number,
          requests: RequestCounter(member.inboxes.numbers, loop: number)),
        backups: backups, disk: disk, writes: holds[wakeUp.loop])
    }
    places = Dictionary(
      uniqueKeysWithValues: loops.enumerated().map { (ObjectIdentifier($1.loop), $0) })
  }

  package var methods: MethodTable {
    var table = MethodTable()
    for method in KVService.Method.allCases {
      table.unary(method.path) { [self] call in current.handlers.handle(method, OpenCall(call)) }
    }
    for (path, handle) in KVHandlers.unaryMethods {
      table.unary(path) { [self] call in handle(current.handlers, OpenCall(call)) }
    }
    table.stream(EtcdMethod.Watch.watch) { [self] call in current.watches.open(call) }
    table.stream(EtcdMethod.Lease.leaseKeepAlive) { [self] call in current.handlers.keepAlive(call)
    }
    table.stream(EtcdMethod.Maintenance.snapshot) { [self] call in current.handlers.snapshot(call) }
    for method in LockHandler.methods {
      table.stream(method) { [self] call in current.lockCalls.open(call) }
    }
    table.unary(EtcdMethod.Health.check) { [self] call in current.health.check(OpenCall(call)) }
    table.stream(EtcdMethod.Health.watch) { [self] call in current.health.open(call) }
    ReflectionHandler.add(to: &table)
    return table
  }

  package func handle(_ call: HTTPCall) { current.pages.handle(call) }

  package func start() async { await onEach { $0.start() } }
  package func stop() async { await onEach { $0.stop() } }
  package func close() async { await onEach { $0.close() } }

  private func onEach(_ body: @escaping @Sendable (ClientLoop) -> Void) async {
    for loop in loops { try? await loop.loop.submit { body(loop) }.get() }
  }

  /// The one that this runs on.
  private var current: ClientLoop {
    guard let loop = MultiThreadedEventLoopGroup.currentEventLoop,
      let place = places[ObjectIdentifier(loop)]
    else { preconditionFailure("a client's call is handled outside the client loops") }
    return loops[place]
  }
}
