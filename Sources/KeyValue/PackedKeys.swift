/// Sorted keys of one block of the index, end to end in one buffer.
struct PackedKeys: Sendable {
  private var bytes: [UInt8] = []
  /// Where each key ends in `bytes`.
  private var ends: [UInt32] = []

  var count: Int { ends.count }

  var byteCount: Int { bytes.count }

  /// *Precondition*: `slot < count`.
  func withKey<Answer>(at slot: Int, _ body: (UnsafeRawBufferPointer) -> Answer) -> Answer {
    let start = start(of: slot)
    let end = Int(ends[slot])
    return bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[start..<end])) }
  }

  func key(at slot: Int) -> [UInt8] {
    Array(bytes[start(of: slot)..<Int(ends[slot])])
  }

  /// The first slot whose key is not below `key`, and whether it is `key`.
  func find(_ key: UnsafeRawBufferPointer) -> (slot: Int, isFound: Bool) {
    bytes.withUnsafeBytes { bytes in
      ends.withUnsafeBufferPointer { ends in
        var low = 0
        var high = ends.count
        while low < high {
          let middle = (low + high) / 2
          let start = middle == 0 ? 0 : Int(ends[middle - 1])
          let candidate = UnsafeRawBufferPointer(rebasing: bytes[start..<Int(ends[middle])])
          let order = ByteOrder.compare(candidate, key)
          if order == 0 { return (middle, true) }
          if order < 0 { low = middle + 1 } else { high = middle }
        }
        return (low, false)
      }
    }
  }

  mutating func insert(_ key: UnsafeRawBufferPointer, at slot: Int) {
    let start = start(of: slot)
    precondition(
      bytes.count + key.count <= Int(UInt32.max), "a block of \(bytes.count) bytes is full")
    bytes.insert(contentsOf: key, at: start)
    ends.insert(UInt32(start), at: slot)
    shift(from: slot, by: key.count)
  }

  mutating func remove(at slot: Int) {
    let start = start(of: slot)
    let length = Int(ends[slot]) - start
    bytes.removeSubrange(start..<start + length)
    ends.remove(at: slot)
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
    right.ends = ends[slot...].map { $0 - UInt32(start) }
    // Rebuilt, not shortened: an array that is only shortened keeps its whole buffer.
    bytes = Array(bytes[..<start])
    ends = Array(ends[..<slot])
    return right
  }

  mutating func append(contentsOf other: PackedKeys) {
    let offset = UInt32(bytes.count)
    bytes += other.bytes
    ends += other.ends.map { $0 + offset }
  }

  mutating func reserve(keys: Int, bytes byteCount: Int) {
    ends.reserveCapacity(keys)
    bytes.reserveCapacity(byteCount)
  }

  private func start(of slot: Int) -> Int { slot == 0 ? 0 : Int(ends[slot - 1]) }

  private mutating func shift(from slot: Int, by distance: Int) {
    for index in slot..<ends.count { ends[index] = UInt32(Int(ends[index]) + distance) }
  }
}
