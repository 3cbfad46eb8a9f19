import Base
package import Member
package import Raft
import Replica
package import FaultyStorage
package import Storage

/// The lanes of one member that have a thread each.
package struct MemberThreads: Sendable {
  /// What was opened and recovered, on its way to the threads.
  package struct Opened: Sendable {
    package var store: UnsafeTransfer<any MemberStore>
    package var state: UnsafeTransfer<any StateStore>
    package var adopted: UnsafeTransfer<AdoptedState<StateReaders>>
    package var identity: Identity
    package var recovered: Recovered?
    /// Where the applier tells which entry it takes up.
    package var mark: ApplyMark
    /// The entry that must not be applied again (`ApplyMark.judge`); `nil`: none.
    package var poisoned: LogIndex?
    /// The lab's disk; `nil`: the machine's own.
    package var disk: FaultyDisk?
    /// What the volatile disk has lost since the last run; `nil`: the disk is a real one.
    package var powerLoss: PowerLoss?
  }

  /// In the order in which work flows.
  private let threads: [LaneThread]

  /// Starts them all. `backup` and `reading`: threads that serve clients, to be ended in turn with
  /// the others.
  package init(
    _ opened: Opened, boot: Boot, settings: HostSettings, backup: LaneThread, reading: LaneThread,
    _ member: MemberContext
  ) {
    let (inboxes, exitLatch) = (member.inboxes, member.exitLatch)
    let readers = opened.adopted.value.readers
    let store = opened.store.value
    let log = LogThread(
      files: LogFiles(
        store: store, directory: StateFiles(directory: settings.dataDirectory),
        published: member.published, metrics: member.metrics, exitLatch: exitLatch),
      inboxes)
    let apply = Applier(
      me: opened.identity.member, boot: boot, start: opened.adopted.value, member,
      mark: opened.mark)
    let scrub = ScrubThread(
      reader: readers.scrub, pace: settings.scrub, exitLatch: exitLatch, inboxes)
    let snapshots = SnapshotThread(store: store, exitLatch: exitLatch, inboxes)
    threads = [
      LaneThread("scrub", inboxes.scrub, firstTurn: .zero, scrub),
      LaneThread("snapshot", inboxes.snapshots, snapshots),
      backup,
      LaneThread("apply", inboxes.apply, apply),
      reading,
      LaneThread("flush", inboxes.flush, firstTurn: .zero, Flusher(state: opened.state, member)),
      LaneThread("log", inboxes.log, log),
    ]
  }

  /// Ends them in the order in which work flows; blocks until the files are closed.
  package func finish() { for thread in threads { thread.finish() } }
}
