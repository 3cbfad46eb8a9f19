public import Base
public import Raft

/// When a write was committed last that is applied here, by what the leader's answers to questions
/// of freshness say: a detector, as the quorum rule is, for what a write would meet
/// (Docs/Architecture.md, *What must never happen*).
///
/// ```text
///   here    ── s ──────────── t ──────────────── applied ≥ j ──── now
///   leader     └▶ commit i       └▶ commit j > i ──┘
/// ```
///
/// What lies in `(i, j]` was committed after s. Applied here, it is what a client of this member
/// that had asked for it at s would have been answered by.
public struct CommitEvidence: Hashable, Sendable {
  private struct Mark: Hashable, Sendable {
    var index: LogIndex
    var since: Instant
  }

  /// Marks that wait for apply; with one more the newest is dropped: evidence comes late then.
  static let marksLimit = 64

  /// After this instant something was committed that is applied here; `nil`: not in this boot.
  public private(set) var since: Instant?
  /// The newest question that was answered, and the highest commit index that was told.
  private var told: Mark?
  /// Ascending in both parts.
  private var marks: [Mark] = []

  public init() {}

  /// A question of `askedAt` was answered with `index`.
  public mutating func confirm(askedAt: Instant, index: LogIndex, applied: LogIndex) {
    guard let before = told else {
      told = Mark(index: index, since: askedAt)
      return
    }
    if index > before.index {
      told?.index = index
      if marks.count < Self.marksLimit { marks.append(Mark(index: index, since: before.since)) }
    }
    told?.since = max(before.since, askedAt)
    self.applied(applied)
  }

  public mutating func applied(_ index: LogIndex) {
    let count = marks.firstIndex { $0.index > index } ?? marks.count
    guard count > 0 else { return }
    prove(since: marks[count - 1].since)
    marks.removeFirst(count)
  }

  /// A command of this member that was proposed at `instant` has its result.
  public mutating func prove(since instant: Instant) { since = max(since ?? instant, instant) }

  /// `nil`: nothing was committed in this boot.
  public func age(at now: Instant) -> Duration? { since.map { now - $0 } }
}
