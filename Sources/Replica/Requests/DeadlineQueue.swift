import Base

/// Requests or leases by deadline, the earliest first, ties by id: a binary heap.
///
/// What has ended stays in it until it surfaces or until its owner retains the rest.
struct DeadlineQueue<ID: Comparable & Sendable>: Sendable {
  struct Item: Comparable, Sendable {
    var deadline: Instant
    var id: ID

    static func < (left: Item, right: Item) -> Bool {
      left.deadline == right.deadline ? left.id < right.id : left.deadline < right.deadline
    }
  }

  private var heap: [Item] = []

  var count: Int { heap.count }

  var first: Item? { heap.first }

  mutating func insert(_ item: Item) {
    heap.append(item)
    rise(from: heap.count - 1)
  }

  /// *Precondition*: not empty.
  mutating func removeFirst() -> Item {
    demand(!heap.isEmpty, "there is no earliest of none")
    heap.swapAt(0, heap.count - 1)
    let item = heap.removeLast()
    sink(from: 0)
    return item
  }

  /// Keeps only what is still asked for.
  mutating func retain(_ isKept: (ID) -> Bool) {
    heap.removeAll { !isKept($0.id) }
    for position in stride(from: heap.count / 2 - 1, through: 0, by: -1) { sink(from: position) }
  }

  private mutating func rise(from start: Int) {
    var position = start
    while position > 0 {
      let parent = (position - 1) / 2
      guard heap[position] < heap[parent] else { return }
      heap.swapAt(position, parent)
      position = parent
    }
  }

  private mutating func sink(from start: Int) {
    var position = start
    while true {
      var least = position
      for child in [2 * position + 1, 2 * position + 2]
      where child < heap.count && heap[child] < heap[least] {
        least = child
      }
      guard least != position else { return }
      heap.swapAt(position, least)
      position = least
    }
  }
}
