public import EtcdAPI
public import Foundation

/// The service `etcdserverpb.KV`.
extension EtcdClient {
  /// `maxStaleness` binds a serializable read only; `nil`: any age. etcd does not know it.
  public func range(
    _ request: EtcdRangeRequest, maxStaleness: Duration? = nil
  ) async throws(ClientError) -> Reply<EtcdRangeResponse> {
    try await call(EtcdMethod.KV.range, request, .read, metadata: Self.metadata(maxStaleness))
  }

  public func put(
    _ request: EtcdPutRequest
  ) async throws(ClientError) -> Reply<EtcdPutResponse> {
    try await call(EtcdMethod.KV.put, request, .write)
  }

  public func deleteRange(
    _ request: EtcdDeleteRangeRequest
  ) async throws(ClientError) -> Reply<EtcdDeleteRangeResponse> {
    try await call(EtcdMethod.KV.deleteRange, request, .write)
  }

  public func txn(
    _ request: EtcdTxnRequest, maxStaleness: Duration? = nil
  ) async throws(ClientError) -> Reply<EtcdTxnResponse> {
    try await call(
      EtcdMethod.KV.txn, request, Self.access(request), metadata: Self.metadata(maxStaleness))
  }

  public func compact(
    _ request: EtcdCompactionRequest
  ) async throws(ClientError) -> Reply<EtcdCompactionResponse> {
    try await call(EtcdMethod.KV.compact, request, .write)
  }

  /// The value of one key as of now; `nil`: there is no such key.
  public func get(_ key: String) async throws(ClientError) -> Data? {
    try await range(.make { $0.key = Data(key.utf8) }).message.kvs.first?.value
  }

  /// Puts a value under a key, and returns the store's revision after it.
  @discardableResult
  public func put(_ key: String, _ value: String) async throws(ClientError) -> Int64 {
    let request = EtcdPutRequest.make {
      $0.key = Data(key.utf8)
      $0.value = Data(value.utf8)
    }
    return try await put(request).message.header.revision
  }

  /// A transaction of ranges alone changes nothing.
  static func access(_ request: EtcdTxnRequest) -> RetryRule.Access {
    let onlyReads = (request.success + request.failure).allSatisfy { step in
      switch step.request {
      case .requestRange: true
      case .requestTxn(let inner): access(inner) == .read
      case .requestPut, .requestDeleteRange, nil: false
      }
    }
    return onlyReads ? .read : .write
  }

  private static func metadata(_ maxStaleness: Duration?) -> [(String, String)] {
    guard let maxStaleness else { return [] }
    let (seconds, attoseconds) = maxStaleness.components
    // Rounded down: what the caller does not accept is not asked for.
    let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
    return [(QuorateMetadata.maxStaleness, String(max(0, milliseconds)))]
  }
}
