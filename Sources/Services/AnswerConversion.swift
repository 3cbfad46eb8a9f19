public import EtcdAPI
import Foundation
public import KeyValue

/// The store's answers as etcd's messages.
extension EtcdKeyValue {
  public init(_ row: Row) {
    self.init()
    key = Data(row.key)
    createRevision = row.createRevision
    modRevision = row.modRevision
    version = row.version
    value = Data(row.value)
    lease = row.lease
  }
}

extension EtcdRangeResponse {
  public init(_ response: RangeResponse, header: EtcdResponseHeader) {
    self.init()
    self.header = header
    kvs = response.pairs.map { EtcdKeyValue($0) }
    more = response.more
    count = response.count
  }
}

extension EtcdPutResponse {
  public init(_ response: PutResponse, header: EtcdResponseHeader) {
    self.init()
    self.header = header
    if let previous = response.previous { prevKv = EtcdKeyValue(previous) }
  }
}

extension EtcdDeleteRangeResponse {
  public init(_ response: DeleteRangeResponse, header: EtcdResponseHeader) {
    self.init()
    self.header = header
    deleted = response.deleted
    prevKvs = response.previous.map { EtcdKeyValue($0) }
  }
}

extension EtcdTxnResponse {
  public init(_ response: TxnResponse, header: EtcdResponseHeader) {
    self.init()
    self.header = header
    succeeded = response.succeeded
    responses = response.responses.map { EtcdResponseOp($0) }
  }
}

/// Inside a transaction a header holds the revision alone, and that of a nested transaction
/// nothing (etcd server/etcdserver/txn `newTxnResp`).
extension EtcdResponseOp {
  public init(_ response: OperationResponse) {
    self.init()
    switch response {
    case .range(let range):
      responseRange = EtcdRangeResponse(range, header: .at(range.revision))
    case .put(let put):
      responsePut = EtcdPutResponse(put, header: .at(put.revision))
    case .deleteRange(let deletion):
      responseDeleteRange = EtcdDeleteRangeResponse(deletion, header: .at(deletion.revision))
    case .txn(let txn):
      responseTxn = EtcdTxnResponse(txn, header: EtcdResponseHeader())
    }
  }
}

extension EtcdResponseHeader {
  fileprivate static func at(_ revision: Int64) -> EtcdResponseHeader {
    .make { $0.revision = revision }
  }
}
