import EtcdAPI
import Foundation
import KeyValue
import Services

/// The answers of the store as messages that SwiftProtobuf encodes: what ours must equal.
extension EtcdKeyValue {
  init(_ row: Row) {
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
  init(_ response: RangeResponse, header: EtcdResponseHeader) {
    self.init()
    self.header = header
    kvs = response.pairs.map { EtcdKeyValue($0) }
    more = response.more
    count = response.count
  }
}

extension EtcdPutResponse {
  init(_ response: PutResponse, header: EtcdResponseHeader) {
    self.init()
    self.header = header
    if let previous = response.previous { prevKv = EtcdKeyValue(previous) }
  }
}

extension EtcdDeleteRangeResponse {
  init(_ response: DeleteRangeResponse, header: EtcdResponseHeader) {
    self.init()
    self.header = header
    deleted = response.deleted
    prevKvs = response.previous.map { EtcdKeyValue($0) }
  }
}

extension EtcdTxnResponse {
  init(_ response: TxnResponse, header: EtcdResponseHeader) {
    self.init()
    self.header = header
    succeeded = response.succeeded
    responses = response.responses.map { EtcdResponseOp($0) }
  }
}

/// Inside a transaction a header holds the revision alone, and that of a nested transaction
/// nothing (etcd server/etcdserver/txn `newTxnResp`).
extension EtcdResponseOp {
  init(_ response: OperationResponse) {
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

/// Answers of any shape: numbers at every length that they have as bytes, and what is left out
/// because it is nothing.
struct AnswerDice {
  private static let numbers =
    (0..<64).map { Int64(bitPattern: 1 << UInt64($0)) } + [0, 0, 0, -1, 127, 128, 300]

  func number() -> Int64 { Self.numbers.randomElement()! }

  func header() -> AnswerHeader {
    AnswerHeader(
      cluster: UInt64(bitPattern: number()), member: UInt64(bitPattern: number()),
      raftTerm: UInt64(bitPattern: number()))
  }

  private func bytes() -> [UInt8] {
    [UInt8](repeating: .random(in: 0...255), count: [0, 1, 127, 128, 20_000].randomElement()!)
  }

  private func row() -> Row {
    Row(
      number: RowNumber(1), modRevision: number(), subRevision: 0, key: bytes(),
      value: bytes(), createRevision: number(), version: number(), lease: number())
  }

  private func rows() -> [Row] { (0..<Int.random(in: 0...6)).map { _ in row() } }

  func range() -> RangeResponse {
    RangeResponse(pairs: rows(), more: .random(), count: number(), revision: number())
  }

  func put() -> PutResponse {
    PutResponse(previous: Bool.random() ? row() : nil, revision: number())
  }

  func deletion() -> DeleteRangeResponse {
    DeleteRangeResponse(deleted: number(), previous: rows(), revision: number())
  }

  /// An answer to a command of one of six kinds, and its bytes as SwiftProtobuf has them.
  func answer(
    _ kind: Int, _ header: EtcdResponseHeader
  ) -> (CommandResult.Answer, expected: [UInt8]) {
    switch kind {
    case 0:
      let put = put()
      return (.put(put), EtcdPutResponse(put, header: header).encodedBytes)
    case 1:
      let deletion = deletion()
      return (
        .deleteRange(deletion), EtcdDeleteRangeResponse(deletion, header: header).encodedBytes
      )
    case 2:
      let (id, ttl) = (number(), number())
      let grant = EtcdLeaseGrantResponse.make { ($0.header, $0.id, $0.ttl) = (header, id, ttl) }
      return (.leaseGrant(id: id, ttl: ttl), grant.encodedBytes)
    case 3:
      return (.compaction, EtcdCompactionResponse.make { $0.header = header }.encodedBytes)
    default:
      let txn = txn(depth: 2)
      return (.txn(txn), EtcdTxnResponse(txn, header: header).encodedBytes)
    }
  }

  /// `depth`: how many transactions may lie within each other.
  func txn(depth: Int) -> TxnResponse {
    TxnResponse(
      succeeded: .random(),
      responses: (0..<Int.random(in: 0...3)).map { _ in
        switch Int.random(in: 0..<(depth > 0 ? 4 : 3)) {
        case 0: .range(range())
        case 1: .put(put())
        case 2: .deleteRange(deletion())
        default: .txn(txn(depth: depth - 1))
        }
      })
  }
}
