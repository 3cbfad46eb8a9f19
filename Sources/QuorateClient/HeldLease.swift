import EtcdAPI

/// A lease for the length of a task.
public struct HeldLease: Hashable, Sendable {
  /// What a put names so that its key hangs on the lease.
  public let id: Int64
  /// What the server granted.
  public let seconds: Int64
}

/// The lease has ended, or may have: nobody has confirmed it for as long as it lasts.
public struct LeaseLost: Error, Hashable, Sendable {
  public let id: Int64
}

extension EtcdClient {
  /// Has a lease granted, keeps it alive while `body` runs, and revokes it at the end, however
  /// `body` ends: with it go the keys that hang on it.
  ///
  /// *Throws* what `body` throws; `LeaseLost` when the lease could not be kept alive, and `body` is
  /// cancelled then: what it holds by the lease may belong to somebody else already.
  public func withLease<Value: Sendable>(
    seconds: Int64, id: Int64 = 0,
    _ body: @escaping @Sendable (HeldLease) async throws -> Value
  ) async throws -> Value {
    // Before the request leaves: whoever is answered has so much less.
    let asked = ContinuousClock.now
    let grant = try await grantLease(
      .make {
        $0.id = id
        $0.ttl = seconds
      }
    ).message
    let lease = HeldLease(id: grant.id, seconds: grant.ttl)
    let outcome: Result<Value, any Error>
    do {
      outcome = .success(try await hold(lease, since: asked, body))
    } catch {
      outcome = .failure(error)
    }
    // A cancelled task's calls would end at once. That it has ended already is as good.
    await Task { _ = try? await revokeLease(lease.id) }.value
    return try outcome.get()
  }

  private func hold<Value: Sendable>(
    _ lease: HeldLease, since asked: ContinuousClock.Instant,
    _ body: @escaping @Sendable (HeldLease) async throws -> Value
  ) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
      defer { group.cancelAll() }
      group.addTask {
        try await self.keepAlive(lease, since: asked)
        return nil
      }
      group.addTask { try await body(lease) }
      while let finished = try await group.next() {
        if let value = finished { return value }
      }
      throw CancellationError()
    }
  }

  /// Asks three times in the time that the lease lasts, and at another endpoint when one fails.
  ///
  /// *Throws* `LeaseLost` when the lease is gone or has not been confirmed for its whole time, and
  /// what ends a cancelled task.
  private func keepAlive(
    _ lease: HeldLease, since asked: ContinuousClock.Instant
  ) async throws {
    let interval = Duration.seconds(lease.seconds) / 3
    var confirmed = asked
    var next = 0
    while true {
      let endpoint = endpoints[next % endpoints.count]
      next += 1
      do throws(CallFailure) {
        let stream = try await openKeepAlive(at: endpoint)
        defer { stream.cancel() }
        while await pause(until: confirmed + interval) {
          let sent = ContinuousClock.now
          guard try await stream.ask(lease.id, within: interval).ttl > 0 else { break }
          confirmed = sent
          continue
        }
      } catch {
        // Another endpoint may do better.
      }
      try Task.checkCancellation()
      let end = confirmed + .seconds(lease.seconds)
      guard ContinuousClock.now < end else { throw LeaseLost(id: lease.id) }
      try await Task.sleep(until: min(end, .now + .milliseconds(100)))
    }
  }

  /// False: this task is cancelled.
  private func pause(until instant: ContinuousClock.Instant) async -> Bool {
    do {
      try await Task.sleep(until: instant)
      return true
    } catch {
      return false
    }
  }
}
