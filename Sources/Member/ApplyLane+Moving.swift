import Base
import KeyValue
import Raft

/// Snapshots of the table, and the move to the table that a snapshot has brought.
extension ApplyLane {
  mutating func open(_ asker: SnapshotAsker, _ out: inout ApplyOutput) {
    guard !isRestoring else { return out.unopened.append(asker) }
    openSnapshots += 1
    let atLeast =
      switch asker {
      case .follower(let request): request.atLeast.number
      case .client: store.meta.appliedIndex
      }
    openings.append((asker, atLeast))
    openReadySnapshots(&out)
  }

  /// Opens the snapshots whose reader gets what it needs from the table as it is.
  mutating func openReadySnapshots(_ out: inout ApplyOutput) {
    guard !openings.isEmpty else { return }
    let flushed = store.flushedMeta.appliedIndex
    for opening in openings where opening.atLeast <= flushed {
      out.flushOrders.append(.openSnapshot(opening.asker))
    }
    openings.removeAll { $0.atLeast <= flushed }
  }

  mutating func restore(_ base: LogBase, _ out: inout ApplyOutput) {
    isRestoring = true
    purgeAt = .distantFuture
    pending = Queue()
    out.unopened += openings.map(\.asker)
    openSnapshots -= openings.count
    openings = []
    out.opensState = base
  }

  mutating func adopt(
    _ adopted: consuming AdoptedState<Ports.Readers>, _ base: LogBase, _ ports: inout Ports,
    _ out: inout ApplyOutput
  ) {
    isRestoring = false
    isFlushing = false
    store = adopted.store
    let index = store.meta.appliedIndex
    precondition(
      index == base.last.index.number,
      "the snapshot ends at \(base.last.index.number), and its state at \(index)")
    publish(&ports)
    feedMove(&out)
    ports.adopt(adopted.readers)
    answerPurged(&out)
    out.reports.append(.restored(base, leases: store.leaseImage, upkeep: store.facts))
  }
}
