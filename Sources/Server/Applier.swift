import KeyValue
import Logging
import Member
import RPC
import Raft
import Replica
import Services
import Storage

/// The thread that applies: the one owner of the store in memory.
///
/// For each batch: apply, publish the root, answer who waits, tell the replica; in this order, so
/// that whoever was answered finds the answer in every later read of this member.
struct Applier {
  enum Job: Sendable {
    case apply([Entry])
    /// The flusher has written the batch that ends here.
    case flushed(UInt64)
    /// Compacted rows that could not go before may be able to go now.
    case scrub
    /// Move to the installed snapshot; nothing applied before counts any more.
    case restore(LogBase)
    case adopted(Flusher.Adopted, LogBase)
    case openSnapshot(SnapshotRequest)
    /// The state as it is now, for a client; `nil`: not now.
    case openBackup(@Sendable (Handover<any SnapshotSource>?) -> Void)
    case snapshotClosed
    /// Somebody wants to see the state, which is not shown.
    case show(@Sendable (Root) -> Void)
    /// The watches of this feed begin to need what is applied, or need it no more.
    case listen(WatchFeed, Bool)
    /// The keys that hang on a lease now.
    case leaseKeys(Int64, @Sendable ([[UInt8]]) -> Void)
    /// What a block of the table holds.
    case block(Int64, PatrolQuestion)
  }

  /// Where the applier's work goes.
  struct Outlets: Sendable {
    var board: Board
    var door: ReplicaDoor
    var waiters: WaiterTable
    var metrics: Metrics
    var fate: Fate
    var log: @Sendable (LogLetter) -> Void
    var flush: @Sendable (Flusher.Job) -> Void
    var snapshots: @Sendable (SnapshotThread.Job) -> Void
    var reads: @Sendable (RowReaderThread.Job) -> Void
    var patrol: @Sendable (PatrolThread.Job) -> Void
    /// Leaves word for the next start of the entry that is taken up; zero: of none.
    var mark: @Sendable (LogIndex) -> Void
    /// Hands a job to this very thread.
    var back: @Sendable (Job) -> Void
  }

  /// A snapshot that waits until the state file has come far enough.
  private struct Opening {
    var atLeast: UInt64
    /// `nil`: there is nothing to read just now.
    var open: @Sendable (Handover<any SnapshotSource>?) -> Void
  }

  /// What a stride of entries has changed, for those who follow it.
  private struct News {
    /// Empty while nobody watches.
    var rows: [RowChange] = []
    var leases: [LeaseChange] = []
  }

  private let me: MemberID
  private let boot: Boot
  private let out: Outlets
  private var store: Store
  private var reader: any StateReader
  private var pending = Queue<Entry>()
  private var isFlushing = false
  /// A `scrub` is on its way.
  private var isScrubDue = false
  private var isRestoring = false
  private var wasFull = false
  private var openSnapshots = 0
  private var openings: [Opening] = []
  /// The board has a root, and gets each new one.
  private var isShowing = true
  /// Who waits for the next root.
  private var lookers: [@Sendable (Root) -> Void] = []
  /// Whoever wants to hear what is applied.
  private var feeds: [WatchFeed] = []
  /// Compactions whose callers wait for the rows to be gone.
  private var scrubWaiters: [(revision: Int64, waiter: Waiter, result: CommandResult)] = []

  /// Entries between two publications of the root.
  private static let stride = 256
  private static let flushLimitBytes = 4 << 20
  /// The overlay is bounded far below it.
  private static let lastFlushLimitBytes = 1 << 32
  private static let scrubLimitRows = 1_000

  init(me: MemberID, boot: Boot, start: Flusher.Adopted, out: Outlets) {
    self.me = me
    self.boot = boot
    self.out = out
    store = start.store.value
    reader = start.applierReader.value
  }

  mutating func work(_ jobs: [Job]) {
    do {
      for job in jobs { try take(job) }
      try applyPending()
      showToLookers()
      try flushIfDue()
    } catch let error as StorageError {
      out.fate.seal(ServerExit(error))
    } catch let error as ServerExit {
      out.fate.seal(error)
    } catch {
      out.fate.seal(.diskFailed(file: "the state file", reason: "\(error)"))
    }
  }

  private mutating func take(_ job: Job) throws {
    switch job {
    case .apply(let entries):
      for entry in entries { pending.append(entry) }
    case .flushed(let index):
      isFlushing = false
      // A batch of a generation that is gone has nothing to tell.
      guard !isRestoring else { return }
      store.flushed(through: index)
      out.board.overlayBytes = store.overlayBytes
      answerScrubbed()
      openReadySnapshots()
    case .scrub: isScrubDue = false
    case .restore(let base): restore(base)
    case .adopted(let adopted, let base): adopt(adopted, base)
    case .openSnapshot(let request): open(request)
    case .openBackup(let reply):
      guard !isRestoring else { return reply(nil) }
      openSnapshots += 1
      openings.append(Opening(atLeast: store.meta.appliedIndex, open: reply))
      openReadySnapshots()
    case .snapshotClosed:
      openSnapshots -= 1
      precondition(openSnapshots >= 0, "a snapshot was closed twice")
    case .show(let reply): lookers.append(reply)
    case .listen(let feed, let isListening): listen(feed, isListening)
    case .leaseKeys(let id, let reply): reply(store.keys(onLease: id))
    case .block(let number, let question): tellPatrol(number, question)
    }
  }

  private func tellPatrol(_ number: Int64, _ question: PatrolQuestion) {
    let expected = isRestoring ? nil : store.expectation(ofBlock: number)
    switch question {
    case .expect:
      out.patrol(
        .expect(
          expected, number: number, blocks: store.blockCount,
          before: store.revision(beforeBlock: number)))
    case .confirm: out.patrol(.confirm(expected, number: number))
    }
  }

  // MARK: Watches

  private mutating func listen(_ feed: WatchFeed, _ isListening: Bool) {
    feeds.removeAll { $0 === feed }
    guard isListening else { return }
    feeds.append(feed)
    // From here on nothing is left out: what was before, the watches find in the store.
    feed.offer(ChangeBatch(after: store.meta.revision, through: store.meta.revision))
  }

  /// Tells watches what has become of the store since `revision`, after it is published.
  private func tell(_ changes: [RowChange], since revision: Int64) {
    guard !feeds.isEmpty, store.meta.revision > revision else { return }
    let batch = ChangeBatch(after: revision, through: store.meta.revision, changes: changes)
    for feed in feeds { feed.offer(batch) }
  }

  // MARK: Apply

  private mutating func applyPending() throws {
    guard !isRestoring else { return }
    while !pending.isEmpty && !store.isFull {
      var completed: [RequestID] = []
      var answers: [(Waiter, CommandResult)] = []
      var news = News()
      var last = LogIndex.zero
      if isShowing, out.board.hideIfUnused() { isShowing = false }
      let before = store.meta.revision
      for _ in 0..<Self.stride {
        guard !store.isFull, let entry = pending.popFirst() else { break }
        out.mark(entry.index)
        if let (id, result) = try apply(entry, &news) {
          completed.append(id)
          if let waiter = out.waiters.take(id) { answers.append((waiter, result)) }
        }
        last = entry.index
      }
      out.mark(.zero)
      publish()
      tell(news.rows, since: before)
      for (waiter, result) in answers { answer(waiter, result) }
      out.door.complete(
        .applied(
          through: last, completed: completed, leases: news.leases, upkeep: store.facts))
      try flushIfDue()
    }
    if store.isFull != wasFull {
      wasFull = store.isFull
      out.door.complete(.overlayFull(wasFull))
    }
  }

  /// Shows readers the state as it is now, if any are there.
  private func publish() {
    if isShowing { out.board.show(store.root) } else { out.board.goOn(to: store.meta) }
    out.board.overlayBytes = store.overlayBytes
  }

  private mutating func showToLookers() {
    guard !lookers.isEmpty else { return }
    let root = store.root
    isShowing = true
    out.board.show(root)
    for reply in lookers { reply(root) }
    lookers = []
  }

  /// The request of this boot that the entry carries, and its result; `nil`: of somebody else.
  private mutating func apply(
    _ entry: Entry, _ news: inout News
  ) throws -> (RequestID, CommandResult)? {
    switch entry.content {
    case .noop, .configuration:
      store.skip(index: entry.index.number, term: entry.term.number)
      return nil
    case .command(let bytes):
      let envelope = try decode(bytes, entry.index)
      let applied = try store.apply(
        index: entry.index.number, term: entry.term.number, envelope.command, reading: reader)
      if !feeds.isEmpty { news.rows += applied.changes }
      if !applied.leases.isEmpty {
        news.leases += applied.leases
        out.metrics.count(envelope.command, applied.leases)
      }
      let origin = envelope.origin
      guard origin.member == me.number, origin.boot == boot.number else { return nil }
      return (RequestID(origin.sequence), applied.result)
    }
  }

  private func decode(_ bytes: [UInt8], _ index: LogIndex) throws(ServerExit) -> CommandEnvelope {
    do throws(EnvelopeError) {
      return try CommandEnvelope(decoding: bytes)
    } catch {
      switch error {
      case .unknownVersion(let version):
        throw .unknownFormat(what: "Entry \(index.number) of raft.db (command version \(version))")
      case .malformed:
        throw .damagedFile(file: "raft.db", place: "the command of entry \(index.number)")
      }
    }
  }

  private mutating func answer(_ waiter: Waiter, _ result: CommandResult) {
    if case .command(waitsForScrub: true) = waiter.kind, result.answer == .compaction,
      store.flushedMeta.scrubbedRevision < store.meta.compactRevision
    {
      return scrubWaiters.append((store.meta.compactRevision, waiter, result))
    }
    reply(waiter, result)
  }

  private func reply(_ waiter: Waiter, _ result: CommandResult) {
    out.metrics.count(result.answer)
    out.metrics.commitDuration.record(MonotonicClock.now() - waiter.arrived)
    do {
      waiter.call.answer(try KVService.body(result, out.board.header))
    } catch {
      waiter.call.fail(RPCStatus(error))
    }
  }

  private mutating func answerScrubbed() {
    let done = store.flushedMeta.scrubbedRevision
    for (revision, waiter, result) in scrubWaiters where revision <= done { reply(waiter, result) }
    scrubWaiters.removeAll { $0.revision <= done }
  }

  // MARK: Flush

  private mutating func flushIfDue() throws {
    guard !isFlushing, !isRestoring else { return }
    // Physical compaction waits while a snapshot of the table is being read.
    if openSnapshots == 0 && store.needsScrub {
      _ = try store.scrub(limitRows: Self.scrubLimitRows, reading: reader)
      // What was taken out of the index is free only when no root shows it.
      publish()
    }
    if let batch = store.takeFlushBatch(limitBytes: Self.flushLimitBytes) {
      isFlushing = true
      out.flush(.flush(batch))
    } else if openSnapshots == 0 && store.needsScrub && !isScrubDue {
      // A read that began before the compaction holds its rows: try again in a moment.
      isScrubDue = true
      let back = out.back
      out.flush(.pause { back(.scrub) })
    }
  }

  // MARK: Snapshots

  private mutating func open(_ request: SnapshotRequest) {
    openSnapshots += 1
    let (snapshots, door) = (out.snapshots, out.door)
    openings.append(
      Opening(atLeast: request.atLeast.number) { source in
        if let source {
          snapshots(.open(request, source))
        } else {
          door.complete(.snapshot(.opened(request, nil)))
        }
      })
    openReadySnapshots()
  }

  /// Opens the snapshots whose reader gets what it needs from the table as it is.
  private mutating func openReadySnapshots() {
    let flushed = store.flushedMeta.appliedIndex
    for opening in openings where opening.atLeast <= flushed {
      out.flush(.openSnapshot { source in opening.open(source) })
    }
    openings.removeAll { $0.atLeast <= flushed }
  }

  private mutating func restore(_ base: LogBase) {
    isRestoring = true
    pending = Queue()
    out.log(.openState(base))
  }

  private mutating func adopt(_ adopted: Flusher.Adopted, _ base: LogBase) {
    isRestoring = false
    isFlushing = false
    let old = reader
    store = adopted.store.value
    reader = adopted.applierReader.value
    old.close()
    let index = store.meta.appliedIndex
    precondition(
      index == base.last.index.number,
      "the snapshot ends at \(base.last.index.number), and its state at \(index)")
    publish()
    // The rows between are not at hand: the watches read them from the store, or find them
    // compacted.
    for feed in feeds {
      feed.offer(ChangeBatch(after: store.meta.revision, through: store.meta.revision))
    }
    out.reads(.adopt(adopted.reader))
    for opening in openings {
      openSnapshots -= 1
      opening.open(nil)
    }
    openings = []
    out.patrol(.adopt(adopted.patrolReader))
    out.door.complete(.restored(base, leases: store.leaseImage, upkeep: store.facts))
  }

  /// The last job: everything that was applied goes to the flusher.
  mutating func close() {
    if let batch = isFlushing ? nil : store.takeFlushBatch(limitBytes: Self.lastFlushLimitBytes) {
      out.flush(.flush(batch))
    }
    reader.close()
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
