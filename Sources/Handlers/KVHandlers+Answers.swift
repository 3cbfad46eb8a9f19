import Base
import Host
import EtcdAPI
import KeyValue
import Member
import RPC
import Raft
import Replica
import Services

/// What comes back from the threads of the member, each for the call of its number.
extension KVHandlers {
  /// What commands have come to. Whoever waited may have been told before that the outcome is
  /// unknown.
  func take(_ answers: [ApplyAnswer]) {
    let now = MonotonicClock.now()
    let header = published.header
    for answer in answers {
      guard let waiter = waiters.take(answer.id) else { continue }
      if case .command(waitsForPurge: true) = waiter.kind,
        case .compaction = answer.result.answer
      {
        wait(.purge(answer.result), waiter.call, since: waiter.arrived) { id in
          inboxes.apply.post(.awaitPurge(id))
        }
        continue
      }
      metrics.count(answer.result.answer)
      metrics.commitDuration.record(now - waiter.arrived)
      self.answer(waiter.call, answer.result, header)
    }
  }

  private func answer(_ call: OpenCall, _ result: CommandResult, _ header: AnswerHeader) {
    do throws(EtcdStatus) {
      call.answer(try KVService.body(result, header))
    } catch {
      call.fail(RPCStatus(error))
    }
  }

  /// The rows that a compaction has cut off are gone from the table.
  func purged(_ id: RequestID) {
    guard let waiter = waiters.take(id) else { return }
    guard case .purge(let result) = waiter.kind else { return misdirected(waiter, id) }
    metrics.count(result.answer)
    metrics.commitDuration.record(MonotonicClock.now() - waiter.arrived)
    answer(waiter.call, result, published.header)
  }

  /// They are still there, and nobody knows for how long.
  func unpurged(_ id: RequestID) { waiters.take(id)?.call.fail(RPCStatus(.notPurged)) }

  /// What the replica has decided about a request.
  func take(_ answer: Answer) {
    guard let waiter = waiters.take(answer.id) else { return }
    switch answer {
    case .ready(let ready): serve(waiter, ready)
    case .refused(_, let refusal): refuse(waiter.call, refusal)
    case .lost: waiter.call.fail(FailedAnswer.lost)
    case .outcomeUnknown(_, let doubt):
      waiter.call.fail(FailedAnswer(doubt, members: published.view.members))
    case .changed(let id):
      guard case .change(let change) = waiter.kind else { return misdirected(waiter, id) }
      waiter.call.answer(
        ClusterService.answer(to: change, published.view.members, published.header))
    case .transferred: waiter.call.answer(ClusterService.leaderMoved.encodedBytes)
    }
  }

  /// Serves a read whose state is there.
  func serve(_ ready: ReadReady) {
    if let waiter = waiters.take(ready.id) { serve(waiter, ready) }
  }

  private func serve(_ waiter: Waiter, _ ready: ReadReady) {
    switch waiter.kind {
    case .memberList: answerMemberList(waiter.call)
    case .timeToLive(let question): answer(question, waiter.call)
    case .leases: answerLeases(waiter.call)
    case .alarms(let kind): answerAlarms(kind, waiter.call)
    case .read(let plan): serve(waiter.call, plan, ready)
    case .command, .purge, .hashKV, .change, .moveLeader, .leaseKeys, .ready, .rows, .defragment,
      .status:
      misdirected(waiter, ready.id)
    }
  }

  /// The state that a call has waited for.
  func take(_ readView: ReadView, for id: RequestID) {
    guard let waiter = waiters.take(id) else { return }
    switch waiter.kind {
    case .ready(let plan, let ready): serve(waiter.call, plan, ready, readView)
    case .hashKV(revision: let revision): hashKV(waiter.call, readView, revision)
    case .command, .purge, .read, .memberList, .timeToLive, .leases, .leaseKeys, .rows,
      .defragment, .change, .moveLeader, .alarms, .status:
      misdirected(waiter, id)
    }
  }

  /// What was read for a call.
  func take(_ rows: RowsRead, for id: RequestID) {
    guard let waiter = waiters.take(id) else { return }
    switch (waiter.kind, rows) {
    case (.rows(let plan, let ready), _): answer(waiter.call, plan, ready, rows)
    case (.hashKV, .hash(let hash, let meta)):
      waiter.call.answer(
        MaintenanceService.hashKV(
          hash: hash, compactRevision: meta.compactRevision, revision: meta.revision,
          published.header
        ).encodedBytes)
    case (.hashKV, .failed(let error)): waiter.call.fail(RPCStatus(EtcdStatus(error)))
    case (.hashKV, .moved): refuse(waiter.call, Refusal(.leaderChanging))
    default: misdirected(waiter, id)
    }
  }

  func defragmented(_ id: RequestID) {
    waiters.take(id)?.call.answer(MaintenanceService.defragmented(published.header).encodedBytes)
  }

  /// A letter names a call that did not ask for it.
  func misdirected(_ waiter: Waiter, _ id: RequestID) {
    preconditionFailure("\(waiter.kind) \(id.number) is answered with something else")
  }

  func refuse(_ call: OpenCall, _ refusal: Refusal) {
    metrics.refused(refusal)
    call.fail(FailedAnswer(refusal, members: published.view.members))
  }

  // MARK: Reads

  /// Answers a read with what was found.
  func answer(_ call: OpenCall, _ plan: ReadPlan, _ ready: ReadReady, _ rows: RowsRead) {
    switch rows {
    case .range(let body, let meta):
      metrics.ranges.add()
      answer(call, plan, ready, body, meta)
    case .txn(let response, let meta):
      metrics.transactions.add()
      let body = KVService.body(response, revision: meta.revision, published.header)
      answer(call, plan, ready, body, meta)
    case .failed(let error): call.fail(RPCStatus(EtcdStatus(error)))
    case .moved: refuse(call, Refusal(.leaderChanging))
    case .hash: preconditionFailure("a read is answered with a hash")
    }
  }

  /// `meta`: of the state that was read. The age counts up to now: the process may have been
  /// suspended since the read was ready.
  private func answer(
    _ call: OpenCall, _ plan: ReadPlan, _ ready: ReadReady, _ body: [UInt8], _ meta: StateMeta
  ) {
    guard case .serializable = plan.consistency else { return call.answer(body) }
    let age = ready.freshAsOf.map { MonotonicClock.now() - $0 }
    if let limit = ready.maxStaleness, age.map({ $0 > limit }) ?? true {
      return refuse(call, Refusal(.tooStale(age: age, limit: limit)))
    }
    var trailers = Metadata()
    if let age { trailers.add(QuorateMetadata.age, "\(age.milliseconds)") }
    trailers.add(
      QuorateMetadata.revisionsBehind,
      "\(ready.revisionsBehind(at: meta.appliedIndex))")
    call.answer(body, trailers: trailers)
  }
}

extension ReadReady {
  /// Committed entries that a state at `applied` does not show: each made one revision at most.
  fileprivate func revisionsBehind(at applied: UInt64) -> UInt64 {
    committed.number > applied ? committed.number - applied : 0
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

  fileprivate func count(_ answer: CommandResult.Answer) {
    proposalsCommitted.add()
    switch answer {
    case .put: puts.add()
    case .deleteRange: deletions.add()
    case .txn: transactions.add()
    case .compaction: compactions.add()
    case .leaseGrant, .leaseRevoke, .leaseKeepAlive, .leaseTime, .alarms, .marked, .failed: break
    }
  }
}
