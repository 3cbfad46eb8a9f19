import Base
import Raft

/// Group commit across the members. Each batch of commands costs every member a sync, some
/// messages and a handful of wake-ups, however many commands it carries. So while one batch is
/// under way, what comes meanwhile gathers, and goes together.
///
/// ```text
///   a lone command      ●──────▶                       nothing is under way: it leaves at once
///   many clients        ●──────▶ ●●●●●●●●──────▶ ●●●●●●●●──────▶
///                        gather ┘               ┘
///   a slow majority     ●────────────────────────────────▶
///                        gather ┘●●●──────────────────────────▶     at the latest after the limit
/// ```
///
/// At the leader a batch is under way until it is committed, at another member until the leader has
/// answered the forward. A command that gathers has not left: it can still be refused.
enum CommandRound: Sendable {
  /// Nothing is under way.
  case none
  /// The leader waits until this slot is committed.
  case commit(LogIndex, begunAt: Instant)
  /// This member waits for the leader's answer to what it has forwarded.
  case reply(from: MemberID, begunAt: Instant)
}

/// A forward on its way into the log.
struct HeldForward: Sendable {
  var from: MemberID
  var forward: Forward
}

extension ReplicaCore {
  /// Whether commands had better wait for the end of the round. Until then nobody needs to bring
  /// them here one by one.
  public var isGathering: Bool {
    // Whoever shuts down has no clients to gather more from.
    guard now < roundEnd, shutdownAt == nil else { return false }
    return switch round {
    case .none: false
    case .commit(let index, begunAt: _): core.isLeader && core.commitIndex < index
    case .reply(from: let leader, begunAt: _): core.leader == leader
    }
  }

  /// When what has gathered leaves at the latest.
  var gatheredAt: Instant {
    isGathering ? roundEnd : .distantFuture
  }

  private var roundEnd: Instant {
    switch round {
    case .none: .zero
    case .commit(_, begunAt: let begun), .reply(from: _, begunAt: let begun):
      begun + settings.gatherLimit
    }
  }
}
