public import EtcdAPI

/// What is asked of the members themselves.
extension EtcdClient {
  public func memberList(
    linearizable: Bool = true
  ) async throws(ClientError) -> Reply<EtcdMemberListResponse> {
    let request = EtcdMemberListRequest.make { $0.linearizable = linearizable }
    return try await call(EtcdMethod.Cluster.memberList, request, .read)
  }

  public func status(
    of endpoint: Endpoint
  ) async throws(ClientError) -> Reply<EtcdStatusResponse> {
    try await call(EtcdMethod.Maintenance.status, EtcdStatusRequest(), at: endpoint)
  }

  /// `revision` zero: the newest.
  public func hashKV(
    of endpoint: Endpoint, revision: Int64 = 0
  ) async throws(ClientError) -> Reply<EtcdHashKVResponse> {
    let request = EtcdHashKVRequest.make { $0.revision = revision }
    return try await call(EtcdMethod.Maintenance.hashKV, request, at: endpoint)
  }
}
