import EtcdAPI
import KeyValue
import Member
import NIOCore
import RPC
import Replica
import Services
import Synchronization

/// The service `etcdserverpb.Lease`: grants, revocations and keep-alives are commands as any other,
/// questions are linearizable reads.
extension ClientFace {
  func addLeases(to table: inout MethodTable) {
    table.unary(EtcdMethod.Lease.leaseGrant) { [self] call in grantLease(call) }
    table.unary(EtcdMethod.Lease.leaseRevoke) { [self] call in revokeLease(call) }
    table.unary(EtcdMethod.Lease.leaseTimeToLive) { [self] call in
      do throws(EtcdStatus) {
        let question = try leases.timeToLive(body: Array(call.message.readableBytesView))
        read(.timeToLive(question), .linearizable, call)
      } catch {
        call.fail(RPCStatus(error))
      }
    }
    table.unary(EtcdMethod.Lease.leaseLeases) { [self] call in
      read(.leases, .linearizable, call)
    }
    table.stream(EtcdMethod.Lease.leaseKeepAlive) { [self] call in
      let stream = KeepAliveStream(call: call, face: self)
      return { stream.take($0) }
    }
  }

  func grantLease(_ call: UnaryCall) {
    propose(call) { body throws(EtcdStatus) in
      // The command carries the id, so that every member gives the lease the same.
      try leases.grant(
        body: body, freshID: Int64.random(in: 1...Int64.max),
        isSpaceShort: board.meta.alarms.contains { $0.kind == .noSpace })
    }
  }

  func revokeLease(_ call: UnaryCall) {
    propose(call) { body throws(EtcdStatus) in try leases.revoke(body: body) }
  }

  func propose(
    _ call: UnaryCall, _ plan: ([UInt8]) throws(EtcdStatus) -> ProposalPlan
  ) {
    do throws(EtcdStatus) {
      propose(try plan(Array(call.message.readableBytesView)), call)
    } catch {
      metrics.refused(.invalid)
      call.fail(RPCStatus(error))
    }
  }

  // MARK: Questions whose state is there

  func answer(_ question: LeaseService.Question, _ call: UnaryCall) {
    visit(call) { [board, waiters, shard, self] home, replica in
      let now = MonotonicClock.now()
      let time = replica.remaining(ofLease: question.id, at: now)
      guard question.wantsKeys, let time else {
        return call.answer(
          LeaseService.timeToLive(
            question.id, time, keys: [], revision: board.meta.revision, board.header
          ).encodedBytes)
      }
      let kind = Waiter.Kind.leaseKeys(question.id, granted: time.granted, left: time.left)
      let waiter = Waiter(call: call, kind: kind, arrived: now)
      guard let id = waiters.insert(waiter, shard: shard) else { return tooMany(call) }
      home.out.apply(.leaseKeys(question.id, id))
    }
  }

  func answerLeases(_ call: UnaryCall) {
    visit(call) { [board] _, replica in
      call.answer(
        LeaseService.leases(
          replica.leasesByDeadline, revision: board.meta.revision, board.header
        ).encodedBytes)
    }
  }

  /// Looks at the replica on its loop.
  func visit(
    _ call: UnaryCall,
    _ look: @escaping @Sendable (ReplicaLoop, borrowing ReplicaCore) -> Void
  ) {
    let isTaken = door.errands.offer(
      .visit { [board] home in
        guard home.replica != nil else {
          return call.fail(FailedAnswer(home.idle, members: board.view.members))
        }
        look(home, home.replica!)
      })
    if !isTaken { call.fail(RPCStatus(.tooManyRequests)) }
  }
}

/// One client's stream of keep-alives. Each message is a command of its own, and is answered when
/// that is applied; the first that fails ends the stream, as in etcd.
private final class KeepAliveStream: Sendable {
  private struct State {
    var unanswered = 0
    /// The client asks nothing more.
    var isHalfClosed = false
    var isOver = false
  }

  private let call: StreamCall
  private let face: ClientFace
  private let state = Mutex(State())

  init(call: StreamCall, face: ClientFace) {
    self.call = call
    self.face = face
  }

  func take(_ event: StreamEvent) {
    switch event {
    case .message(let message): ask(message)
    case .halfClosed:
      settle { $0.isHalfClosed = true }
    case .writable: break
    case .cancelled: state.withLock { $0.isOver = true }
    }
  }

  private func ask(_ message: ByteBuffer) {
    let isOver = state.withLock { state in
      state.unanswered += 1
      return state.isOver
    }
    guard !isOver else { return }
    let one = UnaryCall(context: call.context, message: message) { self.ended($0) }
    face.propose(one) { [face] body throws(EtcdStatus) in try face.leases.keepAlive(body: body) }
  }

  private func ended(_ outcome: UnaryOutcome) {
    switch outcome {
    case .answered(let message, _):
      guard !state.withLock({ $0.isOver }) else { return }
      // What a client does not read would pile up here.
      guard call.send(message) else { return finish(RPCStatus(.tooManyRequests), Metadata()) }
      settle { $0.unanswered -= 1 }
    case .failed(let status, let trailers): finish(status, trailers)
    }
  }

  /// Ends the stream well once the client asks nothing more and has all its answers.
  private func settle(_ change: (inout State) -> Void) {
    let isDone = state.withLock { state in
      change(&state)
      return state.isHalfClosed && state.unanswered == 0
    }
    if isDone { finish(.ok, Metadata()) }
  }

  private func finish(_ status: RPCStatus, _ trailers: Metadata) {
    let isFirst = state.withLock { state in
      defer { state.isOver = true }
      return !state.isOver
    }
    if isFirst { call.finish(status, trailers: trailers) }
  }
}
