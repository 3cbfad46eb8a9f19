public import EtcdAPI
public import KeyValue

/// Results become bodies. A result that is a failure becomes a status.
extension KVService {
  public static func body(
    _ result: CommandResult, _ header: AnswerHeader
  ) throws(EtcdStatus) -> [UInt8] {
    let revision = result.revision
    switch result.answer {
    case .put(let put): return AnswerFields(put, header, revision: revision).bytes
    case .deleteRange(let deletion):
      return AnswerFields(deletion, header, revision: revision).bytes
    case .txn(let txn): return AnswerFields(txn, header, revision: revision).bytes
    case .compaction, .leaseRevoke: return AnswerFields(header, revision: revision).bytes
    case .leaseGrant(let id, let ttl), .leaseKeepAlive(let id, let ttl):
      return AnswerFields(lease: id, ttl: ttl, header, revision: revision).bytes
    case .leaseTime:
      preconditionFailure("nobody waits for what the leader asks of leases")
    case .marked:
      preconditionFailure("nobody waits for a mark")
    case .alarms(let alarms):
      return MaintenanceService.alarms(
        alarms, header.message(revision: revision)
      ).encodedBytes
    case .failed(let error):
      throw EtcdStatus(error)
    }
  }

  /// The answer to a range read.
  public static func body(_ response: RangeResponse, _ header: AnswerHeader) -> [UInt8] {
    RangeAnswer(response, header).fields.bytes
  }

  /// The answer to a scan, row by row from where the rows are; `reading` may be `nil` if all are in
  /// memory.
  ///
  /// *Throws* what `reading` throws.
  public static func body(
    _ range: ResolvedRange, reading: (any RowReading)?, _ header: AnswerHeader
  ) throws -> [UInt8] {
    var answer = RangeAnswer(
      revision: range.meta.revision, expecting: range.rowCount, header)
    try range.scan(reading: reading) { head, key, value in answer.append(head, key, value) }
    answer.finish(more: range.more, count: range.count)
    return answer.fields.bytes
  }

  /// The answer to a transaction that was read at `revision`.
  public static func body(
    _ response: TxnResponse, revision: Int64, _ header: AnswerHeader
  ) -> [UInt8] {
    AnswerFields(response, header, revision: revision).bytes
  }
}
