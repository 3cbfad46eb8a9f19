import Host
import Raft
import Member
import KeyValue
import EtcdAPI
import NIOCore
import RPC
import Replica
import Services

/// The service `etcdserverpb.Lease`: grants, revocations and keep-alives are commands as any other,
/// questions are linearizable reads.
extension KVHandlers {
  func grantLease(_ call: OpenCall) {
    propose(call) { body throws(EtcdStatus) in
      // The command carries the id, so that every member gives the lease the same.
      try leases.grant(
        body: body, freshID: Int64.random(in: 1...Int64.max),
        isSpaceShort: published.meta.alarms.contains { $0.kind == .noSpace })
    }
  }

  func revokeLease(_ call: OpenCall) {
    propose(call) { body throws(EtcdStatus) in try leases.revoke(body: body) }
  }

  func timeToLive(_ call: OpenCall) {
    do throws(EtcdStatus) {
      read(.timeToLive(try leases.timeToLive(body: call.body)), .linearizable, call)
    } catch {
      call.fail(RPCStatus(error))
    }
  }

  func keepAlive(_ call: StreamCall) -> (StreamEvent) -> Void {
    let stream = KeepAliveStream(call: call, handlers: self)
    return { stream.take($0) }
  }

  // MARK: Questions whose state is there

  func answer(_ question: LeaseService.Question, _ call: OpenCall) {
    ask(.timeToLive(question), call) { id, _ in .leaseTime(question.id, id) }
  }

  func answerLeases(_ call: OpenCall) { ask(.leases, call) { id, _ in .leases(id) } }

  func take(_ time: LeaseTime?, for id: RequestID) {
    guard let waiter = waiters.take(id) else { return }
    guard case .timeToLive(let question) = waiter.kind else { return misdirected(waiter, id) }
    guard question.wantsKeys, let time else {
      return answer(waiter.call, question.id, time, keys: [])
    }
    wait(.leaseKeys(question.id, time), waiter.call) { id in
      inboxes.apply.post(.leaseKeys(question.id, id))
    }
  }

  func take(keys: [[UInt8]], for id: RequestID) {
    guard let waiter = waiters.take(id) else { return }
    guard case .leaseKeys(let lease, let time) = waiter.kind else {
      return misdirected(waiter, id)
    }
    answer(waiter.call, lease, time, keys: keys)
  }

  func take(leases ids: [Int64], for id: RequestID) {
    waiters.take(id)?.call.answer(
      LeaseService.leases(ids, revision: published.meta.revision, published.header).encodedBytes)
  }

  private func answer(_ call: OpenCall, _ lease: Int64, _ time: LeaseTime?, keys: [[UInt8]]) {
    call.answer(
      LeaseService.timeToLive(
        lease, time.map { ($0.granted, $0.left) }, keys: keys, revision: published.meta.revision,
        published.header
      ).encodedBytes)
  }
}

/// One client's stream of keep-alives. Each message is a command of its own, and is answered when
/// that is applied; the first that fails ends the stream, as in etcd.
///
/// Confined to the loop of its client.
private final class KeepAliveStream: OutcomeReceiver {
  private let call: StreamCall
  private let handlers: KVHandlers
  private var unanswered = 0
  /// The client asks nothing more.
  private var isHalfClosed = false
  private var isOver = false

  init(call: StreamCall, handlers: KVHandlers) {
    self.call = call
    self.handlers = handlers
  }

  func take(_ event: StreamEvent) {
    switch event {
    case .message(let message): ask(message)
    case .halfClosed:
      isHalfClosed = true
      finishIfDone()
    case .writable: break
    case .cancelled: isOver = true
    }
  }

  private func ask(_ message: ByteBuffer) {
    unanswered += 1
    guard !isOver else { return }
    handlers.propose(OpenCall(call.context, message: message, for: self, 0)) {
      [handlers] body throws(EtcdStatus) in
      try handlers.leases.keepAlive(body: body)
    }
  }

  func ended(_ id: UInt64, _ outcome: UnaryOutcome) {
    switch outcome {
    case .answered(let message, _):
      guard !isOver else { return }
      // What a client does not read would pile up here.
      guard call.send(message) else { return finish(RPCStatus(.tooManyRequests), Metadata()) }
      unanswered -= 1
      finishIfDone()
    case .failed(let status, let trailers): finish(status, trailers)
    }
  }

  /// Ends the stream well once the client asks nothing more and has all its answers.
  private func finishIfDone() {
    if isHalfClosed, unanswered == 0 { finish(.ok, Metadata()) }
  }

  private func finish(_ status: RPCStatus, _ trailers: Metadata) {
    guard !isOver else { return }
    isOver = true
    call.finish(status, trailers: trailers)
  }
}
