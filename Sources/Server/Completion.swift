import KeyValue
import Member
import Raft
import Replica
import Services
import Storage
import Transport

/// What other threads bring to the loop of the replica.
enum Completion: Sendable {
  case log(LogReport)
  case applied(
    through: LogIndex, completed: [RequestID], leases: [LeaseChange] = [],
    upkeep: UpkeepFacts)
  case durableApplied(LogIndex)
  /// The rows that wait for the flusher are as many as may be.
  case overlayFull(Bool)
  /// What the state takes on the disk.
  case storeSize(UInt64)
  /// Rows of these revisions are not what was written.
  case damaged(ClosedRange<Int64>)
  case restored(LogBase, leases: LeaseImage, upkeep: UpkeepFacts)
  case snapshot(SnapshotProgress)

  /// Whether the replica has to know at once. How far apply has come it only counts, unless
  /// somebody waits for it (`ReplicaCore.awaitsApply`).
  var isUrgent: Bool {
    switch self {
    case .applied, .durableApplied, .storeSize: false
    case .log, .overlayFull, .damaged, .restored, .snapshot: true
    }
  }
}

/// What whoever runs the member brings to it.
enum Errand: Sendable {
  /// Something that looks at the replica, or throws a switch, on its loop.
  case visit(@Sendable (ReplicaLoop) -> Void)
  case shutdown
}

/// How far the snapshots have come, out and in.
enum SnapshotProgress: Sendable {
  /// The state to be sent to a follower is open; `nil`: not now.
  case opened(SnapshotRequest, SnapshotHead?)
  case chunk(SnapshotStreamID, [UInt8])
  /// Every chunk has been handed over.
  case exhausted(SnapshotStreamID)
  /// The chunk handed over last was taken.
  case taken(SnapshotStreamID)
  /// What arrived is whole and on disk.
  case arrived(SnapshotStreamID, applied: EntryID)
  case refused(SnapshotStreamID)
}

/// Which state a snapshot is of, and where it is kept until it is sent.
struct SnapshotHead: Sendable {
  var applied: EntryID
  /// Names the source on the snapshot thread.
  var source: UInt64
}

/// The door to the replica's loop: bounded inboxes and one way to wake it.
///
/// Each inbox wakes the loop only for what it waits for (`ReplicaLoop.setAlarms`).
final class ReplicaDoor: Sendable {
  let completions: Inbox<Completion>
  let commands: Inbox<ProposalRequest>
  let reads: Inbox<ReadRequest>
  let errands: Inbox<Errand>

  init(wake: @escaping @Sendable () -> Void) {
    // Bounded by what the core lets be under way; a full one is a broken bound.
    completions = Inbox(limit: 1 << 20, wake: wake)
    commands = Inbox(limit: 1 << 16, wake: wake)
    reads = Inbox(limit: 1 << 16, wake: wake)
    errands = Inbox(limit: 1 << 16, wake: wake)
    _ = commands.hurry(true)
    _ = reads.hurry(true)
  }

  func complete(_ completion: Completion) {
    let isTaken = completions.offer(completion, isUrgent: completion.isUrgent)
    precondition(
      isTaken || completions.isClosed, "\(completions.count) completions wait for the replica")
  }

  /// Takes nothing more.
  func close() {
    completions.close()
    commands.close()
    reads.close()
    errands.close()
  }
}
