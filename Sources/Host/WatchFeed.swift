package import KeyValue
import Synchronization

/// The way of what is applied to the watches of one client loop.
///
/// Bounded in bytes: what does not fit is lost, and the loss is told. Watches find what they missed
/// in the store, so a loop that is slow neither holds the applier up nor makes memory grow.
package final class WatchFeed: Sendable {
  /// Rows that may wait for the loop.
  package static let limitBytes = 16 << 20

  private struct State {
    var waiting: [ChangeBatch] = []
    var bytes = 0
    /// Everything from the first batch that was lost up to here was lost.
    var lostThrough: Int64?
  }

  private let state = Mutex(State())
  private let limitBytes: Int
  private let wake: @Sendable () -> Void

  /// `wake` is called once between two drains at most.
  package init(limitBytes: Int = WatchFeed.limitBytes, wake: @escaping @Sendable () -> Void) {
    self.limitBytes = limitBytes
    self.wake = wake
  }

  package func offer(_ batch: ChangeBatch) {
    let bytes = batch.memoryBytes
    let isFirst = state.withLock { state in
      let isFirst = state.waiting.isEmpty && state.lostThrough == nil
      if state.lostThrough == nil, isFirst || state.bytes + bytes <= limitBytes {
        state.waiting.append(batch)
        state.bytes += bytes
      } else {
        state.lostThrough = batch.through
      }
      return isFirst
    }
    if isFirst { wake() }
  }

  /// Everything that waits, in order. A loss shows as a batch that begins after the one before.
  package func drain() -> [ChangeBatch] {
    state.withLock { state in
      var batches = state.waiting
      if let lost = state.lostThrough { batches.append(ChangeBatch(after: lost, through: lost)) }
      state = State()
      return batches
    }
  }
}
