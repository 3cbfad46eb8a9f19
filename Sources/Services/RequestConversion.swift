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
  /// Checks what it takes over as it goes, in etcd's order (etcd key.go `checkTxnRequest`): of two
  /// faults the same one is told. What remains for `validate` is that no key is written twice.
  init(_ message: EtcdTxnRequest, operationsLimit: Int) throws(EtcdStatus) {
    self.init()
    let operations = max(message.compare.count, message.success.count, message.failure.count)
    guard operations <= operationsLimit else { throw .tooManyOperations }
    for compare in message.compare where compare.key.isEmpty { throw .keyNotProvided }
    for compare in message.compare { compares.append(try Compare(compare)) }
    let left = operationsLimit - operations
    for step in message.success {
      success.append(try Operation(step, operationsLimit: left))
    }
    for step in message.failure {
      failure.append(try Operation(step, operationsLimit: left))
    }
  }
}

extension KeyValue.Operation {
  init(_ message: EtcdRequestOp, operationsLimit: Int) throws(EtcdStatus) {
    switch message.request {
    case .requestRange(let message):
      let range = try RangeRequest(message)
      try checked { () throws(RequestError) in try range.validate() }
      self = .range(range)
    case .requestPut(let message):
      let put = PutRequest(message)
      try checked { () throws(RequestError) in try put.validate() }
      self = .put(put)
    case .requestDeleteRange(let message):
      let deletion = DeleteRangeRequest(message)
      try checked { () throws(RequestError) in try deletion.validate() }
      self = .deleteRange(deletion)
    case .requestTxn(let message):
      self = .txn(try TxnRequest(message, operationsLimit: operationsLimit))
    // etcd has no better word for a step that is none.
    case nil: throw .keyNotFound
    }
  }
}

/// Gives a request's fault etcd's code and text.
func checked(_ validate: () throws(RequestError) -> Void) throws(EtcdStatus) {
  do {
    try validate()
  } catch {
    throw EtcdStatus(error)
  }
}
