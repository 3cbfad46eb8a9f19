public import EtcdAPI

/// The service `etcdserverpb.Lease`.
extension EtcdClient {
  /// An id of zero: the server chooses one.
  public func grantLease(
    _ request: EtcdLeaseGrantRequest
  ) async throws(ClientError) -> Reply<EtcdLeaseGrantResponse> {
    try await call(EtcdMethod.Lease.leaseGrant, request, .write)
  }

  public func revokeLease(
    _ id: Int64
  ) async throws(ClientError) -> Reply<EtcdLeaseRevokeResponse> {
    let request = EtcdLeaseRevokeRequest.make { $0.id = id }
    return try await call(EtcdMethod.Lease.leaseRevoke, request, .write)
  }

  public func leaseTimeToLive(
    _ id: Int64, keys: Bool = false
  ) async throws(ClientError) -> Reply<EtcdLeaseTimeToLiveResponse> {
    let request = EtcdLeaseTimeToLiveRequest.make {
      $0.id = id
      $0.keys = keys
    }
    return try await call(EtcdMethod.Lease.leaseTimeToLive, request, .read)
  }

  public func leases() async throws(ClientError) -> Reply<EtcdLeaseLeasesResponse> {
    try await call(EtcdMethod.Lease.leaseLeases, EtcdLeaseLeasesRequest(), .read)
  }

  /// Keeps a lease alive once. Its answer has a time of zero when there is no such lease.
  ///
  /// A second time does no harm, so any endpoint may be tried after another.
  public func keepAlive(
    _ id: Int64
  ) async throws(ClientError) -> Reply<EtcdLeaseKeepAliveResponse> {
    var failures: [CallFailure] = []
    for endpoint in endpoints {
      do throws(CallFailure) {
        let stream = try await openKeepAlive(at: endpoint)
        defer { stream.cancel() }
        let message = try await stream.ask(id, within: options.callTimeout)
        return Reply(message: message, endpoint: endpoint)
      } catch {
        failures.append(error)
      }
    }
    throw Self.summary(failures)
  }

  func openKeepAlive(at endpoint: Endpoint) async throws(CallFailure) -> KeepAliveCall {
    try await open(EtcdMethod.Lease.leaseKeepAlive, at: endpoint)
  }
}

/// A stream of keep-alives.
typealias KeepAliveCall = CallStream<EtcdLeaseKeepAliveRequest, EtcdLeaseKeepAliveResponse>

extension KeepAliveCall {
  /// One question and its answer. *Throws* when it does not come in time; the call is given up.
  func ask(
    _ id: Int64, within limit: Duration
  ) async throws(CallFailure) -> EtcdLeaseKeepAliveResponse {
    guard await send(.make { $0.id = id }) else { throw failure("the stream has ended") }
    async let isLate = giveUp(after: limit)
    let answer: EtcdLeaseKeepAliveResponse?
    do throws(CallFailure) {
      answer = try await next()
    } catch {
      throw await isLate ? failure("no answer in time") : error
    }
    guard let answer else { throw failure("the stream has ended") }
    return answer
  }

  /// Whether the time came to its end. Cancelled when the answer is there.
  private func giveUp(after limit: Duration) async -> Bool {
    do {
      try await Task.sleep(for: limit)
    } catch {
      return false
    }
    cancel()
    return true
  }

  private func failure(_ text: String) -> CallFailure {
    CallFailure(
      endpoint: endpoint, status: EtcdStatus(.unavailable, text), delivery: .maybeSent)
  }
}
