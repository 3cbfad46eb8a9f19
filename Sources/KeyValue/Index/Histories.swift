/// The superseded versions of the keys of one leaf, oldest first for each slot.
///
/// Few versions a key lie end to end in one buffer, so that copying a leaf touches no other memory.
/// Of a key with many, the older ones move to chunks of their own, which copies share: appending
/// costs the same however long a history is.
struct Histories: Sendable {
  /// A key has fewer versions than this in `recent`.
  private static let chunkLength = 16

  private var recent: [KeyVersion] = []
  /// Where each slot's versions end in `recent`; empty: no slot has any version.
  private var ends: [UInt32] = []
  /// The older versions of each slot, in full chunks but for the first; empty: none has any.
  private var chunks: [[[KeyVersion]]] = []

  /// No slot has any version.
  var isEmpty: Bool { ends.isEmpty }

  var count: Int {
    var count = recent.count
    for slot in chunks.indices { count += chunked(slot) }
    return count
  }

  func count(at slot: Int) -> Int {
    guard !ends.isEmpty else { return 0 }
    return chunked(slot) + Int(ends[slot]) - start(of: slot)
  }

  /// *Precondition*: `position < count(at: slot)`.
  func version(at slot: Int, _ position: Int) -> KeyVersion {
    let chunked = chunked(slot)
    guard position < chunked else { return recent[start(of: slot) + position - chunked] }
    let first = chunks[slot][0].count
    if position < first { return chunks[slot][0][position] }
    let rest = position - first
    return chunks[slot][1 + rest / Histories.chunkLength][rest % Histories.chunkLength]
  }

  /// How many of a slot's versions a revision can see.
  func count(at slot: Int, atOrBefore revision: Int64) -> Int {
    var low = 0
    var high = count(at: slot)
    while low < high {
      let middle = (low + high) / 2
      if version(at: slot, middle).modRevision <= revision {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }

  /// `slots`: how many the leaf has.
  mutating func append(_ version: KeyVersion, at slot: Int, of slots: Int) {
    if ends.isEmpty { ends = [UInt32](repeating: 0, count: slots) }
    let start = start(of: slot)
    if Int(ends[slot]) - start == Histories.chunkLength {
      if chunks.isEmpty { chunks = [[[KeyVersion]]](repeating: [], count: slots) }
      let full = start..<start + Histories.chunkLength
      chunks[slot].append(Array(recent[full]))
      recent.removeSubrange(full)
      shift(from: slot, by: -Histories.chunkLength)
    }
    recent.insert(version, at: Int(ends[slot]))
    shift(from: slot, by: 1)
  }

  /// Drops a slot's oldest versions. *Precondition*: `length <= count(at: slot)`.
  mutating func removeFirst(_ length: Int, at slot: Int) {
    precondition(length <= count(at: slot), "\(length) of \(count(at: slot)) versions")
    var rest = length
    if !chunks.isEmpty {
      var whole = 0
      while whole < chunks[slot].count && chunks[slot][whole].count <= rest {
        rest -= chunks[slot][whole].count
        whole += 1
      }
      chunks[slot].removeFirst(whole)
      if rest > 0, !chunks[slot].isEmpty {
        chunks[slot][0].removeFirst(rest)
        rest = 0
      }
    }
    if rest > 0 {
      let start = start(of: slot)
      recent.removeSubrange(start..<start + rest)
      shift(from: slot, by: -rest)
    }
    if chunks.allSatisfy(\.isEmpty) { chunks = [] }
    if recent.isEmpty && chunks.isEmpty { ends = [] }
  }

  /// Makes room for a key without older versions.
  mutating func insertSlot(_ slot: Int) {
    guard !ends.isEmpty else { return }
    ends.insert(UInt32(start(of: slot)), at: slot)
    if !chunks.isEmpty { chunks.insert([], at: slot) }
  }

  /// *Precondition*: the slot has no version.
  mutating func removeSlot(_ slot: Int) {
    guard !ends.isEmpty else { return }
    precondition(count(at: slot) == 0, "\(count(at: slot)) versions lose their key")
    ends.remove(at: slot)
    if !chunks.isEmpty { chunks.remove(at: slot) }
  }

  /// Keeps the slots before `slot`; the others are the answer.
  mutating func splitOff(at slot: Int) -> Histories {
    var right = Histories()
    guard !ends.isEmpty else { return right }
    let start = start(of: slot)
    right.recent = Array(recent[start...])
    right.ends = ends[slot...].map { $0 - UInt32(start) }
    recent = Array(recent[..<start])
    ends = Array(ends[..<slot])
    if !chunks.isEmpty {
      right.chunks = Array(chunks[slot...])
      chunks = Array(chunks[..<slot])
    }
    right.forgetIfEmpty()
    forgetIfEmpty()
    return right
  }

  /// Takes over the slots of a right neighbour. `slots`, `otherSlots`: how many each leaf has.
  mutating func append(contentsOf other: Histories, slots: Int, otherSlots: Int) {
    guard !ends.isEmpty || !other.ends.isEmpty else { return }
    if ends.isEmpty { ends = [UInt32](repeating: 0, count: slots) }
    let offset = UInt32(recent.count)
    recent += other.recent
    ends +=
      other.ends.isEmpty
      ? [UInt32](repeating: offset, count: otherSlots) : other.ends.map { $0 + offset }
    guard !chunks.isEmpty || !other.chunks.isEmpty else { return }
    if chunks.isEmpty { chunks = [[[KeyVersion]]](repeating: [], count: slots) }
    chunks +=
      other.chunks.isEmpty
      ? [[[KeyVersion]]](repeating: [], count: otherSlots) : other.chunks
  }

  private mutating func forgetIfEmpty() {
    if chunks.allSatisfy(\.isEmpty) { chunks = [] }
    if recent.isEmpty && chunks.isEmpty { ends = [] }
  }

  /// How many of a slot's versions are in chunks.
  private func chunked(_ slot: Int) -> Int {
    guard !chunks.isEmpty, let first = chunks[slot].first else { return 0 }
    return first.count + (chunks[slot].count - 1) * Histories.chunkLength
  }

  private func start(of slot: Int) -> Int { slot == 0 ? 0 : Int(ends[slot - 1]) }

  private mutating func shift(from slot: Int, by distance: Int) {
    for index in slot..<ends.count { ends[index] = UInt32(Int(ends[index]) + distance) }
  }
}
