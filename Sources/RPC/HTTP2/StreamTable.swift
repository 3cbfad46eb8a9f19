/// Values by stream: a hash table made for numbers that a peer hands out one after the other, so
/// that streams open at the same time hardly ever meet in a slot.
///
/// Linear probing; a removal moves what follows back, so there are no tombstones.
struct StreamTable<Value> {
  /// A power of two, at least half of it free.
  private var entries: [(id: StreamID, value: Value)?] = Array(repeating: nil, count: 8)
  private(set) var count = 0

  /// Where the stream's value lies until the table next changes; nil when it has none.
  func slot(of id: StreamID) -> Int? {
    var slot = home(of: id)
    while let entry = entries[slot] {
      if entry.id == id { return slot }
      slot = next(slot)
    }
    return nil
  }

  /// *Precondition*: the slot is one that `slot(of:)` has returned since the last change.
  subscript(slot: Int) -> Value {
    get { entries[slot]!.value }
    _modify { yield &entries[slot]!.value }
  }

  subscript(id: StreamID) -> Value? { slot(of: id).map { self[$0] } }

  /// *Precondition*: the stream has no value.
  @discardableResult
  mutating func insert(_ id: StreamID, _ value: Value) -> Int {
    if 2 * (count + 1) > entries.count { grow() }
    count += 1
    return place(id, value)
  }

  @discardableResult
  mutating func remove(_ id: StreamID) -> Value? {
    guard var hole = slot(of: id) else { return nil }
    let value = entries[hole]!.value
    entries[hole] = nil
    count -= 1
    var slot = next(hole)
    while let entry = entries[slot] {
      // An entry may fill the hole when its search passes there on its way from home.
      let distance = (slot - home(of: entry.id)) & mask
      if distance >= (slot - hole) & mask {
        entries[hole] = entry
        entries[slot] = nil
        hole = slot
      }
      slot = next(slot)
    }
    return value
  }

  /// In the order of their numbers.
  var ids: [StreamID] { entries.compactMap { $0?.id }.sorted() }

  /// In no order.
  var values: [Value] { entries.compactMap { $0?.value } }

  /// Changes each value, in no order.
  mutating func forEach(_ change: (inout Value) -> Void) {
    for slot in entries.indices where entries[slot] != nil { change(&entries[slot]!.value) }
  }

  private var mask: Int { entries.count - 1 }

  /// Numbers of one side go up by two.
  private func home(of id: StreamID) -> Int { Int(id.number >> 1) & mask }

  private func next(_ slot: Int) -> Int { (slot + 1) & mask }

  private mutating func place(_ id: StreamID, _ value: Value) -> Int {
    var slot = home(of: id)
    while let entry = entries[slot] {
      precondition(entry.id != id, "stream \(id.number) has two values")
      slot = next(slot)
    }
    entries[slot] = (id, value)
    return slot
  }

  private mutating func grow() {
    let old = entries
    entries = Array(repeating: nil, count: 2 * old.count)
    for case let entry? in old { _ = place(entry.id, entry.value) }
  }
}
