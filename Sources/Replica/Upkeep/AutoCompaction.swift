import Base

/// What the leader compacts by itself (etcd `--auto-compaction-mode`,
/// `--auto-compaction-retention`).
public enum AutoCompaction: Hashable, Sendable {
  case off
  /// The history of this time is kept.
  case period(Duration)
  /// So many revisions are kept.
  case revisions(Int64)
}

/// Says when to compact, and up to where (etcd server/etcdserver/api/v3compactor).
///
/// Every member notes the revisions, so that a new leader goes on where the last one was; only a
/// leader compacts.
///
/// ```text
///   period P    ●──●──●──●──●──●──●──●──●──●──●──●──●──▶  a sample each tenth of P, or of an hour
///               ▲ compacted ◀────── P ──────────▲           every P, or every hour
/// ```
struct Compactor: Sendable {
  private let rule: AutoCompaction
  /// Revisions at the last ticks, oldest first.
  private var samples: [Int64] = []
  private(set) var tickAt: Instant
  private var succeededAt: Instant
  /// Nothing was compacted by this member yet: it waits for the whole period first.
  private var isFirst = true
  /// Proposed, and not known to be compacted.
  private var asked: (revision: Int64, at: Instant)?
  private var lastRevision: Int64 = 0

  /// How often revisions are looked at when a number of them is kept (etcd revision.go).
  private static let revisionInterval: Duration = .seconds(300)
  private static let longestInterval: Duration = .seconds(3600)
  private static let divisor = 10

  init(_ rule: AutoCompaction, at now: Instant) {
    self.rule = rule
    succeededAt = now
    switch rule {
    case .off: tickAt = .distantFuture
    case .period: tickAt = now
    case .revisions: tickAt = now + Self.revisionInterval
    }
  }

  /// To be called when `tickAt` has come: the revision to compact at, for a leader to propose.
  mutating func tick(
    at now: Instant, revision: Int64, compacted: Int64, isLeader: Bool
  ) -> Int64? {
    if let asked, compacted >= asked.revision {
      succeededAt = asked.at
      lastRevision = asked.revision
      self.asked = nil
    }
    switch rule {
    case .off: return nil
    case .revisions(let kept):
      tickAt = now + Self.revisionInterval
      let wanted = revision - kept
      guard isLeader, wanted > 0, wanted != lastRevision else { return nil }
      return propose(wanted, compacted, at: now)
    case .period(let period):
      let interval = min(period, Self.longestInterval)
      tickAt = now + interval / Self.divisor
      defer { note(revision, period, every: interval / Self.divisor) }
      // What is on its way is not asked for again: where the log is slow it would only grow.
      let isUnderWay = asked.map { now < $0.at + interval } ?? false
      guard isLeader, !isUnderWay, now - succeededAt >= (isFirst ? period : interval),
        let oldest = samples.first
      else { return nil }
      isFirst = false
      return propose(oldest, compacted, at: now)
    }
  }

  /// What was asked for last has not got into the log: the next tick asks again.
  mutating func refused() { asked = nil }

  private mutating func propose(_ revision: Int64, _ compacted: Int64, at now: Instant) -> Int64? {
    guard revision > compacted else {
      // Somebody else was faster.
      succeededAt = now
      lastRevision = revision
      return nil
    }
    asked = (revision, now)
    return revision
  }

  private mutating func note(_ revision: Int64, _ period: Duration, every interval: Duration) {
    samples.append(revision)
    let kept = Int(period.nanoseconds / max(1, interval.nanoseconds)) + 1
    if samples.count > kept { samples.removeFirst(samples.count - kept) }
  }
}
