public import Base
public import Raft

/// As of which of this member's own instants its applied state was complete (Docs/Consistency.md,
/// *The age of a serializable answer*).
///
/// ```text
///   here    ── s ──────────────────────────── applied ≥ i ──── now
///   leader      └─▶ quorum round ─▶ commit i ─┘
/// ```
///
/// All that was acknowledged anywhere before s is at or before i. So once i is applied here, an
/// answer misses at most what happened since s: age = now − s.
public struct Freshness: Hashable, Sendable {
  private struct Mark: Hashable, Sendable {
    var index: LogIndex
    var askedAt: Instant
  }

  /// Marks that wait for apply; with one more the newest is dropped, which only ages the answer.
  static let marksLimit = 64

  /// `nil`: never known in this boot.
  public private(set) var asOf: Instant?
  /// Ascending in both parts.
  private var marks: [Mark] = []

  public init() {}

  /// A question of `askedAt` was answered with `index`.
  public mutating func confirm(askedAt: Instant, index: LogIndex, applied: LogIndex) {
    if index <= applied {
      asOf = max(asOf ?? askedAt, askedAt)
    } else if let last = marks.last, last.index >= index {
      // Later questions can be answered with a lower index only when another leader's answer was
      // late; the higher one covers both.
      marks[marks.count - 1].askedAt = max(last.askedAt, askedAt)
    } else if marks.count < Self.marksLimit {
      marks.append(Mark(index: index, askedAt: askedAt))
    }
  }

  public mutating func applied(_ index: LogIndex) {
    let count = marks.firstIndex { $0.index > index } ?? marks.count
    guard count > 0 else { return }
    let newest = marks[count - 1].askedAt
    marks.removeFirst(count)
    asOf = max(asOf ?? newest, newest)
  }

  /// `nil`: not known.
  public func age(at now: Instant) -> Duration? { asOf.map { now - $0 } }
}
