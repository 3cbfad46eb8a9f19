/// Builds an index from many rows at once: one sort, then full blocks.
struct KeyIndexBuilder: ~Copyable {
  private struct Item {
    var start: Int
    var length: Int
    var version: KeyVersion
  }

  /// Sorts by eight bytes of the key before it looks at the key itself.
  private struct Order {
    var prefix: UInt64
    var item: Int
  }

  private var bytes: [UInt8] = []
  private var items: [Item] = []

  init() {}

  /// *Precondition*: row numbers ascend.
  mutating func add(_ version: KeyVersion, to key: UnsafeRawBufferPointer) {
    items.append(Item(start: bytes.count, length: key.count, version: version))
    bytes.append(contentsOf: key)
  }

  consuming func build() -> KeyIndex {
    let order = sorted()
    var blocks: [(bound: [UInt8], node: IndexNode)] = []
    var leaf = IndexNode()
    leaf.keys.reserve(keys: IndexNode.limitKeys, bytes: 0)
    leaf.newest.reserveCapacity(IndexNode.limitKeys)
    var lastKey = 0..<0
    var lastPrefix: UInt64 = 0
    bytes.withUnsafeBytes { bytes in
      for next in order {
        let item = items[next.item]
        let range = item.start..<item.start + item.length
        let key = UnsafeRawBufferPointer(rebasing: bytes[range])
        let last = UnsafeRawBufferPointer(rebasing: bytes[lastKey])
        var slot = leaf.newest.count
        if slot > 0, next.prefix == lastPrefix, ByteOrder.compare(last, key) == 0 {
          leaf.histories.append(leaf.newest[slot - 1], at: slot - 1, of: slot)
          leaf.newest[slot - 1] = item.version
          continue
        }
        let isFull =
          slot == IndexNode.limitKeys
          || slot > 0 && leaf.keys.byteCount + key.count > IndexNode.limitBytes
        if isFull {
          leaf.recount()
          blocks.append((blocks.isEmpty ? [] : leaf.keys.key(at: 0), leaf))
          leaf = IndexNode()
          slot = 0
          leaf.keys.reserve(
            keys: IndexNode.limitKeys, bytes: blocks[blocks.count - 1].node.keys.byteCount)
          leaf.newest.reserveCapacity(IndexNode.limitKeys)
        }
        leaf.keys.insert(key, at: slot)
        leaf.newest.append(item.version)
        leaf.histories.insertSlot(slot)
        lastKey = range
        lastPrefix = next.prefix
      }
    }
    leaf.recount()
    blocks.append((blocks.isEmpty || leaf.newest.isEmpty ? [] : leaf.keys.key(at: 0), leaf))
    return KeyIndexBuilder.raise(blocks)
  }

  /// Branches above branches until one block is left.
  private static func raise(_ leaves: [(bound: [UInt8], node: IndexNode)]) -> KeyIndex {
    var level = leaves
    while level.count > 1 {
      var above: [(bound: [UInt8], node: IndexNode)] = []
      var start = 0
      while start < level.count {
        let end = min(start + IndexNode.limitChildren, level.count)
        above.append((level[start].bound, IndexNode.branch(of: Array(level[start..<end]))))
        start = end
      }
      level = above
    }
    var index = KeyIndex()
    index.root = level[0].node
    return index
  }

  /// By key, then by row number.
  private func sorted() -> [Order] {
    bytes.withUnsafeBytes { bytes in
      items.withUnsafeBufferPointer { items in
        let key = { (item: Item) in
          UnsafeRawBufferPointer(rebasing: bytes[item.start..<item.start + item.length])
        }
        var common = items.isEmpty ? 0 : items[0].length
        for item in items where common > 0 {
          common = min(common, ByteOrder.commonPrefix(key(items[0]), key(item)))
        }
        var order = items.indices.map {
          Order(prefix: ByteOrder.head(of: key(items[$0]), from: common), item: $0)
        }
        KeyIndexBuilder.sortByPrefix(&order)
        // Equal beginnings are in the order of their rows already; different keys among them are
        // rare.
        var start = 0
        while start < order.count {
          var end = start + 1
          var isOneKey = true
          while end < order.count, order[end].prefix == order[start].prefix {
            isOneKey =
              isOneKey
              && ByteOrder.compare(key(items[order[start].item]), key(items[order[end].item])) == 0
            end += 1
          }
          if !isOneKey {
            order[start..<end].sort { left, right in
              let keys = ByteOrder.compare(key(items[left.item]), key(items[right.item]))
              return keys == 0 ? left.item < right.item : keys < 0
            }
          }
          start = end
        }
        return order
      }
    }
  }

  /// A stable radix sort, a byte a pass from the last; a byte that is the same in all needs none.
  private static func sortByPrefix(_ order: inout [Order]) {
    let isSorted = zip(order, order.dropFirst()).allSatisfy { $0.prefix <= $1.prefix }
    guard !isSorted else { return }
    var counts = [Int](repeating: 0, count: 8 * 256)
    for entry in order {
      for byte in 0..<8 { counts[byte * 256 + Int(entry.prefix >> UInt64(byte * 8) & 0xFF)] += 1 }
    }
    var target = order
    for byte in 0..<8 {
      var positions = [Int](repeating: 0, count: 256)
      var position = 0
      for value in 0..<256 {
        positions[value] = position
        position += counts[byte * 256 + value]
      }
      guard !counts[byte * 256..<byte * 256 + 256].contains(order.count) else { continue }
      for entry in order {
        let value = Int(entry.prefix >> UInt64(byte * 8) & 0xFF)
        target[positions[value]] = entry
        positions[value] += 1
      }
      swap(&order, &target)
    }
  }
}
