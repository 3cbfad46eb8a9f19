import Member
import Raft
import Replica
import Storage

/// The threads of one member, and how work goes from one to another.
///
/// ```text
///   client loops ──▶ replica loop ──▶ log ────▶ (stored) replica loop
///        ▲               │ committed
///        │               ▼
///        ├── answers ── apply ──▶ flush ──▶ (flushed) apply
///        └── answers ── read         │ durable ▶ replica loop
/// ```
final class MemberThreads: Sendable {
  let log = Worker<LogThread.Job>(name: "log")
  let apply = Worker<Applier.Job>(name: "apply")
  let flush = Worker<Flusher.Job>(name: "flush")
  let read = Worker<RowReaderThread.Job>(name: "read")
  let snapshot = Worker<SnapshotThread.Job>(name: "snapshot")
  let backup = Worker<BackupThread.Job>(name: "backup")
  let scrub = Worker<ScrubThread.Job>(name: "scrub")

  /// What was opened and recovered, on its way to the threads.
  struct Opened: Sendable {
    var store: Handover<any MemberStore>
    var state: Handover<any StateStore>
    var adopted: Flusher.Adopted
    var identity: Identity
    var recovered: Recovered?
    /// Where the applier tells which entry it takes up.
    var mark: ApplyMark
    /// The entry that must not be applied again (`ApplyMark.judge`); `nil`: none.
    var poisoned: LogIndex?
    /// The lab's disk; `nil`: the machine's own.
    var disk: FaultyDisk?
    /// What the volatile disk has lost since the last run; `nil`: the disk is a real one.
    var powerLoss: PowerLoss?
  }

  func start(
    _ opened: Opened, files: StateFiles, boot: Boot, board: Board, door: ReplicaDoor,
    waiters: WaiterTable, metrics: Metrics, fate: Fate, pace: ScrubPace, desks: [ClientDesk],
    feeds: [WatchFeed]
  ) {
    let (log, apply, flush, read, snapshot) = (log, apply, flush, read, snapshot)
    let (backup, scrub) = (backup, scrub)
    // A thread keeps what its closures hold for as long as it runs.
    let readers = opened.adopted.readers
    let start = Member.Handover(
      AdoptedState(store: opened.adopted.store.value, readers: readers))
    let (store, state, me) = (opened.store, opened.state, opened.identity.member)
    log.run(
      start: {
        LogThread(
          files: LogFiles(
            store: store.value, directory: files, board: board, metrics: metrics, fate: fate),
          door: door,
          adopt: { flush.post(.letter(.adopt($0.state, $0.base))) })
      },
      work: { $0.work($1) }, end: { $0.close() })
    let flushOutlets = Flusher.Outlets(
      board: board, door: door, waiters: waiters, fate: fate, apply: apply, snapshots: snapshot,
      backup: backup)
    flush.run(
      start: { Flusher(state: state, out: flushOutlets) },
      turn: { $0.work($1) }, end: { $0.close() })
    let applyOutlets = Applier.Outlets(
      board: board, door: door, waiters: waiters, metrics: metrics, fate: fate,
      mark: opened.mark, log: log, flush: flush, reads: read, scrub: scrub, backup: backup,
      desks: desks, feeds: feeds)
    apply.run(
      start: { Applier(me: me, boot: boot, start: start.take(), out: applyOutlets) },
      firstTurn: .distantFuture, turn: { $0.work($1) }, end: { $0.close() })
    let answers = ReadAnswers(board: board, metrics: metrics)
    read.run(
      start: {
        RowReaderThread(
          reader: readers.reads, answers: answers, fate: fate, log: log, desks: desks)
      },
      work: { $0.work($1) }, end: { $0.close() })
    snapshot.run(
      start: {
        SnapshotThread(store: store.value, door: door, fate: fate) { apply.post($0) }
      },
      work: { $0.work($1) }, end: { $0.close() })
    scrub.run(
      start: {
        ScrubThread(reader: readers.scrub, pace: pace, fate: fate, apply: apply, door: door)
      },
      turn: { $0.work($1) }, end: { $0.close() })
    backup.run(
      start: {
        BackupThread(
          directory: files.directory, fate: fate, apply: { apply.post($0) },
          back: { backup.post($0) })
      },
      work: { $0.work($1) }, end: { $0.close() })
  }

  /// Ends them in the order in which work flows; blocks until the files are closed.
  func finish() {
    scrub.finish()
    snapshot.finish()
    backup.finish()
    apply.finish()
    read.finish()
    flush.finish()
    log.finish()
  }
}
