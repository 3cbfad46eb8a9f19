import Base
import EtcdAPI
import KeyValue
import Member
import NIOCore
import NIOPosix
import RPC
import Raft
import Replica
import Services
import Storage

/// What clients see: calls become requests to the replica, and ready reads become answers. Its
/// functions run on the loop of the client's connection and never wait.
final class ClientFace: Sendable {
  let identity: Identity
  let boot: Boot
  let service: KVService
  let leases: LeaseService
  let requestTimeout: Duration
  let board: Board
  let door: ReplicaDoor
  let waiters: WaiterTable
  let metrics: Metrics
  let answers: ReadAnswers
  let readRows: @Sendable (RowReaderThread.Job) -> Void
  /// One for each client loop.
  let watches: [WatchDesk]
  let backups: BackupDesk
  let flush: Worker<Flusher.Job>
  let apply: Worker<Applier.Job>
  private let shards: [ObjectIdentifier: Int]
  /// Rows that were read lately, for each client loop.
  private let caches: [NIOLoopBoundBox<RowCache>]

  /// `loops`: the client loops; the shard of a request is its loop's place among them.
  init(
    identity: Identity, boot: Boot, settings: MemberSettings, loops: [any EventLoop],
    board: Board, door: ReplicaDoor, waiters: WaiterTable, metrics: Metrics,
    watches: [WatchDesk], backups: BackupDesk,
    readRows: @escaping @Sendable (RowReaderThread.Job) -> Void,
    flush: Worker<Flusher.Job>, apply: Worker<Applier.Job>
  ) {
    self.identity = identity
    self.boot = boot
    service = KVService(limits: settings.requests)
    leases = LeaseService(shortestTTL: LeaseService.shortestTTL(settings.replica))
    requestTimeout = settings.requestTimeout
    self.board = board
    self.door = door
    self.waiters = waiters
    self.metrics = metrics
    answers = ReadAnswers(board: board, metrics: metrics)
    self.readRows = readRows
    self.flush = flush
    self.apply = apply
    self.watches = watches
    self.backups = backups
    caches = loops.map {
      NIOLoopBoundBox.makeBoxSendingValue(RowCache(limitBytes: 4 << 20), eventLoop: $0)
    }
    shards = Dictionary(
      uniqueKeysWithValues: loops.enumerated().map { (ObjectIdentifier($1), $0) })
  }

  var methods: MethodTable {
    var table = MethodTable()
    for method in KVService.Method.allCases {
      table.unary(method.path) { [self] call in handle(method, call) }
    }
    table.stream(EtcdMethod.Watch.watch) { [self] call in watches[shard].open(call) }
    addLeases(to: &table)
    addMembers(to: &table)
    table.unary(EtcdMethod.Maintenance.status) { [self] call in status(call) }
    table.unary(EtcdMethod.Maintenance.hash) { [self] call in hash(call) }
    table.unary(EtcdMethod.Maintenance.hashKV) { [self] call in hashKV(call) }
    addUpkeep(to: &table)
    return table
  }

  // MARK: Requests

  func handle(_ method: KVService.Method, _ call: UnaryCall) {
    let plan = service.plan(
      method, body: Array(call.message.readableBytesView),
      maxStaleness: call.context.metadata.first(QuorateMetadata.maxStaleness))
    switch plan {
    case .refused(let status):
      metrics.refused(.invalid)
      call.fail(RPCStatus(status))
    case .read(let plan): read(plan, call)
    case .proposal(let proposal): propose(proposal, call)
    }
  }

  func propose(_ plan: ProposalPlan, _ call: UnaryCall) {
    let now = MonotonicClock.now()
    let waiter = Waiter(
      call: call, kind: .command(waitsForScrub: plan.waitsForScrub), arrived: now)
    guard let id = waiters.insert(waiter, shard: shard) else { return tooMany(call) }
    let origin = CommandOrigin(
      member: identity.member.number, boot: boot.number, sequence: id.number)
    let request = ProposalRequest(
      id: id, command: CommandEnvelope(origin: origin, command: plan.command).encoded(),
      deadline: deadline(of: call, now), isGrowing: plan.isGrowing, isUpkeep: plan.isUpkeep)
    if !door.commands.offer(request, isUrgent: false), let waiter = waiters.take(id) {
      tooMany(waiter.call)
    }
  }

  /// A read that may miss something is served on the spot, if the replica has given leave.
  private func read(_ plan: ReadPlan, _ call: UnaryCall) {
    guard case .serializable(let maxStaleness) = plan.consistency,
      let pass = board.serializablePass
    else { return read(.read(plan), plan.consistency, call) }
    let ready = ReadReady(
      id: RequestID(0), index: .zero, freshAsOf: pass.freshAsOf, maxStaleness: maxStaleness,
      committed: pass.committed)
    let waiter = Waiter(call: call, kind: .read(plan), arrived: MonotonicClock.now())
    serve(waiter, plan, ready)
  }

  func read(_ kind: Waiter.Kind, _ consistency: ReadConsistency, _ call: UnaryCall) {
    let now = MonotonicClock.now()
    let waiter = Waiter(call: call, kind: kind, arrived: now)
    guard let id = waiters.insert(waiter, shard: shard) else { return tooMany(call) }
    let request = ReadRequest(
      id: id, consistency: consistency, deadline: deadline(of: call, now))
    if !door.reads.offer(request, isUrgent: consistency != .linearizable),
      let waiter = waiters.take(id)
    {
      tooMany(waiter.call)
    }
  }

  func tooMany(_ call: UnaryCall) {
    metrics.refused(.overloaded)
    call.fail(RPCStatus(.tooManyRequests))
  }

  /// When the client gives up, or when etcd would.
  func deadline(of call: UnaryCall, _ now: Instant) -> Instant {
    let latest = now + requestTimeout
    guard let deadline = call.context.deadline else { return latest }
    let rest = deadline - NIODeadline.now()
    return min(latest, now + .nanoseconds(rest.nanoseconds))
  }

  /// The place of the loop that this runs on.
  var shard: Int {
    guard let loop = MultiThreadedEventLoopGroup.currentEventLoop,
      let shard = shards[ObjectIdentifier(loop)]
    else { preconditionFailure("a client's call is handled outside the client loops") }
    return shard
  }

  // MARK: Ready reads

  /// Serves a read whose state is there, on the loop of its client.
  func serve(_ ready: ReadReady) {
    guard let waiter = waiters.take(ready.id) else { return }
    switch waiter.kind {
    case .command, .hashKV, .change, .moveLeader, .leaseKeys, .ready, .defragment:
      preconditionFailure("\(waiter.kind) \(ready.id.number) came back as a read")
    case .memberList: answerMemberList(waiter.call)
    case .timeToLive(let question): answer(question, waiter.call)
    case .leases: answerLeases(waiter.call)
    case .alarms(let kind): answerAlarms(kind, waiter.call)
    case .read(let plan): serve(waiter, plan, ready)
    }
  }

  private func serve(_ waiter: Waiter, _ plan: ReadPlan, _ ready: ReadReady) {
    if let root = board.root { return serve(waiter, plan, ready, root) }
    seek(Waiter(call: waiter.call, kind: .ready(plan, ready), arrived: waiter.arrived))
  }

  /// Lets a call wait for the root that the applier shows next: it comes to this loop, to `take`.
  func seek(_ waiter: Waiter) {
    guard let id = waiters.insert(waiter, shard: shard) else { return tooMany(waiter.call) }
    apply.post(.show(.client(id)))
  }

  /// The root that a call has waited for.
  func take(_ root: Root, for id: RequestID) {
    guard let waiter = waiters.take(id) else { return }
    switch waiter.kind {
    case .ready(let plan, let ready):
      let reader = Waiter(call: waiter.call, kind: .read(plan), arrived: waiter.arrived)
      serve(reader, plan, ready, root)
    case .hashKV(let revision): readRows(.hashKV(waiter, root, revision: revision))
    case .command, .read, .memberList, .timeToLive, .leases, .leaseKeys, .defragment, .change,
      .moveLeader, .alarms:
      preconditionFailure("\(waiter.kind) \(id.number) is shown the state")
    }
  }

  /// Answers from memory, or hands the read to the thread that may wait for the disk.
  private func serve(_ waiter: Waiter, _ plan: ReadPlan, _ ready: ReadReady, _ root: Root) {
    precondition(
      root.meta.appliedIndex >= ready.index.number,
      "a read at \(ready.index.number) meets a state at \(root.meta.appliedIndex)")
    switch plan.kind {
    case .range(let request):
      switch root.settle(request) {
      case .success(let range): serve(waiter, range, ready)
      case .failure(let error): answers.fail(waiter, error)
      }
    case .txn(let request):
      let cache = caches[shard]
      switch root.transact(request, cache: &cache.value) {
      case .answer(let response): answers.txn(waiter, response, root, ready)
      case .refused(let error): answers.fail(waiter, error)
      case .misses: readRows(.txn(waiter, request, root, ready))
      }
    }
  }

  private func serve(_ waiter: Waiter, _ range: SettledRange, _ ready: ReadReady) {
    guard !range.isScan else {
      guard range.isInMemory else { return readRows(.range(waiter, range, ready)) }
      do {
        return answers.range(waiter, try answers.body(range, reading: nil), range.meta, ready)
      } catch {
        preconditionFailure("memory alone cannot fail with \(error)")
      }
    }
    let cache = caches[shard]
    switch range.response(cache: &cache.value) {
    case .answer(let response):
      answers.range(waiter, answers.body(response), range.meta, ready)
    case .refused(let error): answers.fail(waiter, error)
    case .misses: readRows(.range(waiter, range, ready))
    }
  }

  func answerMemberList(_ call: UnaryCall) {
    let view = board.view
    call.answer(ClusterService.memberList(view.members, view.header).encodedBytes)
  }
}

extension KVService.Method {
  var path: String {
    switch self {
    case .range: EtcdMethod.KV.range
    case .put: EtcdMethod.KV.put
    case .deleteRange: EtcdMethod.KV.deleteRange
    case .txn: EtcdMethod.KV.txn
    case .compact: EtcdMethod.KV.compact
    }
  }
}
