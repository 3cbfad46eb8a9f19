/// First in, first out; both ends at constant cost.
struct Queue<Element> {
  private var elements: [Element] = []
  private var head = 0

  var isEmpty: Bool { head == elements.count }

  var count: Int { elements.count - head }

  var first: Element? { isEmpty ? nil : elements[head] }

  mutating func append(_ element: Element) { elements.append(element) }

  mutating func popFirst() -> Element? {
    guard let element = first else { return nil }
    head += 1
    // What is behind the head goes when it is the larger half: each element moves once or so.
    if head * 2 > elements.count && head > 32 {
      elements.removeFirst(head)
      head = 0
    }
    return element
  }
}
