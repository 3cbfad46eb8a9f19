import KeyValue

/// Random requests, dense enough that they meet: few keys, revisions around the present.
struct Generator {
  var dice: Dice
  private let keyCount: Int

  init(seed: UInt64) {
    dice = Dice(seed: seed)
    keyCount = 3 + dice.below(30)
  }

  mutating func key() -> [UInt8] {
    let number = dice.below(keyCount)
    return dice.once(in: 12) ? [UInt8]("k\(number)\0") : [UInt8]("k\(number)")
  }

  mutating func range() -> KeyRange {
    switch dice.below(6) {
    case 0: KeyRange(key: key())
    case 1: KeyRange(key: key(), end: [0])
    case 2: KeyRange("k", "l")
    case 3: KeyRange.everything
    case 4: KeyRange(key: [UInt8]("k\(dice.below(4))"), end: [UInt8]("k\(dice.below(4))"))
    default: KeyRange(key: key(), end: key())
    }
  }

  /// Also below zero, and beyond the newest.
  mutating func revision(around newest: Int64) -> Int64 {
    switch dice.below(8) {
    case 0: Int64(dice.below(3)) - 2
    case 1: newest + Int64(dice.below(3))
    default: Int64(dice.below(Int(newest) + 1))
    }
  }

  mutating func rangeRequest(_ newest: Int64) -> RangeRequest {
    var request = RangeRequest(range: range())
    if dice.once(in: 2) { request.limit = Int64(dice.below(8)) - 1 }
    if dice.once(in: 2) { request.revision = revision(around: newest) }
    if dice.once(in: 2) { request.sortOrder = dice.pick([.none, .ascend, .descend]) }
    if dice.once(in: 2) {
      request.sortTarget = dice.pick([.key, .version, .create, .mod, .value])
    }
    request.keysOnly = dice.once(in: 6)
    request.countOnly = dice.once(in: 6)
    if dice.once(in: 4) { request.minModRevision = revision(around: newest) }
    if dice.once(in: 4) { request.maxModRevision = revision(around: newest) }
    if dice.once(in: 4) { request.minCreateRevision = revision(around: newest) }
    if dice.once(in: 4) { request.maxCreateRevision = revision(around: newest) }
    return request
  }

  mutating func put() -> PutRequest {
    var request = PutRequest(key: key(), value: dice.bytes(dice.below(5)))
    request.previousPair = dice.once(in: 3)
    request.ignoreValue = dice.once(in: 6)
    request.ignoreLease = dice.once(in: 6)
    request.lease = dice.once(in: 6) ? leaseID() : 0
    return request
  }

  /// Of few leases, so that most exist now and then.
  private mutating func leaseID() -> Int64 { [7, -7, .min, .max][dice.below(4)] }

  /// Entries that leaders had applied lie around the present one, which nobody here knows.
  mutating func leaseCommand() -> LeaseCommand {
    switch dice.below(8) {
    case 0..<3: return .grant(id: leaseID(), ttl: Int64(dice.below(100)))
    case 3: return .revoke(id: leaseID())
    case 4: return .keepAlive(id: leaseID())
    case 5: return .expire(id: leaseID(), asOf: UInt64(dice.below(40)))
    default:
      let dates = (0..<dice.below(3)).map { _ in
        LeaseTick.End(id: leaseID(), expiry: Int64(dice.below(1_000)))
      }
      return .tick(
        LeaseTick(time: Int64(dice.below(1_000)), asOf: UInt64(dice.below(40)), dates: dates))
    }
  }

  /// Alarms that keep everything out are taken back soon.
  private mutating func upkeepCommand() -> UpkeepCommand {
    let member = UInt64(dice.below(2))
    switch dice.below(12) {
    case 0: return .raise(Alarm(member: member, kind: .noSpace))
    case 1..<4: return .raise(Alarm(member: member, kind: .corrupt))
    case 4..<8: return .lower(Alarm(member: member, kind: .noSpace))
    case 8..<10: return .lower(Alarm(member: member, kind: .corrupt))
    default: return .mark
    }
  }

  mutating func deletion() -> DeleteRangeRequest {
    var request = DeleteRangeRequest(range: dice.once(in: 3) ? range() : KeyRange(key: key()))
    request.previousPairs = dice.once(in: 2)
    return request
  }

  mutating func compare(_ newest: Int64) -> Compare {
    let target: Compare.Target =
      switch dice.below(5) {
      case 0: .version(Int64(dice.below(4)))
      case 1: .createRevision(revision(around: newest))
      case 2: .modRevision(revision(around: newest))
      case 3: .value(dice.bytes(dice.below(2)))
      default: .lease(Int64(dice.below(2)))
      }
    return Compare(
      range: dice.once(in: 3) ? range() : KeyRange(key: key()),
      relation: dice.pick([.equal, .greater, .less, .notEqual]), target: target)
  }

  mutating func txn(_ newest: Int64, depth: Int = 0) -> TxnRequest {
    var request = TxnRequest()
    request.compares = (0..<dice.below(3)).map { _ in compare(newest) }
    request.success = (0..<dice.below(5)).map { _ in operation(newest, depth) }
    request.failure = (0..<dice.below(5)).map { _ in operation(newest, depth) }
    return request
  }

  private mutating func operation(_ newest: Int64, _ depth: Int) -> Operation {
    switch dice.below(8) {
    case 0, 1, 2: return .put(put())
    case 3: return .deleteRange(deletion())
    case 4 where depth < 3: return .txn(txn(newest, depth: depth + 1))
    default:
      var range = rangeRequest(newest)
      // Most transactions should not fail as a whole.
      if !dice.once(in: 5) { range.revision = 0 }
      return .range(range)
    }
  }

  /// Half of the transactions break etcd's duplicate rule: apply must stay total all the same.
  mutating func command(_ newest: Int64) -> Command {
    if dice.once(in: 12) { return .upkeep(upkeepCommand()) }
    return switch dice.below(19) {
    case 0..<8: .put(put())
    case 8..<10: .deleteRange(deletion())
    case 10: .compaction(revision: revision(around: newest))
    case 11...13: .lease(leaseCommand())
    default: .txn(txn(newest))
    }
  }
}
