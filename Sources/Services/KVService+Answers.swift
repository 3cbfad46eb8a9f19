public import EtcdAPI
public import KeyValue

/// Results become bodies. A result that is a failure becomes a status.
extension KVService {
  public static func body(
    _ result: CommandResult, _ header: AnswerHeader
  ) throws(EtcdStatus) -> [UInt8] {
    let header = header.message(revision: result.revision)
    switch result.answer {
    case .put(let put):
      return EtcdPutResponse(put, header: header).encodedBytes
    case .deleteRange(let deletion):
      return EtcdDeleteRangeResponse(deletion, header: header).encodedBytes
    case .txn(let txn):
      return EtcdTxnResponse(txn, header: header).encodedBytes
    case .compaction:
      return EtcdCompactionResponse.make { $0.header = header }.encodedBytes
    case .leaseGrant(let id, let ttl):
      return EtcdLeaseGrantResponse.make {
        $0.header = header
        $0.id = id
        $0.ttl = ttl
      }.encodedBytes
    case .leaseRevoke:
      return EtcdLeaseRevokeResponse.make { $0.header = header }.encodedBytes
    case .leaseKeepAlive(let id, let ttl):
      return EtcdLeaseKeepAliveResponse.make {
        $0.header = header
        $0.id = id
        $0.ttl = ttl
      }.encodedBytes
    case .leaseTime:
      preconditionFailure("nobody waits for what the leader asks of leases")
    case .marked:
      preconditionFailure("nobody waits for a mark")
    case .alarms(let alarms):
      return MaintenanceService.alarms(alarms, header).encodedBytes
    case .failed(let error):
      throw EtcdStatus(error)
    }
  }

  /// The answer to a range read.
  public static func body(_ response: RangeResponse, _ header: AnswerHeader) -> [UInt8] {
    RangeAnswer(response, header).bytes
  }

  /// The answer to a scan, row by row from where the rows are; `reading` may be `nil` if all are in
  /// memory.
  ///
  /// *Throws* what `reading` throws.
  public static func body(
    _ range: SettledRange, reading: (any RowReading)?, _ header: AnswerHeader
  ) throws -> [UInt8] {
    var answer = RangeAnswer(
      revision: range.meta.revision, expecting: range.rowCount, header)
    try range.scan(reading: reading) { head, key, value in answer.append(head, key, value) }
    answer.finish(more: range.more, count: range.count)
    return answer.bytes
  }

  /// The answer to a transaction that was read at `revision`.
  public static func body(
    _ response: TxnResponse, revision: Int64, _ header: AnswerHeader
  ) -> [UInt8] {
    EtcdTxnResponse(response, header: header.message(revision: revision)).encodedBytes
  }
}
