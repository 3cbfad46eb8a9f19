import KeyValue

/// The answers of `etcdserverpb.KV` (etcd rpc.proto).
extension AnswerFields {
  /// `PutResponse`.
  init(_ response: PutResponse, _ header: AnswerHeader, revision: Int64) {
    append(header, revision: revision)
    if let previous = response.previous { append(pair: 2, previous) }
  }

  /// `DeleteRangeResponse`.
  init(_ response: DeleteRangeResponse, _ header: AnswerHeader, revision: Int64) {
    append(header, revision: revision)
    append(field: 2, response.deleted)
    for row in response.previous { append(pair: 3, row) }
  }

  /// `TxnResponse`.
  init(_ response: TxnResponse, _ header: AnswerHeader, revision: Int64) {
    append(header, revision: revision)
    append(field: 2, response.succeeded)
    for operation in response.responses { append(field: 3, AnswerFields(operation)) }
  }

  /// `ResponseOp`. Inside a transaction a header holds the revision alone, and that of a nested
  /// transaction nothing (etcd server/etcdserver/txn `newTxnResp`).
  private init(_ operation: OperationResponse) {
    let header = AnswerHeader(cluster: 0, member: 0, raftTerm: 0)
    switch operation {
    case .range(let range): append(field: 1, RangeAnswer(range, header).fields)
    case .put(let put): append(field: 2, AnswerFields(put, header, revision: put.revision))
    case .deleteRange(let deletion):
      append(field: 3, AnswerFields(deletion, header, revision: deletion.revision))
    case .txn(let txn): append(field: 4, AnswerFields(txn, header, revision: 0))
    }
  }

  /// An answer that says no more than that it was done.
  init(_ header: AnswerHeader, revision: Int64) { append(header, revision: revision) }

  /// `LeaseGrantResponse`, `LeaseKeepAliveResponse`.
  init(lease id: Int64, ttl: Int64, _ header: AnswerHeader, revision: Int64) {
    append(header, revision: revision)
    append(field: 2, id)
    append(field: 3, ttl)
  }
}
