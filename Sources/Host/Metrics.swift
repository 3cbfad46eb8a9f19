import Base
import Raft
import Synchronization

/// A number that only grows.
package final class Counter: Sendable {
  private let value = Atomic<UInt64>(0)

  package init() {}

  package func add(_ count: UInt64 = 1) { value.wrappingAdd(count, ordering: .relaxed) }

  package var count: UInt64 { value.load(ordering: .relaxed) }
}

/// A number that goes up and down.
package final class Gauge: Sendable {
  private let value = Atomic<Int>(0)

  package func change(by difference: Int) {
    if difference != 0 { value.wrappingAdd(difference, ordering: .relaxed) }
  }

  package var now: Int { value.load(ordering: .relaxed) }
}

/// How long something took, counted in buckets that double from 0.1 ms to 6.5 s.
package final class DurationHistogram: Sendable {
  private struct Counts {
    var buckets = [UInt64](repeating: 0, count: DurationHistogram.bounds.count + 1)
    var totalNanoseconds: Int64 = 0
  }

  /// Upper ends of the buckets in nanoseconds, inclusive; what is longer falls in the last.
  package static let bounds: [Int64] = (0..<17).map { 100_000 << Int64($0) }

  private let counts = Mutex(Counts())

  /// *Precondition*: a duration is not negative.
  package func record(_ duration: Duration) {
    let nanoseconds = duration.nanoseconds
    precondition(nanoseconds >= 0, "something took \(nanoseconds) ns")
    let bucket = Self.bounds.firstIndex { nanoseconds <= $0 } ?? Self.bounds.count
    counts.withLock {
      $0.buckets[bucket] += 1
      $0.totalNanoseconds += nanoseconds
    }
  }

  /// The series in Prometheus's text form, without `# TYPE`.
  package func text(_ name: String) -> String {
    let (buckets, total) = counts.withLock { ($0.buckets, $0.totalNanoseconds) }
    var text = ""
    var running: UInt64 = 0
    for (bound, count) in zip(Self.bounds, buckets) {
      running += count
      text += "\(name)_bucket{le=\"\(Double(bound) / 1e9)\"} \(running)\n"
    }
    running += buckets[Self.bounds.count]
    text += "\(name)_bucket{le=\"+Inf\"} \(running)\n"
    text += "\(name)_sum \(Double(total) / 1e9)\n"
    return text + "\(name)_count \(running)\n"
  }
}

/// Everything that a member counts; `/metrics` prints it with the gauges of the moment.
package final class Metrics: Sendable {
  /// Why a request was turned away before it had any effect.
  package enum Reason: String, CaseIterable, Sendable {
    case quorum
    case noLeader
    case overloaded
    case tooLarge
    case stale
    case notServing
    case invalid
  }

  package init() {}

  package let puts = Counter()
  package let ranges = Counter()
  package let transactions = Counter()
  package let deletions = Counter()
  package let compactions = Counter()
  package let leasesGranted = Counter()
  package let leasesRevoked = Counter()
  package let leasesRenewed = Counter()
  package let leasesExpired = Counter()
  /// Spares that this member, as the leader, has put in a voter's place.
  package let sparesCalled = Counter()
  private let lastSpareNanoseconds = Atomic<Int64>(0)
  private let recoveryNanoseconds = Atomic<Int64>(0)
  private let recoveryEntries = Atomic<UInt64>(0)
  private let recoverySnapshotBytes = Atomic<Int>(0)
  package let proposalsCommitted = Counter()
  package let proposalsUnknown = Counter()
  package let leaderChanges = Counter()
  package let droppedPeerMessages = Counter()
  /// Calls that wait for another thread.
  package let pendingCalls = Gauge()
  package let pendingPages = Gauge()
  package let watchStreams = Gauge()
  package let watches = Gauge()
  /// Watches that are served from the store until they have caught up.
  package let laggingWatches = Gauge()
  /// Given to streams of watches; an event counts for each watch.
  package let watchEvents = Counter()
  /// Streams of watches that the member ended because their client did not read.
  package let stalledWatchStreams = Counter()
  /// Calls about locks and elections that are under way.
  package let lockCalls = Gauge()
  /// From the arrival of a request that changes the store to its answer.
  package let commitDuration = DurationHistogram()
  /// One commit of the log with its sync.
  package let syncDuration = DurationHistogram()
  private let refusals = Reason.allCases.map { _ in Counter() }

  package func refused(_ reason: Reason) {
    refusals[Reason.allCases.firstIndex(of: reason)!].add()
  }

  /// From the call of a spare until the new voters stood alone.
  package func spareTookOver(in time: Duration) {
    lastSpareNanoseconds.store(time.nanoseconds, ordering: .relaxed)
  }

  /// What the start of this process cost (`RecoveryReport`).
  package func recovered(in time: Duration, entries: UInt64, snapshotBytes: Int) {
    recoveryNanoseconds.store(time.nanoseconds, ordering: .relaxed)
    recoveryEntries.store(entries, ordering: .relaxed)
    recoverySnapshotBytes.store(snapshotBytes, ordering: .relaxed)
  }

  /// What stands now rather than adds up.
  package struct Gauges: Sendable {
    package init() {}

    package var role = ""
    package var isLeader = false
    package var hasLeader = false
    package var term: UInt64 = 0
    package var commit: UInt64 = 0
    package var applied: UInt64 = 0
    package var revision: Int64 = 0
    package var heard = 0
    package var voters = 0
    package var pending = 0
    package var overlayBytes = 0
    package var leases = 0
    package var fileBytes: Int64 = 0
    package var usedBytes: Int64 = 0
    package var quotaBytes: UInt64 = 0
    package var alarms = 0
    package var isFenced = false
  }

  /// Prometheus's text form, version 0.0.4; etcd's names where they mean the same.
  package func text(_ now: Gauges) -> String {
    var text = ""
    func gauge(_ name: String, _ value: some BinaryInteger) {
      text += "# TYPE \(name) gauge\n\(name) \(value)\n"
    }
    func counter(_ name: String, _ counter: Counter) {
      text += "# TYPE \(name) counter\n\(name) \(counter.count)\n"
    }
    gauge("etcd_server_has_leader", now.hasLeader ? 1 : 0)
    gauge("etcd_server_is_leader", now.isLeader ? 1 : 0)
    counter("etcd_server_leader_changes_seen_total", leaderChanges)
    gauge("etcd_server_proposals_committed_total", now.commit)
    gauge("etcd_server_proposals_applied_total", now.applied)
    gauge("etcd_server_proposals_pending", now.pending)
    counter("etcd_mvcc_put_total", puts)
    counter("etcd_mvcc_range_total", ranges)
    counter("etcd_mvcc_txn_total", transactions)
    counter("etcd_mvcc_delete_total", deletions)
    counter("quorate_compactions_total", compactions)
    counter("etcd_debugging_lease_granted_total", leasesGranted)
    counter("etcd_debugging_lease_revoked_total", leasesRevoked)
    counter("etcd_debugging_lease_renewed_total", leasesRenewed)
    counter("etcd_debugging_server_lease_expired_total", leasesExpired)
    gauge("quorate_leases", now.leases)
    counter("quorate_spares_called_total", sparesCalled)
    func seconds(_ name: String, _ nanoseconds: Int64) {
      text += "# TYPE \(name) gauge\n\(name) \(Double(nanoseconds) / 1e9)\n"
    }
    seconds(
      "quorate_spare_last_takeover_seconds", lastSpareNanoseconds.load(ordering: .relaxed))
    seconds("quorate_recovery_seconds", recoveryNanoseconds.load(ordering: .relaxed))
    gauge("quorate_recovery_entries", recoveryEntries.load(ordering: .relaxed))
    gauge("quorate_recovery_snapshot_bytes", recoverySnapshotBytes.load(ordering: .relaxed))
    gauge("etcd_debugging_mvcc_current_revision", now.revision)
    gauge("etcd_debugging_mvcc_watch_stream_total", watchStreams.now)
    gauge("etcd_debugging_mvcc_watcher_total", watches.now)
    gauge("etcd_debugging_mvcc_slow_watcher_total", laggingWatches.now)
    counter("etcd_debugging_mvcc_events_total", watchEvents)
    counter("quorate_watch_streams_stalled_total", stalledWatchStreams)
    gauge("quorate_contests", lockCalls.now)
    gauge("etcd_mvcc_db_total_size_in_bytes", now.fileBytes)
    gauge("etcd_mvcc_db_total_size_in_use_in_bytes", now.usedBytes)
    gauge("etcd_server_quota_backend_bytes", now.quotaBytes)
    gauge("quorate_alarms", now.alarms)
    gauge("quorate_fenced", now.isFenced ? 1 : 0)
    gauge("quorate_raft_term", now.term)
    text += "# TYPE quorate_raft_role gauge\nquorate_raft_role{role=\"\(now.role)\"} 1\n"
    gauge("quorate_quorum_heard", now.heard)
    gauge("quorate_quorum_voters", now.voters)
    gauge("quorate_overlay_bytes", now.overlayBytes)
    counter("quorate_outcomes_unknown_total", proposalsUnknown)
    counter("quorate_peer_messages_dropped_total", droppedPeerMessages)
    text += "# TYPE quorate_refusals_total counter\n"
    for (reason, counter) in zip(Reason.allCases, refusals) {
      text += "quorate_refusals_total{rule=\"\(reason.rawValue)\"} \(counter.count)\n"
    }
    text += "# TYPE quorate_commit_duration_seconds histogram\n"
    text += commitDuration.text("quorate_commit_duration_seconds")
    text += "# TYPE etcd_disk_wal_fsync_duration_seconds histogram\n"
    text += syncDuration.text("etcd_disk_wal_fsync_duration_seconds")
    return text
  }
}
