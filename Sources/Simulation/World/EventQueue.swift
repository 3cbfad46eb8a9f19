import Base
import Raft

/// What is to happen, ordered by instant and, within one instant, by who asked first: so a run
/// depends on nothing but its seed.
struct EventQueue {
  /// A place in the heap; the event itself stays put in `events`.
  private struct Ticket {
    var at: Instant
    var sequence: UInt64
    var place: Int

    func isBefore(_ other: Ticket) -> Bool {
      at == other.at ? sequence < other.sequence : at < other.at
    }
  }

  private var heap: [Ticket] = []
  private var events: [Event?] = []
  private var freePlaces: [Int] = []
  private var sequence: UInt64 = 0

  var count: Int { heap.count }

  mutating func push(_ event: Event, at instant: Instant) {
    sequence += 1
    let place: Int
    if let free = freePlaces.popLast() {
      place = free
      events[place] = event
    } else {
      place = events.count
      events.append(event)
    }
    heap.append(Ticket(at: instant, sequence: sequence, place: place))
    rise(heap.count - 1)
  }

  /// The instant of the next event; `nil`: nothing is to happen.
  var next: Instant? { heap.first?.at }

  mutating func pop() -> (at: Instant, event: Event)? {
    guard let first = heap.first else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      sink(0)
    }
    guard let event = events[first.place] else { preconditionFailure("a ticket without event") }
    events[first.place] = nil
    freePlaces.append(first.place)
    return (first.at, event)
  }

  private mutating func rise(_ start: Int) {
    var child = start
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].isBefore(heap[parent]) else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  private mutating func sink(_ start: Int) {
    var parent = start
    while true {
      var child = 2 * parent + 1
      if child >= heap.count { return }
      if child + 1 < heap.count && heap[child + 1].isBefore(heap[child]) { child += 1 }
      guard heap[child].isBefore(heap[parent]) else { return }
      heap.swapAt(child, parent)
      parent = child
    }
  }
}
