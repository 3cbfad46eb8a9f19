import KeyValue
import Member
import Synchronization

/// The way of what is applied to the watches of one client loop: a `ChangeFeed` between threads.
final class WatchFeed: Sendable {
  private let feed = Mutex(ChangeFeed())
  private let wake: @Sendable () -> Void

  /// `wake` is called once between two drains at most.
  init(wake: @escaping @Sendable () -> Void) { self.wake = wake }

  func offer(_ batch: ChangeBatch) {
    let isFirst = feed.withLock { feed in
      let isFirst = feed.isEmpty
      feed.offer(batch)
      return isFirst
    }
    if isFirst { wake() }
  }

  func drain() -> [ChangeBatch] { feed.withLock { $0.drain() } }
}
