import Base
import EtcdAPI
import KeyValue
import RPC
import Raft
import Replica
import Services

/// How reads are answered, from whichever thread did the reading.
struct ReadAnswers: Sendable {
  let board: Board
  let metrics: Metrics

  func body(_ response: RangeResponse) -> [UInt8] { KVService.body(response, board.header) }

  /// *Throws* what `reading` throws.
  func body(_ range: SettledRange, reading: (any RowReading)?) throws -> [UInt8] {
    try KVService.body(range, reading: reading, board.header)
  }

  /// `meta`: of the state that was read.
  func range(_ waiter: Waiter, _ body: [UInt8], _ meta: StateMeta, _ ready: ReadReady) {
    metrics.ranges.add()
    answer(waiter, body, meta, ready)
  }

  func txn(_ waiter: Waiter, _ response: TxnResponse, _ root: Root, _ ready: ReadReady) {
    metrics.transactions.add()
    let body = KVService.body(response, revision: root.revision, board.header)
    answer(waiter, body, root.meta, ready)
  }

  func hashKV(_ waiter: Waiter, _ hash: UInt32, _ root: Root) {
    let message = MaintenanceService.hashKV(
      hash: hash, compactRevision: root.meta.compactRevision, revision: root.revision,
      board.header)
    waiter.call.answer(message.encodedBytes)
  }

  func fail(_ waiter: Waiter, _ error: CommandError) {
    waiter.call.fail(RPCStatus(EtcdStatus(error)))
  }

  /// The state has just jumped to a snapshot: nothing was done, and the next try succeeds.
  func leaderChanged(_ waiter: Waiter) {
    refuse(waiter, Refusal(.leaderChanging))
  }

  func refuse(_ waiter: Waiter, _ refusal: Refusal) {
    metrics.refused(refusal)
    waiter.call.fail(FailedAnswer(refusal, members: board.view.members))
  }

  /// The age counts up to now: the process may have been suspended since the read was ready.
  private func answer(
    _ waiter: Waiter, _ body: [UInt8], _ meta: StateMeta, _ ready: ReadReady
  ) {
    guard case .read(let plan) = waiter.kind, case .serializable = plan.consistency else {
      return waiter.call.answer(body)
    }
    let age = ready.freshAsOf.map { MonotonicClock.now() - $0 }
    if let limit = ready.maxStaleness, age.map({ $0 > limit }) ?? true {
      return refuse(waiter, Refusal(.tooStale(age: age, limit: limit)))
    }
    var trailers = Metadata()
    if let age { trailers.add(QuorateMetadata.age, "\(age.milliseconds)") }
    trailers.add(
      QuorateMetadata.revisionsBehind,
      "\(ready.revisionsBehind(at: meta.appliedIndex))")
    waiter.call.answer(body, trailers: trailers)
  }
}

extension ReadReady {
  /// Committed entries that a state at `applied` does not show: each made one revision at most.
  func revisionsBehind(at applied: UInt64) -> UInt64 {
    committed.number > applied ? committed.number - applied : 0
  }
}

extension Duration {
  /// Whole milliseconds, rounded up: an age is never below the true one.
  var milliseconds: Int64 { (nanoseconds + 999_999) / 1_000_000 }
}

extension UnaryCall {
  func fail(_ answer: FailedAnswer) {
    var trailers = Metadata()
    if let why = answer.why { trailers.add(QuorateMetadata.why, bytes: why.encoded) }
    fail(RPCStatus(answer.status), trailers: trailers)
  }
}

extension RPCStatus {
  init(_ status: EtcdStatus) {
    self.init(RPCStatusCode(rawValue: status.code.rawValue) ?? .unknown, status.text)
  }
}

extension Metrics {
  func refused(_ refusal: Refusal) {
    switch refusal.rule {
    case .inquorate: refused(.quorum)
    case .noLeader, .leaderUnreachable, .leaderInquorate, .notLeader, .leaderChanging:
      refused(.noLeader)
    case .tooManyRequests, .overlayFull, .applyBehind, .nothingCommitted, .noSpace:
      refused(.overloaded)
    case .requestTooLarge: refused(.tooLarge)
    case .tooStale: refused(.stale)
    case .shuttingDown, .notFormed, .poisoned, .corrupt: refused(.notServing)
    case .configuration, .membership, .transferTarget, .transferFailed: refused(.invalid)
    }
  }
}
