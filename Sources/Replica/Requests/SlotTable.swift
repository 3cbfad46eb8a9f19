import Raft

/// Requests whose commands have a known slot that is not known to be committed, by slot.
struct SlotTable: Sendable {
  struct Slot: Sendable {
    var entry: EntryID
    var id: RequestID
  }

  /// Ascending by index. A lost slot may share its index with a newer one.
  private(set) var slots: [Slot] = []

  var isEmpty: Bool { slots.isEmpty }

  mutating func insert(_ slot: Slot) {
    var position = slots.count
    while position > 0, slots[position - 1].entry.index > slot.entry.index { position -= 1 }
    slots.insert(slot, at: position)
  }

  /// Takes out the slots up to `index`, in order.
  mutating func take(through index: LogIndex) -> [Slot] {
    let count = slots.firstIndex { $0.entry.index > index } ?? slots.count
    guard count > 0 else { return [] }
    defer { slots.removeFirst(count) }
    return Array(slots[..<count])
  }

  mutating func retain(_ isKept: (RequestID) -> Bool) { slots.removeAll { !isKept($0.id) } }
}
