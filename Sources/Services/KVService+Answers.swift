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
    case .failed(let error):
      throw EtcdStatus(error)
    }
  }

  /// The answer to a range read.
  public static func body(_ response: RangeResponse, _ header: AnswerHeader) -> [UInt8] {
    RangeAnswer(response, header).bytes
  }

  /// The answer to a transaction that was read at `revision`.
  public static func body(
    _ response: TxnResponse, revision: Int64, _ header: AnswerHeader
  ) -> [UInt8] {
    EtcdTxnResponse(response, header: header.message(revision: revision)).encodedBytes
  }
}
