import Base
import KeyValue

/// Requests as clients may send them, and as none should: dense enough to meet each other, with
/// every extreme that a field can take.
struct RequestGenerator {
  var dice: SplitMix64

  init(seed: UInt64) { dice = SplitMix64(seed: seed) }

  mutating func command(_ newest: Int64) -> Command {
    switch dice.index(below: 16) {
    case 0..<8: return .put(put())
    case 8..<10: return .deleteRange(deletion())
    case 10: return .compaction(revision: revision(newest))
    default: return .txn(txn(newest, depth: 0))
    }
  }

  /// The generator of what each member reads on the way.
  mutating func range(_ newest: Int64) -> RangeRequest {
    var request = RangeRequest(range: range())
    request.revision = dice.chance(1, in: 2) ? 0 : revision(newest)
    request.limit = dice.chance(1, in: 2) ? 0 : number()
    request.sortOrder = [.none, .ascend, .descend][dice.index(below: 3)]
    request.sortTarget = [.key, .version, .create, .mod, .value][dice.index(below: 5)]
    request.keysOnly = dice.chance(1, in: 6)
    request.countOnly = dice.chance(1, in: 6)
    if dice.chance(1, in: 4) { request.minModRevision = revision(newest) }
    if dice.chance(1, in: 4) { request.maxModRevision = revision(newest) }
    if dice.chance(1, in: 4) { request.minCreateRevision = revision(newest) }
    if dice.chance(1, in: 4) { request.maxCreateRevision = revision(newest) }
    return request
  }

  private mutating func put() -> PutRequest {
    var request = PutRequest(key: key(), value: bytes([0, 3, 40, 900][dice.index(below: 4)]))
    request.previousPair = dice.chance(1, in: 3)
    request.ignoreValue = dice.chance(1, in: 6)
    request.ignoreLease = dice.chance(1, in: 6)
    request.lease = dice.chance(1, in: 20) ? number() : 0
    return request
  }

  private mutating func deletion() -> DeleteRangeRequest {
    var request = DeleteRangeRequest(
      range: dice.chance(1, in: 4) ? range() : KeyRange(key: key()))
    request.previousPairs = dice.chance(1, in: 2)
    return request
  }

  private mutating func txn(_ newest: Int64, depth: Int) -> TxnRequest {
    var request = TxnRequest()
    let width = dice.chance(1, in: 200) ? 140 : 4
    request.compares = (0..<dice.index(below: 3)).map { _ in compare(newest) }
    request.success = (0..<dice.index(below: width)).map { _ in operation(newest, depth) }
    request.failure = (0..<dice.index(below: width)).map { _ in operation(newest, depth) }
    return request
  }

  private mutating func operation(_ newest: Int64, _ depth: Int) -> Operation {
    switch dice.index(below: 8) {
    case 0...2: return .put(put())
    case 3: return .deleteRange(deletion())
    case 4 where depth < 6: return .txn(txn(newest, depth: depth + 1))
    default:
      var request = range(newest)
      // Most transactions should not fail as a whole.
      if !dice.chance(1, in: 5) { request.revision = 0 }
      return .range(request)
    }
  }

  private mutating func compare(_ newest: Int64) -> Compare {
    let target: Compare.Target
    switch dice.index(below: 5) {
    case 0: target = .version(number())
    case 1: target = .createRevision(revision(newest))
    case 2: target = .modRevision(revision(newest))
    case 3: target = .value(bytes(dice.index(below: 3)))
    default: target = .lease(number())
    }
    return Compare(
      range: dice.chance(1, in: 3) ? range() : KeyRange(key: key()),
      relation: [.equal, .greater, .less, .notEqual][dice.index(below: 4)], target: target)
  }

  private mutating func key() -> [UInt8] {
    let key = [UInt8]("k\(dice.index(below: 60))".utf8)
    switch dice.index(below: 40) {
    case 0: return []
    case 1: return [0]
    case 2: return key + [0]
    case 3: return Array(repeating: 0xFF, count: 1 + dice.index(below: 300))
    case 4: return bytes(1 + dice.index(below: 3))
    default: return key
    }
  }

  private mutating func range() -> KeyRange {
    switch dice.index(below: 5) {
    case 0: KeyRange(key: key(), end: [0])
    case 1: KeyRange(key: [0], end: [0])
    // As often upside down as not.
    case 2...3: KeyRange(key: key(), end: key())
    default: KeyRange(key: key())
    }
  }

  /// Around the present, and far away on both sides.
  private mutating func revision(_ newest: Int64) -> Int64 {
    switch dice.index(below: 12) {
    case 0: number()
    case 1: newest + Int64(dice.index(below: 3))
    default: max(0, newest - Int64(dice.index(below: 400)))
    }
  }

  private mutating func number() -> Int64 {
    switch dice.index(below: 8) {
    case 0: .min
    case 1: .max
    case 2: -1
    case 3: Int64(bitPattern: dice.next())
    default: Int64(dice.index(below: 6))
    }
  }

  private mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: dice.next()) }
  }
}
