/// An array that forgets from both ends in constant time; what it forgets is freed at once.
struct Queue<Element: Hashable & Sendable>: Hashable, Sendable {
  private var storage: [Element?] = []
  private var head = 0

  var count: Int { storage.count - head }

  subscript(offset: Int) -> Element {
    guard let element = storage[head + offset] else {
      fatalError("offset \(offset) of \(count) was forgotten")
    }
    return element
  }

  mutating func append(_ element: Element) { storage.append(element) }

  mutating func removeFirst() {
    demand(count > 0, "the queue is empty")
    storage[head] = nil
    head += 1
    // Each shift is paid for by as many removals before it.
    if head >= 64 && head * 2 >= storage.count {
      storage.removeFirst(head)
      head = 0
    }
  }

  mutating func update(_ change: (Element) -> Element) {
    for position in head..<storage.count { storage[position] = storage[position].map(change) }
  }

  mutating func removeLast(_ count: Int) { storage.removeLast(count) }

  mutating func removeAll() {
    storage.removeAll()
    head = 0
  }

  static func == (left: Queue, right: Queue) -> Bool {
    left.storage[left.head...] == right.storage[right.head...]
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(count)
    for element in storage[head...] { hasher.combine(element) }
  }
}
