import EtcdAPI
import Foundation

/// etcd 3.5.1 leaves the order of pairs that are equal in what they are sorted by to Go's sort,
/// which mixes seven and more. To be compared they are put in the order of their keys.
extension EtcdRangeResponse {
  mutating func orderEquals(as request: EtcdRangeRequest) {
    let isEqual: (EtcdKeyValue, EtcdKeyValue) -> Bool
    switch request.sortTarget {
    case .version: isEqual = { $0.version == $1.version }
    case .create: isEqual = { $0.createRevision == $1.createRevision }
    case .mod: isEqual = { $0.modRevision == $1.modRevision }
    case .value: isEqual = { $0.value == $1.value }
    case .key, .UNRECOGNIZED: return
    }
    var start = kvs.startIndex
    while start < kvs.endIndex {
      let end = kvs[start...].firstIndex { !isEqual(kvs[start], $0) } ?? kvs.endIndex
      kvs[start..<end].sort { $0.key.lexicographicallyPrecedes($1.key) }
      start = end
    }
  }
}

extension EtcdTxnResponse {
  mutating func orderEquals(as request: EtcdTxnRequest) {
    let operations = succeeded ? request.success : request.failure
    for (place, operation) in zip(responses.indices, operations) {
      switch operation.request {
      case .requestRange(let range): responses[place].responseRange.orderEquals(as: range)
      case .requestTxn(let txn): responses[place].responseTxn.orderEquals(as: txn)
      case .requestPut, .requestDeleteRange, nil: break
      }
    }
  }
}

extension RequestGenerator.Call {
  /// Its answer may hold pairs in an order that was asked for.
  var isOfPairs: Bool {
    switch self {
    case .range, .txn: true
    case .put, .deleteRange, .compact, .grant, .revoke, .keepAlive, .timeToLive, .leases: false
    }
  }
}
