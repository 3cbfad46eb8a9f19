import Base
import KeyValue
import Replica

/// What goes to the table, and what is removed from it.
extension ApplyLane {
  /// The overlay is bounded far below it.
  var lastFlushLimitBytes: Int { 1 << 32 }

  /// One batch is under way at a time; whatever piles up meanwhile is the next.
  mutating func flushIfDue(
    _ now: Instant, _ ports: inout Ports, _ out: inout ApplyOutput
  ) throws(ApplyFault) {
    guard !isFlushing, !isRestoring else { return }
    if purgeAt <= now { purgeAt = .distantFuture }
    if mayPurge {
      do {
        _ = try store.purge(limitRows: settings.purgeLimitRows, reading: ports.rows)
      } catch {
        throw .world(error)
      }
      // What was taken out of the index is free only when no view shows it.
      publish(&ports)
    }
    takeBatch(limitBytes: settings.flushLimitBytes, &out)
    if isFlushing {
      purgeAt = .distantFuture
    } else if mayPurge && purgeAt == .distantFuture {
      purgeAt = now + settings.purgePause
    }
  }

  /// Rows are not removed while somebody reads the table as a whole.
  private var mayPurge: Bool { openSnapshots == 0 && store.needsPurge }

  mutating func takeBatch(limitBytes: Int, _ out: inout ApplyOutput) {
    guard let batch = store.takeFlushBatch(limitBytes: limitBytes) else { return }
    isFlushing = true
    out.flushOrders.append(.write(batch, generation: store.generation))
  }

  /// A batch is in the table. One of a generation that is gone has nothing to tell.
  mutating func flushed(_ generation: UInt64, _ index: UInt64, _ out: inout ApplyOutput) {
    guard generation == store.generation, !isRestoring else { return }
    isFlushing = false
    store.flushed(through: index)
    answerPurged(&out)
    openReadySnapshots(&out)
  }

  /// A caller wants to hear when every row is gone from the table that is compacted by now.
  mutating func awaitPurge(_ id: RequestID, _ out: inout ApplyOutput) {
    purgeWaiters.append(
      PurgeWaiter(revision: store.meta.compactRevision, id: id, deadline: now + settings.purgeWait))
    answerPurged(&out)
  }

  /// Answers those whose rows are gone from the table.
  mutating func answerPurged(_ out: inout ApplyOutput) {
    guard !purgeWaiters.isEmpty else { return }
    let done = store.flushedMeta.purgedRevision
    for waiter in purgeWaiters where waiter.revision <= done { out.purged.append(waiter.id) }
    purgeWaiters.removeAll { $0.revision <= done }
  }

  /// Tells those who have waited long enough that rows are still there: a snapshot or a stalled
  /// disk holds them, and nobody knows for how long.
  mutating func giveUpPurges(_ now: Instant, _ out: inout ApplyOutput) {
    while let first = purgeWaiters.first, first.deadline <= now {
      out.unpurged.append(first.id)
      purgeWaiters.removeFirst()
    }
  }
}

/// A compaction whose caller waits until the rows are removed.
struct PurgeWaiter {
  /// Compacted up to here.
  var revision: Int64
  var id: RequestID
  var deadline: Instant
}
