import Base
import Testing

@Suite struct `A queue` {
  /// Long enough for many shifts of what is behind the head.
  @Test(arguments: 1...8 as ClosedRange<UInt64>)
  func `holds what an array would hold`(seed: UInt64) {
    var dice = SplitMix64(seed: seed)
    var queue = Queue<Int>()
    var array: [Int] = []
    for number in 0..<3000 {
      switch dice.index(below: 8) {
      case 0...4:
        queue.append(number)
        array.append(number)
      case 5, 6: #expect(queue.popFirst() == (array.isEmpty ? nil : array.removeFirst()))
      case _:
        let count = min(array.count, dice.index(below: 3))
        queue.removeLast(count)
        array.removeLast(count)
      }
      #expect(queue.count == array.count)
      #expect(queue.isEmpty == array.isEmpty)
    }
    #expect((0..<queue.count).map { queue[$0] } == array)
    queue.update { -$0 }
    #expect((0..<queue.count).map { queue[$0] } == array.map { -$0 })
  }

  @Test func `is equal to one that came to the same by another way`() {
    var one = Queue<Int>()
    var other = Queue<Int>()
    for number in 0..<100 { one.append(number) }
    for _ in 0..<98 { one.removeFirst() }
    other.append(98)
    #expect(one != other)
    other.append(99)
    #expect(one == other)
    #expect(one.hashValue == other.hashValue)
  }

  @Test func `frees what it forgets at once`() {
    final class Thing {}
    var queue = Queue<Thing>()
    queue.append(Thing())
    queue.append(Thing())
    weak let first = queue[0]
    weak let last = queue[1]
    queue.removeFirst()
    #expect(first == nil)
    #expect(last != nil)
    queue.removeAll()
    #expect(last == nil)
  }
}
