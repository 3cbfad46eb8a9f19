import EtcdAPI
import KeyValue
import Replica

/// The service `etcdserverpb.KV` without its sockets: requests become plans, results become
/// messages.
public struct KVService: Hashable, Sendable {
  public enum Method: Hashable, Sendable, CaseIterable {
    case range
    case put
    case deleteRange
    case txn
    case compact

    /// As in the `:path` of a call; `nil`: not one of this service.
    public init?(path: String) {
      switch path {
      case EtcdMethod.KV.range: self = .range
      case EtcdMethod.KV.put: self = .put
      case EtcdMethod.KV.deleteRange: self = .deleteRange
      case EtcdMethod.KV.txn: self = .txn
      case EtcdMethod.KV.compact: self = .compact
      default: return nil
      }
    }
  }

  public var limits: RequestLimits

  public init(limits: RequestLimits = RequestLimits()) { self.limits = limits }

  /// Decodes and checks the body of a call. `maxStaleness` is the value of the request's metadata
  /// `quorate-max-staleness-ms`; `nil`: not given.
  public func plan(_ method: Method, body: [UInt8], maxStaleness: String? = nil) -> Plan {
    do throws(EtcdStatus) {
      switch method {
      case .range: return .read(try range(decoded(body), maxStaleness))
      case .put: return .proposal(try put(decoded(body), size: body.count))
      case .deleteRange: return .proposal(try deleteRange(decoded(body), size: body.count))
      case .txn: return try txn(decoded(body), maxStaleness, size: body.count)
      case .compact: return .proposal(try compact(decoded(body), size: body.count))
      }
    } catch {
      return .refused(error)
    }
  }

  private func range(
    _ message: EtcdRangeRequest, _ maxStaleness: String?
  ) throws(EtcdStatus) -> ReadPlan {
    let request = try RangeRequest(message)
    try checked { () throws(RequestError) in try request.validate() }
    return ReadPlan(
      kind: .range(request),
      consistency: try consistency(isSerializable: message.serializable, maxStaleness))
  }

  private func put(_ message: EtcdPutRequest, size: Int) throws(EtcdStatus) -> ProposalPlan {
    let request = PutRequest(message)
    try checked { () throws(RequestError) in try request.validate() }
    try checkSize(size)
    return ProposalPlan(command: .put(request))
  }

  private func deleteRange(
    _ message: EtcdDeleteRangeRequest, size: Int
  ) throws(EtcdStatus) -> ProposalPlan {
    let request = DeleteRangeRequest(message)
    try checked { () throws(RequestError) in try request.validate() }
    try checkSize(size)
    return ProposalPlan(command: .deleteRange(request))
  }

  /// A transaction that cannot write is a read, serializable if each of its ranges is (etcd
  /// v3_server.go `isTxnReadonly`, `isTxnSerializable`).
  private func txn(
    _ message: EtcdTxnRequest, _ maxStaleness: String?, size: Int
  ) throws(EtcdStatus) -> Plan {
    let limit = limits.transactionOperations
    let request = try TxnRequest(message, operationsLimit: limit)
    try checked { () throws(RequestError) in try request.validate(limitOperations: limit) }
    guard request.isReadOnly else {
      try checkSize(size)
      return .proposal(ProposalPlan(command: .txn(request)))
    }
    return .read(
      ReadPlan(
        kind: .txn(request),
        consistency: try consistency(
          isSerializable: Self.isSerializable(message), maxStaleness)))
  }

  private func compact(
    _ message: EtcdCompactionRequest, size: Int
  ) throws(EtcdStatus) -> ProposalPlan {
    try checkSize(size)
    return ProposalPlan(
      command: .compaction(revision: message.revision), waitsForPurge: message.physical)
  }

  /// *Precondition*: the transaction is read-only.
  private static func isSerializable(_ message: EtcdTxnRequest) -> Bool {
    (message.success + message.failure).allSatisfy { step in
      switch step.request {
      case .requestRange(let range): range.serializable
      case .requestTxn(let inner): isSerializable(inner)
      case .requestPut, .requestDeleteRange, nil: false
      }
    }
  }

  private func checkSize(_ bytes: Int) throws(EtcdStatus) {
    guard bytes <= limits.requestBytes else { throw .requestTooLarge }
  }

  private func consistency(
    isSerializable: Bool, _ maxStaleness: String?
  ) throws(EtcdStatus) -> ReadConsistency {
    guard let maxStaleness else {
      return isSerializable ? .serializable(maxStaleness: nil) : .linearizable
    }
    guard let milliseconds = Int64(maxStaleness), milliseconds >= 0 else {
      throw EtcdStatus(
        .invalidArgument,
        "quorate: \(QuorateMetadata.maxStaleness) is not a whole number of milliseconds")
    }
    // Beyond a century it is no bound, and this way it multiplies without overflow.
    let bound = Duration.milliseconds(min(milliseconds, 1 << 42))
    return isSerializable ? .serializable(maxStaleness: bound) : .linearizable
  }
}
