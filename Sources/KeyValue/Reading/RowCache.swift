/// Rows read from the table, bounded in bytes; the clock algorithm chooses what goes.
///
/// A plain value: who owns it protects it. A row never changes, so a cached one is never stale.
public struct RowCache: Sendable {
  private struct Slot: Sendable {
    var row: Row
    /// Used since the hand last passed.
    var isUsed: Bool
  }

  private let limitBytes: Int
  private var slots: [Slot] = []
  private var slotOf: [RowNumber: Int] = [:]
  private var hand = 0
  /// What the rows held occupy, about.
  public private(set) var memoryBytes = 0

  /// Zero: holds nothing.
  public init(limitBytes: Int) { self.limitBytes = limitBytes }

  /// `nil`: not held.
  public mutating func row(_ number: RowNumber) -> Row? {
    guard let slot = slotOf[number] else { return nil }
    slots[slot].isUsed = true
    return slots[slot].row
  }

  /// A row larger than a quarter of the bound is not held.
  public mutating func insert(_ row: Row) {
    guard row.memoryBytes <= limitBytes / 4, slotOf[row.number] == nil else { return }
    while memoryBytes + row.memoryBytes > limitBytes { evict() }
    slotOf[row.number] = slots.count
    slots.append(Slot(row: row, isUsed: false))
    memoryBytes += row.memoryBytes
  }

  /// Ends after two rounds at most: the first takes every mark away.
  private mutating func evict() {
    precondition(!slots.isEmpty, "\(memoryBytes) bytes in no row")
    while true {
      if hand >= slots.count { hand = 0 }
      guard slots[hand].isUsed else { break }
      slots[hand].isUsed = false
      hand += 1
    }
    let evicted = slots[hand].row
    memoryBytes -= evicted.memoryBytes
    slotOf[evicted.number] = nil
    slots.swapAt(hand, slots.count - 1)
    slots.removeLast()
    if hand < slots.count { slotOf[slots[hand].row.number] = hand }
  }
}
