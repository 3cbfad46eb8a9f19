package import KeyValue
import Member
import Synchronization

/// The way of what is applied to the watches of one client loop: a `ChangeFeed` between threads.
package final class WatchFeed: Sendable {
  private let feed = Mutex(ChangeFeed())
  private let consumer: WakeUp

  /// The consumer is woken once between two drains at most.
  package init(wakes consumer: WakeUp) { self.consumer = consumer }

  package func offer(_ batch: ChangeBatch) {
    let isFirst = feed.withLock { feed in
      let isFirst = feed.isEmpty
      feed.offer(batch)
      return isFirst
    }
    if isFirst { consumer.wake() }
  }

  package func drain() -> [ChangeBatch] { feed.withLock { $0.drain() } }
}
