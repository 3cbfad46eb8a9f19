import Member
import Raft
import Replica
import Storage

/// The lanes of one member that have a thread each.
struct MemberThreads: Sendable {
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

  /// In the order in which work flows.
  private let threads: [LaneThread]

  /// Starts them all. `feeds`: of the watches of each client loop.
  init(
    _ opened: Opened, boot: Boot, files: StateFiles, pace: PatrolPace, feeds: [WatchFeed],
    _ member: MemberContext
  ) {
    let (inboxes, fate) = (member.inboxes, member.fate)
    let readers = opened.adopted.readers
    let store = opened.store.value
    let log = LogThread(
      files: LogFiles(
        store: store, directory: files, board: member.board, metrics: member.metrics, fate: fate),
      inboxes)
    let apply = Applier(
      me: opened.identity.member, boot: boot,
      start: AdoptedState(store: opened.adopted.store.value, readers: readers), member,
      mark: opened.mark, feeds: feeds)
    let patrol = PatrolThread(reader: readers.patrol, pace: pace, fate: fate, inboxes)
    let snapshots = SnapshotThread(store: store, fate: fate, inboxes)
    let backup = BackupThread(directory: files.directory, fate: fate, inboxes)
    threads = [
      LaneThread("patrol", inboxes.scrub, patrol),
      LaneThread("snapshot", inboxes.snapshots, snapshots),
      LaneThread("backup", inboxes.backup, backup),
      LaneThread("apply", inboxes.apply, apply),
      LaneThread("read", inboxes.reads, RowReaderThread(reader: readers.reads, member)),
      LaneThread("flush", inboxes.flush, firstTurn: .zero, Flusher(state: opened.state, member)),
      LaneThread("log", inboxes.log, log),
    ]
  }

  /// Ends them in the order in which work flows; blocks until the files are closed.
  func finish() { for thread in threads { thread.finish() } }
}
