/// An array that forgets from both ends in constant time; what it forgets is freed at once.
public struct Queue<Element> {
  @usableFromInline var storage: [Element?] = []
  @usableFromInline var head = 0

  @inlinable
  public init() {}

  @inlinable
  public var count: Int { storage.count - head }

  @inlinable
  public var isEmpty: Bool { head == storage.count }

  @inlinable
  public subscript(offset: Int) -> Element {
    guard let element = storage[head + offset] else {
      fatalError("offset \(offset) of \(count) was forgotten")
    }
    return element
  }

  @inlinable
  public mutating func append(_ element: Element) { storage.append(element) }

  @inlinable
  public mutating func removeFirst() {
    demand(count > 0, "the queue is empty")
    storage[head] = nil
    head += 1
    // Each shift is paid for by as many removals before it.
    if head >= 64 && head * 2 >= storage.count {
      storage.removeFirst(head)
      head = 0
    }
  }

  @inlinable
  public mutating func popFirst() -> Element? {
    guard !isEmpty else { return nil }
    let first = self[0]
    removeFirst()
    return first
  }

  @inlinable
  public mutating func update(_ change: (Element) -> Element) {
    for position in head..<storage.count { storage[position] = storage[position].map(change) }
  }

  @inlinable
  public mutating func removeLast(_ count: Int) {
    demand(count <= self.count, "\(count) of \(self.count) cannot be forgotten")
    storage.removeLast(count)
  }

  @inlinable
  public mutating func removeAll() {
    storage.removeAll()
    head = 0
  }
}

extension Queue: Sendable where Element: Sendable {}

extension Queue: Equatable where Element: Equatable {
  @inlinable
  public static func == (left: Queue, right: Queue) -> Bool {
    left.storage[left.head...] == right.storage[right.head...]
  }
}

extension Queue: Hashable where Element: Hashable {
  @inlinable
  public func hash(into hasher: inout Hasher) {
    hasher.combine(count)
    for element in storage[head...] { hasher.combine(element) }
  }
}
