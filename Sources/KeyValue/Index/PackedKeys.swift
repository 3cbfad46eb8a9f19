/// Sorted keys of one block of the index, end to end in one buffer.
///
/// ```text
///   bytes   load/00000001234load/00000001271load/00000002290
///   common  load/0000000
///   slots               0123          0127          0229      head
///                           16            32            48    end
/// ```
///
/// A search counts the heads below that of its key. They lie side by side, so the processor waits
/// for memory once; looking at one key after the other, it would wait at each. Only keys whose
/// heads are equal are compared.
struct PackedKeys: Sendable {
  private struct Slot {
    /// Of the key, behind what all keys here begin with.
    var head: UInt32
    /// Where the key ends in `bytes`.
    var end: UInt32
  }

  private var bytes: [UInt8] = []
  private var slots: [Slot] = []
  /// All keys begin with the same bytes of this number; there may be more.
  private var common = 0

  var count: Int { slots.count }

  var byteCount: Int { bytes.count }

  /// *Precondition*: `slot < count`.
  func withKey<Answer>(at slot: Int, _ body: (UnsafeRawBufferPointer) -> Answer) -> Answer {
    let start = start(of: slot)
    let end = Int(slots[slot].end)
    return bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[start..<end])) }
  }

  func key(at slot: Int) -> [UInt8] {
    Array(bytes[start(of: slot)..<Int(slots[slot].end)])
  }

  /// The first slot whose key is not below `key`, and whether it is `key`. The first key need not
  /// be in order: that of a branch is looked at only if `key` is below the second.
  func find(_ key: UnsafeRawBufferPointer) -> (slot: Int, isFound: Bool) {
    guard !slots.isEmpty else { return (0, false) }
    return bytes.withUnsafeBytes { bytes in
      slots.withUnsafeBufferPointer { slots in
        let shared = min(common, key.count)
        let order = ByteOrder.compare(
          UnsafeRawBufferPointer(rebasing: bytes[..<shared]),
          UnsafeRawBufferPointer(rebasing: key[..<shared]))
        if order != 0 { return (order < 0 ? slots.count : 0, false) }
        guard shared == common else { return (0, false) }
        var (low, high) = PackedKeys.candidates(ByteOrder.head(of: key, from: common), slots)
        while low < high {
          let middle = (low + high) / 2
          let start = middle == 0 ? 0 : Int(slots[middle - 1].end)
          let candidate = UnsafeRawBufferPointer(
            rebasing: bytes[start..<Int(slots[middle].end)])
          let order = ByteOrder.compare(candidate, key)
          if order == 0 { return (middle, true) }
          if order < 0 { low = middle + 1 } else { high = middle }
        }
        return (low, false)
      }
    }
  }

  /// The slots that have this head: those before them are below, those behind them above.
  private static func candidates(
    _ head: UInt32, _ slots: UnsafeBufferPointer<Slot>
  ) -> (low: Int, high: Int) {
    var below = 0
    var notAbove = 0
    // No way out in the middle: counting all of them is quicker than guessing where to stop.
    for slot in slots.dropFirst() {
      below += slot.head < head ? 1 : 0
      notAbove += slot.head <= head ? 1 : 0
    }
    let low = below > 0 || slots[0].head < head ? below + 1 : 0
    let high = notAbove > 0 || slots[0].head <= head ? notAbove + 1 : 0
    return (low, high)
  }

  mutating func insert(_ key: UnsafeRawBufferPointer, at slot: Int) {
    let start = start(of: slot)
    precondition(
      bytes.count + key.count <= Int(UInt32.max), "a block of \(bytes.count) bytes is full")
    let shared =
      slots.isEmpty
      ? key.count
      : bytes.withUnsafeBytes {
        ByteOrder.commonPrefix(UnsafeRawBufferPointer(rebasing: $0[..<common]), key)
      }
    bytes.insert(contentsOf: key, at: start)
    slots.insert(Slot(head: ByteOrder.head(of: key, from: shared), end: UInt32(start)), at: slot)
    shift(from: slot, by: key.count)
    if shared != common { behead(from: shared) }
  }

  mutating func remove(at slot: Int) {
    let start = start(of: slot)
    let length = Int(slots[slot].end) - start
    bytes.removeSubrange(start..<start + length)
    slots.remove(at: slot)
    shift(from: slot, by: -length)
  }

  mutating func replace(at slot: Int, with key: UnsafeRawBufferPointer) {
    remove(at: slot)
    insert(key, at: slot)
  }

  /// Keeps the keys before `slot`; the others are the answer.
  mutating func splitOff(at slot: Int) -> PackedKeys {
    let start = start(of: slot)
    var right = PackedKeys()
    right.bytes = Array(bytes[start...])
    right.slots = Array(slots[slot...])
    right.shift(from: 0, by: -start)
    // Rebuilt, not shortened: an array that is only shortened keeps its whole buffer.
    bytes = Array(bytes[..<start])
    slots = Array(slots[..<slot])
    behead(from: sharedByAll)
    right.behead(from: right.sharedByAll)
    return right
  }

  mutating func append(contentsOf other: PackedKeys) {
    let (count, offset) = (slots.count, bytes.count)
    bytes += other.bytes
    slots += other.slots
    shift(from: count, by: offset)
    behead(from: sharedByAll)
  }

  mutating func reserve(keys: Int, bytes byteCount: Int) {
    slots.reserveCapacity(keys)
    bytes.reserveCapacity(byteCount)
  }

  private func start(of slot: Int) -> Int { slot == 0 ? 0 : Int(slots[slot - 1].end) }

  private mutating func shift(from slot: Int, by distance: Int) {
    for index in slot..<slots.count {
      slots[index].end = UInt32(Int(slots[index].end) + distance)
    }
  }

  /// How many bytes all keys begin with.
  private var sharedByAll: Int {
    guard !slots.isEmpty else { return 0 }
    return withKey(at: 0) { first in
      slots.indices.reduce(first.count) { shared, slot in
        min(shared, withKey(at: slot) { ByteOrder.commonPrefix(first, $0) })
      }
    }
  }

  /// Sees to it that every head begins behind the `common` bytes that all keys begin with.
  private mutating func behead(from common: Int) {
    self.common = common
    for slot in slots.indices {
      slots[slot].head = withKey(at: slot) { ByteOrder.head(of: $0, from: common) }
    }
  }
}
