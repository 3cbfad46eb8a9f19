/// The states met so far, as fingerprints, each with the state and the move that first led to it.
struct VisitedStates {
  /// By state, counted from zero.
  private var fingerprints: [Fingerprint] = []
  private var parents: [UInt32] = []
  private var moves: [UInt32] = []
  /// One more than a state's number; zero: free. Open addressing, at most half full.
  private var slots: [UInt32]
  private var mask: Int

  init() {
    slots = [UInt32](repeating: 0, count: 1 << 16)
    mask = slots.count - 1
  }

  var count: Int { fingerprints.count }

  /// Notes the state if it is new, and gives its number.
  mutating func insert(_ fingerprint: Fingerprint, parent: UInt32, move: Move) -> UInt32? {
    var slot = Int(truncatingIfNeeded: fingerprint.low) & mask
    while slots[slot] != 0 {
      if fingerprints[Int(slots[slot]) - 1] == fingerprint { return nil }
      slot = (slot + 1) & mask
    }
    let number = UInt32(count)
    fingerprints.append(fingerprint)
    parents.append(parent)
    moves.append(move.code)
    slots[slot] = number + 1
    if count * 2 > slots.count { grow() }
    return number
  }

  /// The moves from the first state to this one.
  func path(to state: UInt32) -> [Move] {
    var path: [Move] = []
    var state = Int(state)
    while state != 0 {
      path.append(Move(code: moves[state]))
      state = Int(parents[state])
    }
    return path.reversed()
  }

  private mutating func grow() {
    slots = [UInt32](repeating: 0, count: slots.count * 2)
    mask = slots.count - 1
    for (number, fingerprint) in fingerprints.enumerated() {
      var slot = Int(truncatingIfNeeded: fingerprint.low) & mask
      while slots[slot] != 0 { slot = (slot + 1) & mask }
      slots[slot] = UInt32(number) + 1
    }
  }
}
