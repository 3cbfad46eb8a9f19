import Member
import Raft
import Replica
import Storage
import Synchronization

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
  let patrol = Worker<PatrolThread.Job>(name: "patrol")
  private let isStopping = Atomic(false)

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
    waiters: WaiterTable, metrics: Metrics, fate: Fate, pace: PatrolPace
  ) {
    let (log, apply, flush, read, snapshot) = (log, apply, flush, read, snapshot)
    let (backup, patrol) = (backup, patrol)
    // A thread keeps what its closures hold for as long as it runs.
    let adopted = Parcel(opened.adopted)
    let (store, state, reader) = (opened.store, opened.state, opened.adopted.reader)
    let patrolReader = opened.adopted.patrolReader
    let (me, mark) = (opened.identity.member, opened.mark)
    log.run(
      start: {
        LogThread(
          files: LogFiles(
            store: store.value, directory: files, board: board, metrics: metrics, fate: fate),
          door: door,
          adopt: { opened in
            flush.post(
              .adopt(Handover(opened.state.take())) { apply.post(.adopted($0, opened.base)) })
          })
      },
      work: { $0.work($1) }, end: { $0.close() })
    flush.run(
      start: {
        Flusher(
          state: state, board: board, door: door, fate: fate, flushed: { apply.post(.flushed($0)) },
          back: { flush.post($0) })
      },
      work: { $0.work($1) }, end: { $0.close() })
    let outlets = Applier.Outlets(
      board: board, door: door, waiters: waiters, metrics: metrics, fate: fate,
      log: { log.post(.letter($0)) }, flush: { flush.post($0) }, snapshots: { snapshot.post($0) },
      reads: { read.post($0) }, patrol: { patrol.post($0) }, mark: { mark.applying = $0 },
      back: { apply.post($0) })
    apply.run(
      start: { Applier(me: me, boot: boot, start: adopted.take(), out: outlets) },
      work: { $0.work($1) }, end: { $0.close() })
    let answers = ReadAnswers(board: board, metrics: metrics)
    read.run(
      start: {
        RowReaderThread(reader: reader, answers: answers, fate: fate) {
          log.post(.letter($0))
        }
      },
      work: { $0.work($1) }, end: { $0.close() })
    snapshot.run(
      start: { SnapshotThread(door: door, fate: fate) { apply.post($0) } },
      work: { $0.work($1) }, end: { $0.close() })
    patrol.run(
      start: {
        PatrolThread(
          reader: patrolReader, pace: pace, fate: fate,
          ask: { apply.post(.block($0, $1)) }, tell: { door.complete(.damaged($0)) },
          back: { patrol.post($0) },
          isStopping: { [self] in isStopping.load(ordering: .relaxed) })
      },
      work: { $0.work($1) }, end: { $0.close() })
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
    isStopping.store(true, ordering: .relaxed)
    patrol.finish()
    snapshot.finish()
    backup.finish()
    apply.finish()
    read.finish()
    flush.finish()
    log.finish()
  }
}
