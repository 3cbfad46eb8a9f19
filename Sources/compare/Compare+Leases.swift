import EtcdAPI
import NIOCore
import RPC
import Synchronization

/// Requests about leases, and what of their answers may differ: ids that the server chose, seconds
/// that have passed, and the order of keys and leases, which etcd leaves to its maps.
extension Compare {
  static func leaseAnswer(
    to call: RequestGenerator.Call, from connection: RPCConnection
  ) async -> Answer {
    switch call {
    case .grant(let request):
      await answer(
        EtcdMethod.Lease.leaseGrant, request, connection, \EtcdLeaseGrantResponse.header
      ) { if request.id == 0 { $0.id = $0.id == 0 ? 0 : 1 } }
    case .revoke(let request):
      await answer(
        EtcdMethod.Lease.leaseRevoke, request, connection, \EtcdLeaseRevokeResponse.header)
    case .timeToLive(let request):
      await answer(
        EtcdMethod.Lease.leaseTimeToLive, request, connection,
        \EtcdLeaseTimeToLiveResponse.header
      ) {
        if $0.ttl > 0 && $0.ttl <= $0.grantedTtl { $0.ttl = $0.grantedTtl }
        $0.keys.sort { $0.lexicographicallyPrecedes($1) }
      }
    case .leases:
      await answer(
        EtcdMethod.Lease.leaseLeases, EtcdLeaseLeasesRequest(), connection,
        \EtcdLeaseLeasesResponse.header
      ) {
        $0.leases = $0.leases.filter { RequestGenerator.leaseIDs.contains($0.id) }
          .sorted { $0.id < $1.id }
      }
    case .keepAlive(let id): await keepAlive(id, over: connection)
    case .range, .put, .deleteRange, .txn, .compact: stop("\(call) is about no lease")
    }
  }

  /// One question on a stream of its own.
  private static func keepAlive(
    _ id: Int64, over connection: RPCConnection
  ) async -> Answer {
    let last = Mutex<ByteBuffer?>(nil)
    let outcome = await withCheckedContinuation { (done: CheckedContinuation<CallOutcome, Never>) in
      let stream = connection.open(EtcdMethod.Lease.leaseKeepAlive) { event in
        switch event {
        case .metadata, .writable: break
        case .message(let message): last.withLock { $0 = message }
        case .ended(let outcome): done.resume(returning: outcome)
        }
      }
      _ = stream.send(EtcdLeaseKeepAliveRequest.make { $0.id = id }.encodedBytes)
      stream.halfClose()
    }
    guard let body = last.withLock({ $0 }),
      var response = try? EtcdLeaseKeepAliveResponse(decoding: Array(body.readableBytesView))
    else { return .refusal("\(outcome.status.code): \(outcome.status.message)") }
    response.header.clusterID = 0
    response.header.memberID = 0
    response.header.raftTerm = 0
    return Answer("\(response.fieldText) \(outcome.status.code)", response.header.revision)
  }
}
