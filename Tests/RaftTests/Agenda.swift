import Base
import Raft

/// What is going to happen on virtual time, soonest first; of two things at one instant, the one
/// that was planned first.
struct Agenda<Event> {
  private struct Item {
    var at: Instant
    var sequence: UInt64
    var event: Event

    func isBefore(_ other: Item) -> Bool {
      at == other.at ? sequence < other.sequence : at < other.at
    }
  }

  private var heap: [Item] = []
  private var planned: UInt64 = 0

  var nextAt: Instant? { heap.first?.at }

  mutating func plan(_ event: Event, at instant: Instant) {
    planned += 1
    heap.append(Item(at: instant, sequence: planned, event: event))
    var child = heap.count - 1
    while child > 0, heap[child].isBefore(heap[(child - 1) / 2]) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func takeNext() -> Event {
    heap.swapAt(0, heap.count - 1)
    let event = heap.removeLast().event
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && heap[child].isBefore(heap[least]) {
        least = child
      }
      guard least != parent else { return event }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
