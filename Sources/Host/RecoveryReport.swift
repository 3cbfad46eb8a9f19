import Base
import Logging
import Raft

/// What a start cost, from the process's first look at its files until the member knew itself to be
/// as far as its leader: checkpoint and restart, in figures.
struct RecoveryReport {
  private let startedAt: Instant
  /// Entries that were in the log and not in the state.
  private let replayed: UInt64
  /// What was applied when the process began.
  private let applied: UInt64
  private let isRestart: Bool
  private(set) var isTold = false
  /// Of snapshots that came meanwhile.
  var snapshotBytes = 0

  /// `recovered` `nil`: the member forms its store, and there is nothing to recover.
  init(_ recovered: Recovered?, startedAt: Instant) {
    self.startedAt = startedAt
    applied = recovered?.applied.number ?? 0
    let last = recovered?.entries.last?.index.number ?? applied
    replayed = max(last, applied) - applied
    isRestart = recovered != nil
  }

  /// Says once what it took.
  mutating func tell(
    appliedNow: LogIndex, at now: Instant, _ metrics: Metrics, _ logger: Logger
  ) {
    guard !isTold else { return }
    isTold = true
    guard isRestart else { return }
    let took = now - startedAt
    let fetched = appliedNow.number - min(appliedNow.number, applied + replayed)
    metrics.recovered(in: took, entries: replayed + fetched, snapshotBytes: snapshotBytes)
    logger.notice(
      "caught up after the start",
      metadata: [
        "took-ms": "\(took.milliseconds)", "entries-replayed": "\(replayed)",
        "entries-fetched": "\(fetched)", "snapshot-bytes": "\(snapshotBytes)",
      ])
  }
}
