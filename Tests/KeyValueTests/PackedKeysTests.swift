import Testing

@testable import KeyValue

/// Beside a sorted array of whole keys, which compares every byte.
@Suite struct PackedKeysTests {
  /// Keys that are hard to tell apart: long common beginnings, ends where others have zeroes.
  private func key(_ dice: inout Dice) -> [UInt8] {
    let beginning = [UInt8]("registry/").prefix(dice.once(in: 8) ? dice.below(9) : 9)
    return beginning + (0..<dice.below(24)).map { _ in dice.pick([0, 0, 1, 0x7F, 0x80, 0xFF]) }
  }

  private func expect(_ packed: PackedKeys, _ model: [[UInt8]], _ dice: inout Dice) {
    #expect(packed.count == model.count)
    #expect(packed.byteCount == model.reduce(0) { $0 + $1.count })
    #expect(model.indices.allSatisfy { packed.key(at: $0) == model[$0] })
    for _ in 0..<8 {
      let wanted = model.isEmpty || dice.once(in: 2) ? key(&dice) : dice.pick(model)
      let slot = model.firstIndex { !$0.lexicographicallyPrecedes(wanted) } ?? model.count
      let found = wanted.withUnsafeBytes { packed.find($0) }
      #expect(found.slot == slot, "\(wanted) among \(model)")
      #expect(found.isFound == (slot < model.count && model[slot] == wanted))
    }
  }

  @Test(arguments: 0..<16) func `a search finds what comparing whole keys finds`(seed: UInt64) {
    var dice = Dice(seed: seed)
    var packed = PackedKeys()
    var model: [[UInt8]] = []
    for _ in 0..<400 {
      switch dice.below(12) {
      case 0 where !model.isEmpty:
        let slot = dice.below(model.count)
        packed.remove(at: slot)
        model.remove(at: slot)
      case 1 where model.count > 40:
        let slot = dice.below(model.count + 1)
        let right = packed.splitOff(at: slot)
        expect(packed, Array(model[..<slot]), &dice)
        expect(right, Array(model[slot...]), &dice)
        let isWhole = dice.once(in: 2)
        if isWhole { packed.append(contentsOf: right) }
        model = isWhole ? model : Array(model[..<slot])
      default:
        let new = key(&dice)
        let slot = model.firstIndex { !$0.lexicographicallyPrecedes(new) } ?? model.count
        guard slot == model.count || model[slot] != new else { continue }
        new.withUnsafeBytes { packed.insert($0, at: slot) }
        model.insert(new, at: slot)
      }
      expect(packed, model, &dice)
    }
  }

  @Test func `the common beginning of two keys ends at the first byte that differs`() {
    let left = [UInt8](repeating: 7, count: 20)
    for place in left.indices {
      for other in place..<left.count {
        var right = left
        (right[place], right[other]) = (8, 8)
        let common = left.withUnsafeBytes { left in
          right.withUnsafeBytes { ByteOrder.commonPrefix(left, $0) }
        }
        #expect(common == place)
      }
    }
    #expect(left.withUnsafeBytes { ByteOrder.commonPrefix($0, $0) } == left.count)
  }

  /// A branch's first bound counts as −∞, and keys that came later may have made it too high.
  @Test func `a first bound above the others misleads nobody`() {
    var packed = PackedKeys()
    for (slot, bound) in ["m", "c", "x"].enumerated() {
      [UInt8](bound).withUnsafeBytes { packed.insert($0, at: slot) }
    }
    let child = { (text: String) in
      [UInt8](text).withUnsafeBytes { key in
        let (slot, isFound) = packed.find(key)
        return isFound ? slot : max(0, slot - 1)
      }
    }
    #expect(["", "a", "b"].map(child) == [0, 0, 0])
    #expect(["c", "d", "m", "n", "w"].map(child) == [1, 1, 1, 1, 1])
    #expect(["x", "z"].map(child) == [2, 2])
  }
}
