import Raft
import Synchronization

/// The snapshot that has arrived whole and may be installed; shared by the thread that receives
/// and the one that writes the log.
final class SnapshotArrival: Sendable {
  private struct Whole {
    var generation: UInt64
    var last: EntryID
  }

  private let whole = Mutex<Whole?>(nil)

  func announce(generation: UInt64, last: EntryID) {
    whole.withLock { $0 = Whole(generation: generation, last: last) }
  }

  func forget() {
    whole.withLock { $0 = nil }
  }

  func isWhole(generation: UInt64, at last: EntryID) -> Bool {
    whole.withLock { $0?.generation == generation && $0?.last == last }
  }
}
