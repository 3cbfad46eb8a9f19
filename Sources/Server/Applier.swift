import EtcdAPI
import KeyValue
import Member
import RPC
import Raft
import Replica
import Services
import Storage

/// What the threads of a member read the rows of one generation with.
struct StateReaders: Sendable {
  var applier: Handover<any StateReader>
  var reads: Handover<any StateReader>
  var scrub: Handover<any StateReader>
}

/// The thread of the apply lane: carries letters to it, and what comes of them to the others.
struct Applier {
  typealias Job = ApplyLetter<StateReaders>

  /// Where the lane's work goes.
  struct Outlets: Sendable {
    var board: Board
    var door: ReplicaDoor
    var waiters: WaiterTable
    var metrics: Metrics
    var fate: Fate
    var mark: ApplyMark?
    var log: Worker<LogThread.Job>
    var flush: Worker<Flusher.Job>
    var reads: Worker<RowReaderThread.Job>
    var scrub: Worker<ScrubThread.Job>
    var backup: Worker<BackupThread.Job>
    /// One for each client loop.
    var desks: [ClientDesk]
    /// The same of their watches.
    var feeds: [WatchFeed]
  }

  private var lane: ApplyLane<ApplyHost>
  private var host: ApplyHost
  private var output = ApplyOutput()
  private let out: Outlets

  init(me: MemberID, boot: Boot, start: AdoptedState<StateReaders>, out: Outlets) {
    lane = ApplyLane(me: me, boot: boot, store: start.store)
    host = ApplyHost(reader: start.readers.applier.value, out: out)
    self.out = out
  }

  /// One turn. Returns when the next is due, if no job comes before.
  mutating func work(_ jobs: [Job]) -> Instant {
    lane.turn(jobs, at: MonotonicClock.now(), ports: &host, out: &output)
    defer { output.removeAll() }
    if let fault = output.fault { out.fate.seal(ServerExit(fault)) }
    deliver()
    return output.wakeAt
  }

  private func deliver() {
    out.board.overlayBytes = output.overlayBytes
    for feed in output.feeds { out.feeds[feed.loop].offer(feed.batch) }
    for answer in output.answers { deliver(answer) }
    for report in output.reports { out.door.complete(.apply(report)) }
    for order in output.flushOrders { out.flush.post(.letter(.order(order))) }
    if let base = output.opensState { out.log.post(.openState(base)) }
    for asker in output.unopened {
      switch asker {
      case .follower(let request): out.door.complete(.snapshot(.opened(request, nil)))
      case .client(let id): out.backup.post(.begin(id, nil))
      }
    }
    if let view = output.view {
      for viewer in output.viewers { deliver(view, to: viewer) }
    }
    for held in output.leaseKeys { deliver(held.keys, to: held.id) }
    for answer in output.blocks { out.scrub.post(.answer(answer)) }
  }

  private func deliver(_ answer: ApplyAnswer) {
    // Who waited may have been told before that the outcome is unknown.
    guard let waiter = out.waiters.take(answer.id) else { return }
    out.metrics.count(answer.result.answer)
    out.metrics.commitDuration.record(MonotonicClock.now() - waiter.arrived)
    do {
      waiter.call.answer(try KVService.body(answer.result, out.board.header))
    } catch {
      waiter.call.fail(RPCStatus(error))
    }
  }

  private func deliver(_ view: Root, to viewer: ViewAsker) {
    switch viewer {
    case .client(let id): out.desks[out.waiters.shard(of: id)].post(.view(id, view))
    case .watches(loop: let loop): out.desks[loop].post(.watches(.view(view)))
    }
  }

  private func deliver(_ keys: [[UInt8]], to id: RequestID) {
    guard let waiter = out.waiters.take(id) else { return }
    guard case .leaseKeys(let lease, granted: let granted, left: let left) = waiter.kind else {
      preconditionFailure("\(waiter.kind) \(id.number) is told the keys of a lease")
    }
    waiter.call.answer(
      LeaseService.timeToLive(
        lease, (granted, left), keys: keys, revision: out.board.meta.revision, out.board.header
      ).encodedBytes)
  }

  /// The last job: everything that was applied goes to the flusher.
  mutating func close() {
    while work([]) <= MonotonicClock.now() {}
    lane.close(out: &output)
    for order in output.flushOrders { out.flush.post(.letter(.order(order))) }
    host.reader.close()
  }
}

/// The board, the mark and the readers, as the apply lane reaches them.
struct ApplyHost: ApplyPorts {
  fileprivate(set) var reader: any StateReader
  fileprivate let out: Applier.Outlets

  var rows: any RowReading { reader }

  func mark(_ entry: Entry?) { out.mark?.applying = entry?.index ?? .zero }

  func skipped(_ entry: Entry, _ meta: StateMeta) {}

  func applied(
    _ entry: Entry, _ envelope: CommandEnvelope, _ effect: Applied, _ meta: StateMeta
  ) {
    if !effect.leases.isEmpty { out.metrics.count(envelope.command, effect.leases) }
  }

  func waitsForPurge(_ id: RequestID) -> Bool {
    if case .command(waitsForScrub: true)? = out.waiters.kind(of: id) { true } else { false }
  }

  func hideUnusedView() -> Bool { out.board.hideIfUnused() }

  func publish(_ view: Root) { out.board.show(view) }

  func advance(to meta: StateMeta) { out.board.goOn(to: meta) }

  mutating func adopt(_ readers: StateReaders) {
    reader.close()
    reader = readers.applier.value
    out.reads.post(.adopt(readers.reads))
    out.scrub.post(.adopt(Member.Handover(readers.scrub.value)))
  }
}

extension ServerExit {
  /// What a fault of apply means for the process.
  fileprivate init(_ fault: ApplyFault) {
    switch fault {
    case .world(let error): self = ServerExit(reading: error)
    case .unknownVersion(let index, let version):
      self = .unknownFormat(
        what: "Entry \(index.number) of raft.db (command version \(version))")
    case .malformed(let index):
      self = .damagedFile(file: "raft.db", place: "the command of entry \(index.number)")
    }
  }

  /// The same of an error that has come through a module which knows no kind of it.
  init(reading error: any Error) {
    if let error = error as? StorageError {
      self = ServerExit(error)
    } else {
      self = .diskFailed(file: "the state file", reason: "\(error)")
    }
  }
}

extension Metrics {
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

  /// What became of leases, whoever asked for it.
  fileprivate func count(_ command: Command, _ changes: [LeaseChange]) {
    guard case .lease(let command) = command, !changes.isEmpty else { return }
    switch command {
    case .grant: leasesGranted.add()
    case .revoke: leasesRevoked.add()
    case .keepAlive: leasesRenewed.add()
    case .expire: leasesExpired.add()
    case .tick: break
    }
  }
}
