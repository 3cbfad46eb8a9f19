import EtcdAPI
import Foundation
import KeyValue

/// etcd's request messages as the store's requests.
///
/// They throw only for what the store's types cannot hold: an unknown enumerator, an empty step.
/// The rest is `validate()`'s (KeyValue, `RequestError`).
extension KeyRange {
  init(key: Data, end: Data) { self.init(key: [UInt8](key), end: [UInt8](end)) }
}

extension RangeRequest {
  init(_ message: EtcdRangeRequest) throws(EtcdStatus) {
    self.init(range: KeyRange(key: message.key, end: message.rangeEnd))
    limit = message.limit
    revision = message.revision
    sortOrder = try SortOrder(message.sortOrder)
    sortTarget = try SortTarget(message.sortTarget)
    keysOnly = message.keysOnly
    countOnly = message.countOnly
    minModRevision = message.minModRevision
    maxModRevision = message.maxModRevision
    minCreateRevision = message.minCreateRevision
    maxCreateRevision = message.maxCreateRevision
  }
}

extension RangeRequest.SortOrder {
  init(_ message: EtcdRangeRequest.SortOrder) throws(EtcdStatus) {
    switch message {
    case .none: self = .none
    case .ascend: self = .ascend
    case .descend: self = .descend
    case .UNRECOGNIZED: throw .invalidSortOption
    }
  }
}

extension RangeRequest.SortTarget {
  init(_ message: EtcdRangeRequest.SortTarget) throws(EtcdStatus) {
    switch message {
    case .key: self = .key
    case .version: self = .version
    case .create: self = .create
    case .mod: self = .mod
    case .value: self = .value
    case .UNRECOGNIZED: throw .invalidSortOption
    }
  }
}

extension PutRequest {
  init(_ message: EtcdPutRequest) {
    self.init(key: [UInt8](message.key), value: [UInt8](message.value))
    lease = message.lease
    previousPair = message.prevKv
    ignoreValue = message.ignoreValue
    ignoreLease = message.ignoreLease
  }
}

extension DeleteRangeRequest {
  init(_ message: EtcdDeleteRangeRequest) {
    self.init(range: KeyRange(key: message.key, end: message.rangeEnd))
    previousPairs = message.prevKv
  }
}

extension Compare {
  /// Where the target's own field is absent it counts as the target's zero (etcd
  /// server/etcdserver/txn `compareKV`).
  init(_ message: EtcdCompare) throws(EtcdStatus) {
    let target: Target =
      switch message.target {
      case .version: .version(message.version)
      case .create: .createRevision(message.createRevision)
      case .mod: .modRevision(message.modRevision)
      case .value: .value([UInt8](message.value))
      case .lease: .lease(message.lease)
      case .UNRECOGNIZED: throw .unknownCompare
      }
    self.init(
      range: KeyRange(key: message.key, end: message.rangeEnd),
      relation: try Relation(message.result), target: target)
  }
}

extension Compare.Relation {
  init(_ message: EtcdCompare.CompareResult) throws(EtcdStatus) {
    switch message {
    case .equal: self = .equal
    case .greater: self = .greater
    case .less: self = .less
    case .notEqual: self = .notEqual
    case .UNRECOGNIZED: throw .unknownCompare
    }
  }
}

extension EtcdStatus {
  /// etcd evaluates a compare that it does not know as if it held, and writes on the strength of
  /// it. Nobody is served by that.
  static let unknownCompare = Self(
    .invalidArgument, "quorate: unknown target or result in a compare")
}

extension TxnRequest {
  init(_ message: EtcdTxnRequest) throws(EtcdStatus) {
    self.init()
    for compare in message.compare { compares.append(try Compare(compare)) }
    for step in message.success { success.append(try Operation(step)) }
    for step in message.failure { failure.append(try Operation(step)) }
  }
}

extension KeyValue.Operation {
  init(_ message: EtcdRequestOp) throws(EtcdStatus) {
    switch message.request {
    case .requestRange(let range): self = .range(try RangeRequest(range))
    case .requestPut(let put): self = .put(PutRequest(put))
    case .requestDeleteRange(let deletion): self = .deleteRange(DeleteRangeRequest(deletion))
    case .requestTxn(let txn): self = .txn(try TxnRequest(txn))
    // etcd has no better word for a step that is none.
    case nil: throw .keyNotFound
    }
  }
}
