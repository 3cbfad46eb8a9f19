import Synchronization

/// A bounded queue between two threads that is emptied in batches, with one wake-up a batch.
///
/// Whatever piles up while the consumer works is its next batch. An inbox is there before its
/// consumer: a thread knows the inboxes of others, and no other thread.
package final class Inbox<Element: Sendable>: Sendable {
  private struct State {
    var waiting: [Element] = []
    var isClosed = false
    /// The consumer was woken and has not drained since.
    var isWoken = false
    /// The consumer waits for whatever comes next.
    var isHurried = false

    /// Whether an element that has just been added must wake the consumer.
    mutating func mustWake(for isUrgent: Bool) -> Bool {
      guard isUrgent || isHurried, !isWoken else { return false }
      isWoken = true
      return true
    }
  }

  private let state = Mutex(State())
  private let limit: Int
  private let consumer: WakeUp

  /// `limit`: how many elements may wait. The consumer is woken by the producer, outside the lock,
  /// once between two drains at most.
  ///
  /// *Precondition*: `limit > 0`.
  package init(limit: Int, wakes consumer: WakeUp) {
    precondition(limit > 0, "an inbox of \(limit) elements holds nothing")
    self.limit = limit
    self.consumer = consumer
  }

  /// Adds one element at the end; `false`: the inbox is full or closed, and nothing was added.
  /// What is not urgent wakes nobody: it is found with what comes next.
  @discardableResult
  package func offer(_ element: Element, isUrgent: Bool = true) -> Bool {
    let (isAccepted, mustWake) = state.withLock { state in
      guard !state.isClosed && state.waiting.count < limit else { return (false, false) }
      state.waiting.append(element)
      return (true, state.mustWake(for: isUrgent))
    }
    if mustWake { consumer.wake() }
    return isAccepted
  }

  /// Adds a batch in order, whole or not at all; `false`: it does not fit or the inbox is closed.
  @discardableResult
  package func offer(contentsOf batch: [Element]) -> Bool {
    guard !batch.isEmpty else { return true }
    let (isAccepted, mustWake) = state.withLock { state in
      let count = state.waiting.count
      guard !state.isClosed && count + batch.count <= limit else { return (false, false) }
      state.waiting.append(contentsOf: batch)
      return (true, state.mustWake(for: true))
    }
    if mustWake { consumer.wake() }
    return isAccepted
  }

  /// Adds what the bounds elsewhere leave room for; after `close` it is dropped.
  ///
  /// *Precondition*: the inbox is not full: that would be a bound that was broken.
  package func post(_ element: Element, isUrgent: Bool = true) {
    let isTaken = offer(element, isUrgent: isUrgent)
    precondition(isTaken || isClosed, "\(count) of \(Element.self) wait")
  }

  /// The same for a batch.
  package func post(contentsOf batch: [Element]) {
    let isTaken = offer(contentsOf: batch)
    precondition(isTaken || isClosed, "\(count) of \(Element.self) wait")
  }

  /// Takes everything that waits, in order.
  package func drain() -> [Element] {
    state.withLock { state in
      var batch: [Element] = []
      swap(&batch, &state.waiting)
      state.isWoken = false
      return batch
    }
  }

  /// From now on whatever is added wakes the consumer, or only what is urgent. True: something
  /// waits already that woke nobody.
  package func hurry(_ isHurried: Bool) -> Bool {
    state.withLock { state in
      state.isHurried = isHurried
      return isHurried && !state.isWoken && !state.waiting.isEmpty
    }
  }

  /// Takes nothing more. What waits can still be drained. Wakes the consumer.
  package func close() {
    let wasOpen = state.withLock { state in
      let wasOpen = !state.isClosed
      state.isClosed = true
      return wasOpen
    }
    if wasOpen { consumer.wake() }
  }

  package var isClosed: Bool { state.withLock { $0.isClosed } }

  /// How many elements wait.
  package var count: Int { state.withLock { $0.waiting.count } }
}
