import Base
import EtcdAPI
import Foundation

/// Draws requests of the KV service: every option, valid and not, over a few keys, so that they
/// meet each other. The same seed draws the same requests.
struct RequestGenerator {
  /// One call as it goes over the wire.
  enum Call {
    case range(EtcdRangeRequest)
    case put(EtcdPutRequest)
    case deleteRange(EtcdDeleteRangeRequest)
    case txn(EtcdTxnRequest)
    case compact(EtcdCompactionRequest)
    case grant(EtcdLeaseGrantRequest)
    case revoke(EtcdLeaseRevokeRequest)
    case keepAlive(Int64)
    case timeToLive(EtcdLeaseTimeToLiveRequest)
    case leases
  }

  private var dice: SplitMix64
  /// The newest revision that an answer told: what "about now" means.
  var revision: Int64 = 1

  /// In the transaction being drawn, puts may ignore the value or the lease. Then nothing in it is
  /// nested, and no delete goes on to the last key: etcd does not notice that such a delete takes
  /// away the key of a put beside it, and its process ends when the put finds nothing to keep.
  private var mayKeep = true

  /// Whether half of the requests are about leases, and puts name them.
  private let drawsLeases: Bool

  init(seed: UInt64, drawsLeases: Bool = false) {
    dice = SplitMix64(seed: seed)
    self.drawsLeases = drawsLeases
  }

  mutating func next() -> Call {
    if drawsLeases && dice.oneIn(2) { return leaseCall() }
    return switch dice.index(below: 100) {
    case ..<35: .range(range())
    case ..<65: .put(put())
    case ..<75: .deleteRange(deleteRange())
    case ..<98: .txn(transaction())
    default: .compact(.make { $0.revision = someRevision() })
    }
  }

  private mutating func range() -> EtcdRangeRequest {
    var request = EtcdRangeRequest()
    request.key = key()
    request.rangeEnd = rangeEnd()
    if dice.oneIn(3) { request.limit = Int64(dice.index(below: 6)) - 1 }
    if dice.oneIn(4) { request.revision = someRevision() }
    if dice.oneIn(3) { request.sortOrder = dice.pick([.none, .ascend, .descend]) }
    if dice.oneIn(3) {
      request.sortTarget = dice.pick([.key, .version, .create, .mod, .value])
    }
    request.serializable = dice.oneIn(4)
    request.keysOnly = dice.oneIn(6)
    request.countOnly = dice.oneIn(8)
    if dice.oneIn(8) { request.minModRevision = someRevision() }
    if dice.oneIn(8) { request.maxModRevision = someRevision() }
    if dice.oneIn(8) { request.minCreateRevision = someRevision() }
    if dice.oneIn(8) { request.maxCreateRevision = someRevision() }
    return request
  }

  private mutating func put() -> EtcdPutRequest {
    var request = EtcdPutRequest()
    request.key = key()
    request.ignoreValue = mayKeep && dice.oneIn(10)
    if !request.ignoreValue || dice.oneIn(4) { request.value = value() }
    request.prevKv = dice.oneIn(3)
    request.ignoreLease = mayKeep && dice.oneIn(10)
    // A lease that nobody was granted.
    if dice.oneIn(40) { request.lease = 77 }
    if drawsLeases && dice.oneIn(2) { request.lease = leaseID() }
    return request
  }

  /// Leases are granted for so long that none ends by itself while both servers are asked; what is
  /// granted for less has an id of the server's choice, by which nobody asks again.
  private mutating func leaseCall() -> Call {
    switch dice.index(below: 20) {
    case ..<7:
      return .grant(
        .make {
          $0.id = leaseID()
          $0.ttl = Int64(10_000 + dice.index(below: 10_000))
        })
    case 7:
      return .grant(.make { $0.ttl = dice.pick([.min, -1, 0, 1, 2, 3, 9_000_000_000]) })
    case 8:
      return .grant(
        .make {
          $0.id = leaseID()
          $0.ttl = dice.pick([9_000_000_001, .max])
        })
    case ..<12: return .revoke(.make { $0.id = leaseID() })
    case ..<14: return .keepAlive(leaseID())
    case ..<18:
      return .timeToLive(
        .make {
          $0.id = leaseID()
          $0.keys = dice.oneIn(2)
        })
    default: return .leases
    }
  }

  /// Those that are asked about; now and then none.
  static let leaseIDs: [Int64] = [1, 2, 3, -4, .max, .min]

  private mutating func leaseID() -> Int64 { dice.oneIn(30) ? 0 : dice.pick(Self.leaseIDs) }

  private mutating func deleteRange() -> EtcdDeleteRangeRequest {
    var request = EtcdDeleteRangeRequest()
    request.key = key()
    if dice.oneIn(3) { request.rangeEnd = rangeEnd() }
    request.prevKv = dice.oneIn(2)
    return request
  }

  private mutating func transaction() -> EtcdTxnRequest {
    mayKeep = dice.oneIn(3)
    defer { mayKeep = true }
    return txn(depth: 0)
  }

  private mutating func txn(depth: Int) -> EtcdTxnRequest {
    var request = EtcdTxnRequest()
    for _ in 0..<dice.index(below: 4) { request.compare.append(compare()) }
    // Now and then one more than there may be.
    let count = depth == 0 && dice.oneIn(60) ? 129 : dice.index(below: 4)
    for _ in 0..<count { request.success.append(step(depth: depth)) }
    for _ in 0..<dice.index(below: 4) { request.failure.append(step(depth: depth)) }
    return request
  }

  private mutating func step(depth: Int) -> EtcdRequestOp {
    var step = EtcdRequestOp()
    switch dice.index(below: 20) {
    case ..<7: step.requestRange = range()
    case ..<13: step.requestPut = put()
    case ..<16:
      var deletion = deleteRange()
      if mayKeep && deletion.rangeEnd == Self.lastKey { deletion.rangeEnd = Data() }
      step.requestDeleteRange = deletion
    case ..<19 where depth < 2 && !mayKeep: step.requestTxn = txn(depth: depth + 1)
    // An empty step is an error of its own.
    default: if !dice.oneIn(6) { step.requestRange = range() }
    }
    return step
  }

  private mutating func compare() -> EtcdCompare {
    var compare = EtcdCompare()
    compare.key = key()
    if dice.oneIn(5) { compare.rangeEnd = rangeEnd() }
    compare.result = dice.pick([.equal, .greater, .less, .notEqual])
    switch dice.index(below: 6) {
    case 0: (compare.target, compare.version) = (.version, Int64(dice.index(below: 4)))
    case 1: (compare.target, compare.createRevision) = (.create, someRevision())
    case 2: (compare.target, compare.modRevision) = (.mod, someRevision())
    case 3: (compare.target, compare.value) = (.value, value())
    case 4:
      (compare.target, compare.lease) = (.lease, Int64(dice.index(below: drawsLeases ? 4 : 2)))
    default: compare.target = dice.pick([.version, .create, .mod, .value, .lease])
    }
    return compare
  }

  /// What a watch is of: half of the time one key.
  mutating func keySpan() -> (key: Data, end: Data) {
    (key(), dice.oneIn(2) ? Data() : rangeEnd())
  }

  /// Rarely none at all.
  private mutating func key() -> Data {
    dice.oneIn(60) ? Data() : dice.pick(Self.keys)
  }

  private mutating func rangeEnd() -> Data {
    switch dice.index(below: 4) {
    case 0: Data()
    case 1: Self.lastKey
    default: dice.pick(Self.keys)
    }
  }

  private mutating func value() -> Data { Data("v\(dice.index(below: 5))".utf8) }

  /// Mostly one that can be read, sometimes a compacted one, one to come, zero or less.
  mutating func someRevision() -> Int64 {
    switch dice.index(below: 10) {
    case 0: Int64(dice.index(below: 3)) - 1
    case 1: revision + Int64(dice.index(below: 3))
    default: max(1, revision - Int64(dice.index(below: 20)))
    }
  }

  /// As a range end: after every key.
  private static let lastKey = Data([0])

  private static let keys = ["a", "a/b", "b", "c", "c\u{0}", "d", "z", "\u{7F}"].map {
    Data($0.utf8)
  }
}

extension RequestGenerator.Call {
  /// For people.
  var text: String {
    switch self {
    case .range(let request): "Range \(request.fieldText)"
    case .put(let request): "Put \(request.fieldText)"
    case .deleteRange(let request): "DeleteRange \(request.fieldText)"
    case .txn(let request): "Txn \(request.fieldText)"
    case .compact(let request): "Compact \(request.fieldText)"
    case .grant(let request): "LeaseGrant \(request.fieldText)"
    case .revoke(let request): "LeaseRevoke \(request.fieldText)"
    case .timeToLive(let request): "LeaseTimeToLive \(request.fieldText)"
    case .keepAlive(let id): "LeaseKeepAlive \(id)"
    case .leases: "LeaseLeases"
    }
  }
}

extension SplitMix64 {
  mutating func oneIn(_ bound: Int) -> Bool { index(below: bound) == 0 }

  mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[index(below: elements.count)]
  }
}
