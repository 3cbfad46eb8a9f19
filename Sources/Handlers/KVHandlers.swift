import Base
import Host
import EtcdAPI
import KeyValue
import Member
import NIOCore
import RPC
import Raft
import Replica
import Services

/// The unary calls of one client loop: calls become requests to the replica, and what comes of them
/// becomes answers. Nothing here waits.
///
/// Confined to its loop. In reading order: this file is what is asked; `+Answers` what comes back;
/// `+Leases`, `+Members`, `+Maintenance` and `+Upkeep` the services beside the keys.
final class KVHandlers {
  let context: ClientContext
  let service: KVService
  let leases: LeaseService
  let backups: BackupHandler
  var waiters: WaiterTable<Waiter>
  /// Rows that were read lately.
  var cache = RowCache(limitBytes: 4 << 20)

  /// Calls of one loop that may wait.
  private static let waitersLimit = 100_000

  init(_ context: ClientContext, backups: BackupHandler) {
    self.context = context
    self.backups = backups
    service = KVService(limits: context.settings.requests)
    leases = LeaseService(shortestTTL: LeaseService.shortestTTL(context.settings.replica))
    waiters = WaiterTable(
      context.requests, limit: Self.waitersLimit, pending: context.metrics.pendingCalls)
  }

  var published: PublishedState { context.published }
  var metrics: Metrics { context.metrics }
  var inboxes: MemberInboxes { context.inboxes }

  /// Every unary method but those of the keys, with what handles it.
  static let unaryMethods: [(path: String, handle: @Sendable (KVHandlers, OpenCall) -> Void)] = [
    (EtcdMethod.Lease.leaseGrant, { $0.grantLease($1) }),
    (EtcdMethod.Lease.leaseRevoke, { $0.revokeLease($1) }),
    (EtcdMethod.Lease.leaseTimeToLive, { $0.timeToLive($1) }),
    (EtcdMethod.Lease.leaseLeases, { $0.read(.leases, .linearizable, $1) }),
    (EtcdMethod.Cluster.memberList, { $0.memberList($1) }),
    (EtcdMethod.Cluster.memberAdd, { $0.addMember($1) }),
    (EtcdMethod.Cluster.memberRemove, { $0.removeMember($1) }),
    (EtcdMethod.Cluster.memberUpdate, { $0.updateMember($1) }),
    (EtcdMethod.Cluster.memberPromote, { $0.promoteMember($1) }),
    (EtcdMethod.Maintenance.moveLeader, { $0.moveLeader($1) }),
    (EtcdMethod.Maintenance.status, { $0.status($1) }),
    (EtcdMethod.Maintenance.hash, { $0.hash($1) }),
    (EtcdMethod.Maintenance.hashKV, { $0.hashKV($1) }),
    (EtcdMethod.Maintenance.alarm, { $0.alarm($1) }),
    (EtcdMethod.Maintenance.defragment, { $0.defragment($1) }),
    (EtcdMethod.Maintenance.downgrade, { $0.downgrade($1) }),
  ]

  // MARK: Requests

  func handle(_ method: KVService.Method, _ call: OpenCall) {
    let plan = service.plan(
      method, body: call.body,
      maxStaleness: call.context.metadata.first(QuorateMetadata.maxStaleness))
    switch plan {
    case .refused(let status): refuseInvalid(call, status)
    case .read(let plan): read(plan, call)
    case .proposal(let proposal): propose(proposal, call)
    }
  }

  /// Proposes what `plan` makes of the message.
  func propose(_ call: OpenCall, _ plan: ([UInt8]) throws(EtcdStatus) -> ProposalPlan) {
    do throws(EtcdStatus) {
      propose(try plan(call.body), call)
    } catch {
      refuseInvalid(call, error)
    }
  }

  func propose(_ plan: ProposalPlan, _ call: OpenCall) {
    let now = MonotonicClock.now()
    let waiter = Waiter(
      call: call, kind: .command(waitsForPurge: plan.waitsForPurge), arrived: now)
    guard let id = waiters.insert(waiter) else { return refuseMore(call) }
    let origin = CommandOrigin(
      member: context.me.number, boot: context.boot.number, sequence: id.number)
    let request = ProposalRequest(
      id: id, command: CommandEnvelope(origin: origin, command: plan.command).encoded(),
      deadline: deadline(of: call, now), isGrowing: plan.isGrowing, isUpkeep: plan.isUpkeep)
    giveUpUnless(inboxes.replica.commands.offer(request, isUrgent: false), id)
  }

  /// A read that may miss something is served on the spot, if the replica has given leave.
  private func read(_ plan: ReadPlan, _ call: OpenCall) {
    guard case .serializable(let maxStaleness) = plan.consistency,
      let pass = published.serializablePass
    else { return read(.read(plan), plan.consistency, call) }
    let ready = ReadReady(
      id: RequestID(0), index: .zero, freshAsOf: pass.freshAsOf, maxStaleness: maxStaleness,
      committed: pass.committed)
    serve(call, plan, ready)
  }

  func read(_ kind: Waiter.Kind, _ consistency: ReadConsistency, _ call: OpenCall) {
    let now = MonotonicClock.now()
    let waiter = Waiter(call: call, kind: kind, arrived: now)
    guard let id = waiters.insert(waiter) else { return refuseMore(call) }
    let request = ReadRequest(
      id: id, consistency: consistency, deadline: deadline(of: call, now))
    giveUpUnless(
      inboxes.replica.reads.offer(request, isUrgent: consistency != .linearizable), id)
  }

  /// Asks the replica's loop, which answers by a letter of its own kind.
  func ask(_ kind: Waiter.Kind, _ call: OpenCall, _ letter: (RequestID, Instant) -> ControlLetter) {
    let now = MonotonicClock.now()
    let waiter = Waiter(call: call, kind: kind, arrived: now)
    guard let id = waiters.insert(waiter) else { return refuseMore(call) }
    giveUpUnless(inboxes.replica.control.offer(letter(id, deadline(of: call, now))), id)
  }

  /// Lets a call wait for the thread of a lane, whose inbox takes whatever comes.
  func wait(
    _ kind: Waiter.Kind, _ call: OpenCall, since arrived: Instant = MonotonicClock.now(),
    _ post: (RequestID) -> Void
  ) {
    let waiter = Waiter(call: call, kind: kind, arrived: arrived)
    guard let id = waiters.insert(waiter) else { return refuseMore(call) }
    post(id)
  }

  /// Ends a call whose request found its inbox full.
  private func giveUpUnless(_ isTaken: Bool, _ id: RequestID) {
    if !isTaken, let waiter = waiters.take(id) { refuseMore(waiter.call) }
  }

  private func refuseMore(_ call: OpenCall) {
    metrics.refused(.overloaded)
    call.fail(RPCStatus(.tooManyRequests))
  }

  func refuseInvalid(_ call: OpenCall, _ status: EtcdStatus) {
    metrics.refused(.invalid)
    call.fail(RPCStatus(status))
  }

  /// When the client gives up, or when etcd would.
  private func deadline(of call: OpenCall, _ now: Instant) -> Instant {
    let latest = now + context.settings.requestTimeout
    guard let deadline = call.context.deadline else { return latest }
    let rest = deadline - NIODeadline.now()
    return min(latest, now + .nanoseconds(rest.nanoseconds))
  }

  // MARK: Ready reads

  /// Serves a read whose state is there.
  func serve(_ call: OpenCall, _ plan: ReadPlan, _ ready: ReadReady) {
    if let readView = published.readView { return serve(call, plan, ready, readView) }
    wait(.ready(plan, ready), call) { id in inboxes.apply.post(.show(.client(id))) }
  }

  /// Answers from memory, or hands the read to the thread that may wait for the disk.
  func serve(_ call: OpenCall, _ plan: ReadPlan, _ ready: ReadReady, _ readView: ReadView) {
    precondition(
      readView.meta.appliedIndex >= ready.index.number,
      "a read at \(ready.index.number) meets a state at \(readView.meta.appliedIndex)")
    switch plan.kind {
    case .range(let request):
      switch readView.resolve(request) {
      case .success(let range): serve(call, plan, ready, range)
      case .failure(let error): call.fail(RPCStatus(EtcdStatus(error)))
      }
    case .txn(let request):
      switch readView.transact(request, cache: &cache) {
      case .answer(let response): answer(call, plan, ready, .txn(response, readView.meta))
      case .refused(let error): answer(call, plan, ready, .failed(error))
      case .misses:
        wait(.rows(plan, ready), call) { id in inboxes.reads.post(.txn(id, request, readView)) }
      }
    }
  }

  private func serve(
    _ call: OpenCall, _ plan: ReadPlan, _ ready: ReadReady, _ range: ResolvedRange
  ) {
    if range.isScan, range.isInMemory {
      do {
        let body = try KVService.body(range, reading: nil, published.header)
        return answer(call, plan, ready, .range(body, range.meta))
      } catch {
        preconditionFailure("memory alone cannot fail with \(error)")
      }
    }
    if !range.isScan {
      switch range.response(cache: &cache) {
      case .answer(let response):
        let body = KVService.body(response, published.header)
        return answer(call, plan, ready, .range(body, range.meta))
      case .refused(let error): return answer(call, plan, ready, .failed(error))
      case .misses: break
      }
    }
    wait(.rows(plan, ready), call) { id in inboxes.reads.post(.range(id, range)) }
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
