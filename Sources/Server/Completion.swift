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
  case apply(ApplyReport)
  case flush(FlushReport)
  /// Rows of these revisions are not what was written.
  case damaged(ClosedRange<Int64>)
  case snapshot(SnapshotReport)

  /// Whether the replica has to know at once. How far apply has come it only counts, unless
  /// somebody waits for it (`ReplicaCore.awaitsApply`).
  var isUrgent: Bool {
    switch self {
    case .apply(.applied), .flush: false
    case .log, .apply(.overlayFull), .apply(.restored), .damaged, .snapshot: true
    }
  }
}

/// What whoever runs the member brings to it.
enum Errand: Sendable {
  /// Something that looks at the replica, or throws a switch, on its loop.
  case visit(@Sendable (ReplicaLoop) -> Void)
  case shutdown
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
