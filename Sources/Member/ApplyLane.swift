public import Base
public import KeyValue
public import Raft
import Replica

/// The lane that applies: the one owner of the store in memory.
///
/// A turn takes the letters, applies one stride of entries and shows the state that came of it.
/// What else comes of it lies in the output, which the host delivers after the turn: so whoever is
/// answered, watches or is told finds it in every later read of this member.
///
/// In reading order: this file applies; `+Flushing` is what goes to the table, and when; `+Moving`
/// snapshots of the table, and the move to another one.
public struct ApplyLane<Ports: ApplyPorts> {
  public struct Settings: Hashable, Sendable {
    /// Entries between two publications of the view.
    public var stride = 256
    /// Rows of one batch for the table.
    public var flushLimitBytes = 4 << 20
    /// Compacted rows that one batch removes.
    public var purgeLimitRows = 1_000
    /// A read that began before a compaction holds its rows: in so long it may be over.
    public var purgePause: Duration = .milliseconds(25)
    /// Who waits until compacted rows are removed is told after so long that they are not yet.
    public var purgeWait: Duration = .seconds(30)

    public init() {}
  }

  /// What a stride of entries has changed, for those who follow it.
  private struct Stride {
    var last = LogIndex.zero
    var completed: [RequestID] = []
    /// Empty while nobody watches.
    var rows: [RowChange] = []
    var leases: [LeaseChange] = []
  }

  private let me: MemberID
  private let boot: Boot
  let settings: Settings
  public internal(set) var store: Store
  var pending = Queue<Entry>()
  /// The flush lane has a batch.
  var isFlushing = false
  /// When rows may be removed that could not be before.
  var purgeAt = Instant.distantFuture
  /// The member is between two generations.
  public internal(set) var isRestoring = false
  private var wasFull = false
  /// Snapshots that are open or being opened: no rows are purged meanwhile.
  public internal(set) var openSnapshots = 0
  /// Snapshots that wait until the table has come far enough.
  var openings: [(asker: SnapshotAsker, atLeast: UInt64)] = []
  /// A view is shown, and each new one will be.
  private var isShowing = true
  private var viewers: [ViewAsker] = []
  /// The client loops whose watches want to hear what is applied.
  private var listeners: [Int] = []
  /// Compactions whose callers wait until the rows are removed.
  var purgeWaiters: [PurgeWaiter] = []
  /// Of the turn.
  private(set) var now = Instant.zero
  private var hasFailed = false

  /// `store` is shown when the member starts.
  public init(
    me: MemberID, boot: Boot, store: consuming Store, settings: Settings = Settings()
  ) {
    precondition(settings.stride > 0, "a stride of \(settings.stride) entries")
    self.me = me
    self.boot = boot
    self.settings = settings
    self.store = store
  }

  /// Works through a batch, and applies a stride of what waits.
  public mutating func turn(
    _ letters: [ApplyLetter<Ports.Readers>], at now: Instant, ports: inout Ports,
    out: inout ApplyOutput
  ) {
    guard !hasFailed else { return }
    self.now = now
    do throws(ApplyFault) {
      for letter in letters { take(letter, &ports, &out) }
      try applyStride(&ports, &out)
      showToViewers(&ports, &out)
      try flushIfDue(now, &ports, &out)
      giveUpPurges(now, &out)
    } catch {
      // What came of this turn was not published.
      hasFailed = true
      out.removeAll()
      out.fault = error
      return
    }
    out.overlayBytes = store.overlayBytes
    let givesUpAt = purgeWaiters.first?.deadline ?? .distantFuture
    out.wakeAt = hasMore ? now : min(purgeAt, givesUpAt)
  }

  /// The last turn: everything that was applied goes to the flush lane, also behind a batch that it
  /// has, for it writes them in order and none after one that fails.
  public mutating func close(out: inout ApplyOutput) {
    guard !hasFailed, !isRestoring else { return }
    store.passOverFlight()
    takeBatch(limitBytes: lastFlushLimitBytes, &out)
  }

  /// Nothing waits here, and nothing is on its way to the table.
  public var isIdle: Bool { pending.isEmpty && !isFlushing && !isRestoring }

  /// Another stride can be applied at once.
  private var hasMore: Bool { !isRestoring && !pending.isEmpty && !store.isFull }

  private mutating func take(
    _ letter: ApplyLetter<Ports.Readers>, _ ports: inout Ports, _ out: inout ApplyOutput
  ) {
    switch letter {
    case .entries(let entries): for entry in entries { pending.append(entry) }
    case .flushed(generation: let generation, through: let index):
      flushed(generation, index, &out)
    case .restore(let base): restore(base, &out)
    case .adopted(let adopted, let base): adopt(adopted.take(), base, &ports, &out)
    case .openSnapshot(let asker): open(asker, &out)
    case .snapshotClosed:
      openSnapshots -= 1
      precondition(openSnapshots >= 0, "a snapshot was closed twice")
    case .show(let asker): viewers.append(asker)
    case .listen(loop: let loop, let isListening): listen(loop, isListening, &out)
    case .leaseKeys(let lease, let id): out.leaseKeys.append((id, store.keys(onLease: lease)))
    case .awaitPurge(let id): awaitPurge(id, &out)
    case .block(let number, let question): out.blocks.append(answer(question, number))
    }
  }

  private func answer(_ question: BlockQuestion, _ number: Int64) -> BlockAnswer {
    let expected = isRestoring ? nil : store.expectation(ofBlock: number)
    return switch question {
    case .expect:
      .expect(
        expected, number: number, blocks: store.blockCount,
        before: store.revision(beforeBlock: number))
    case .confirm: .confirm(expected, number: number)
    }
  }

  // MARK: Apply

  private mutating func applyStride(
    _ ports: inout Ports, _ out: inout ApplyOutput
  ) throws(ApplyFault) {
    guard !isRestoring else { return }
    if hasMore {
      if isShowing, ports.hideUnusedView() { isShowing = false }
      let before = store.meta.revision
      var stride = Stride()
      for _ in 0..<settings.stride {
        guard !store.isFull, let entry = pending.popFirst() else { break }
        ports.mark(entry)
        try apply(entry, &stride, &ports, &out)
        stride.last = entry.index
      }
      ports.mark(nil)
      publish(&ports)
      feed(stride.rows, since: before, &out)
      out.reports.append(
        .applied(
          through: stride.last, completed: stride.completed, leases: stride.leases,
          upkeep: store.facts))
    }
    if store.isFull != wasFull {
      wasFull = store.isFull
      out.reports.append(.overlayFull(wasFull))
    }
  }

  private mutating func apply(
    _ entry: Entry, _ stride: inout Stride, _ ports: inout Ports, _ out: inout ApplyOutput
  ) throws(ApplyFault) {
    switch entry.content {
    case .noop, .configuration:
      store.skip(index: entry.index.number, term: entry.term.number)
      ports.skipped(entry, store.meta)
    case .command(let bytes):
      let envelope = try decode(bytes, entry.index)
      let applied: Applied
      do {
        applied = try store.apply(
          index: entry.index.number, term: entry.term.number, envelope.command,
          reading: ports.rows)
      } catch {
        throw .world(error)
      }
      ports.applied(entry, envelope, applied, store.meta)
      if !listeners.isEmpty { stride.rows += applied.changes }
      if !applied.leases.isEmpty { stride.leases += applied.leases }
      let origin = envelope.origin
      guard origin.member == me.number, origin.boot == boot.number else { return }
      let id = RequestID(origin.sequence)
      stride.completed.append(id)
      out.answers.append(ApplyAnswer(id: id, result: applied.result))
    }
  }

  private func decode(_ bytes: [UInt8], _ index: LogIndex) throws(ApplyFault) -> CommandEnvelope {
    do throws(EnvelopeError) {
      return try CommandEnvelope(decoding: bytes)
    } catch {
      switch error {
      case .unknownVersion(let version): throw .unknownVersion(index, version)
      case .malformed: throw .malformed(index)
      }
    }
  }

  // MARK: The view

  /// Shows readers the state as it is now, if any are there.
  func publish(_ ports: inout Ports) {
    if isShowing { ports.publish(store.readView) } else { ports.advance(to: store.meta) }
  }

  private mutating func showToViewers(_ ports: inout Ports, _ out: inout ApplyOutput) {
    guard !viewers.isEmpty else { return }
    isShowing = true
    let view = store.readView
    ports.publish(view)
    out.view = view
    swap(&out.viewers, &viewers)
  }

  // MARK: Watches

  private mutating func listen(_ loop: Int, _ isListening: Bool, _ out: inout ApplyOutput) {
    listeners.removeAll { $0 == loop }
    guard isListening else { return }
    listeners.append(loop)
    // From here on nothing is left out: what was before, the watches find in the store.
    out.feeds.append((loop, nothingSince))
  }

  private var nothingSince: ChangeBatch {
    ChangeBatch(after: store.meta.revision, through: store.meta.revision)
  }

  /// Tells watches what has become of the store since `revision`.
  private func feed(_ rows: [RowChange], since revision: Int64, _ out: inout ApplyOutput) {
    guard !listeners.isEmpty, store.meta.revision > revision else { return }
    let batch = ChangeBatch(after: revision, through: store.meta.revision, changes: rows)
    for loop in listeners { out.feeds.append((loop, batch)) }
  }

  /// The rows between are not at hand: the watches read them from the store, or find them
  /// compacted.
  func feedMove(_ out: inout ApplyOutput) {
    for loop in listeners { out.feeds.append((loop, nothingSince)) }
  }
}
