public import EtcdAPI
public import Foundation

/// A place among those who want a lock or to lead, and once it is won, the proof of it.
///
/// Nobody can be sure of holding anything at the moment of a write: a process may have slept since.
/// So the write itself asks, with `isHeld` among the conditions of its transaction, or it carries
/// `fencingToken` to a store that remembers the highest one it has seen.
public struct Claim: Hashable, Sendable {
  /// Of the lock or the election.
  public let name: Data
  /// One's own; it is held while this key exists.
  public let key: Data
  /// The create revision of the key. It grows from holder to holder.
  public let fencingToken: Int64
  /// What the key hangs on.
  public let lease: Int64

  /// The condition of a transaction that is not to be carried out for a holder of the past.
  public var isHeld: EtcdCompare { LockRequests.created(key, at: fencingToken) }

  /// As the RPCs of `v3electionpb` name it.
  public var leaderKey: EtcdLeaderKey {
    .make {
      ($0.name, $0.key) = (name, key)
      ($0.rev, $0.lease) = (fencingToken, lease)
    }
  }
}

/// The key of a claim is gone: its lease has ended, or somebody has deleted it.
public struct ClaimLost: Error, Hashable, Sendable {
  public let key: Data
}

extension EtcdClient {
  // MARK: Locks

  /// Waits for a lock, holds it while `body` runs, and gives it back at the end, however `body`
  /// ends. One holds it at a time, in the order in which they came.
  ///
  /// The lock hangs on a lease of `seconds`, kept alive meanwhile: so long the next in turn waits
  /// for a holder that has died. To wait for so long and no longer, cancel the task.
  ///
  /// *Throws* what `body` throws; `LeaseLost` or `ClaimLost` when the lock was lost, and `body` is
  /// cancelled then.
  public func withLock<Value: Sendable>(
    _ name: String, seconds: Int64 = 60,
    _ body: @escaping @Sendable (Claim) async throws -> Value
  ) async throws -> Value {
    try await withLease(seconds: seconds) { lease in
      let claim = try await self.claim(Data(name.utf8), lease: lease.id)
      return try await self.whileHeld(claim) { try await body(claim) }
    }
  }

  // MARK: Elections

  /// Waits to be elected, and leads while `body` runs; then the next candidate does. Observers are
  /// told `value`.
  ///
  /// *Throws* as `withLock`.
  public func withLeadership<Value: Sendable>(
    of election: String, saying value: String, seconds: Int64 = 60,
    _ body: @escaping @Sendable (Claim) async throws -> Value
  ) async throws -> Value {
    try await withLease(seconds: seconds) { lease in
      let claim = try await self.claim(
        Data(election.utf8), lease: lease.id, value: Data(value.utf8))
      return try await self.whileHeld(claim) { try await body(claim) }
    }
  }

  /// Tells observers something new.
  ///
  /// *Throws* `ClaimLost` when the claim leads no more.
  public func proclaim(_ value: String, as leader: Claim) async throws {
    let request = LockRequests.proclaim(leader.leaderKey, value: Data(value.utf8))
    guard try await txn(request).message.succeeded else { throw ClaimLost(key: leader.key) }
  }

  /// The key of whoever leads now; `nil`: nobody does.
  public func leader(of election: String) async throws(ClientError) -> EtcdKeyValue? {
    try await range(LockRequests.first(in: Data(election.utf8))).message.kvs.first
  }

  /// Every leader of the election from now on, and everything that it proclaims.
  public func observe(_ election: String) -> Leaders {
    Leaders(client: self, name: Data(election.utf8))
  }

  // MARK: Waiting

  /// Takes a place with a lease that somebody else keeps alive, and waits until it has won.
  ///
  /// To ask twice does no harm: the key of a lease is made once. A member that does not answer
  /// while this waits is asked again, for as long as the lease lasts.
  public func claim(_ name: Data, lease: Int64, value: Data = Data()) async throws -> Claim {
    let entry: Reply<EtcdTxnResponse> = try await call(
      EtcdMethod.KV.txn, LockRequests.enter(name, lease: lease, value: value), .read)
    let answer = entry.message
    let own = answer.responses.first?.responseRange.kvs.first
    let claim = Claim(
      name: name, key: LockRequests.key(in: name, lease: lease),
      fencingToken: own?.createRevision ?? answer.header.revision, lease: lease)
    if let own, own.value != value {
      let change = LockRequests.proclaim(claim.leaderKey, value: value)
      guard try await txn(change).message.succeeded else { throw ClaimLost(key: claim.key) }
    }
    let first = answer.responses.last?.responseRange.kvs.first
    if first.map({ $0.createRevision == claim.fencingToken }) ?? true { return claim }
    while let (rival, revision) = try await rival(before: claim) {
      _ = try await deletion(of: rival, after: revision)
    }
    return claim
  }

  /// The key that is waited for, and when it was there; `nil`: none is, the claim has won.
  private func rival(before claim: Claim) async throws -> (key: Data, revision: Int64)? {
    let request = LockRequests.predecessor(
      of: claim.key, in: claim.name, madeAt: claim.fencingToken)
    let answer = try await asking(request)
    guard answer.responses.count == 2,
      answer.responses[1].responseRange.kvs.first?.createRevision == claim.fencingToken
    else { throw ClaimLost(key: claim.key) }
    return answer.responses[0].responseRange.kvs.first.map { ($0.key, answer.header.revision) }
  }

  /// Reads, and asks again while no member answers: how long that is borne, the lease decides.
  private func asking(_ request: EtcdTxnRequest) async throws -> EtcdTxnResponse {
    while true {
      do throws(ClientError) {
        return try await txn(request).message
      } catch {
        if case .server = error { throw error }
      }
      try await Task.sleep(for: .milliseconds(200))
    }
  }

  /// Waits until the key is deleted. False: it may have been, what lies between is compacted.
  private func deletion(of key: Data, after revision: Int64) async throws -> Bool {
    let request = EtcdWatchCreateRequest.make {
      $0.key = key
      $0.startRevision = revision + 1
      $0.filters = [.noput]
    }
    do throws(WatchEnd) {
      for try await answer in watch(request) where !answer.events.isEmpty { return true }
    } catch {
      guard case .compacted = error else { throw error }
    }
    try Task.checkCancellation()
    return false
  }

  private func whileHeld<Value: Sendable>(
    _ claim: Claim, _ body: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
      defer { group.cancelAll() }
      group.addTask {
        try await self.loss(of: claim)
        throw ClaimLost(key: claim.key)
      }
      group.addTask { try await body() }
      while let finished = try await group.next() {
        if let value = finished { return value }
      }
      throw CancellationError()
    }
  }

  /// Waits until the key of the claim is gone.
  private func loss(of claim: Claim) async throws {
    var seen = claim.fencingToken
    while try await !deletion(of: claim.key, after: seen) {
      let answer = try await range(.make { $0.key = claim.key }).message
      guard answer.kvs.first?.createRevision == claim.fencingToken else { return }
      seen = answer.header.revision
    }
  }
}

/// The leaders of an election, one after the other, with what they proclaim. It goes on at another
/// member when one goes away, and leaves nothing out but what was compacted meanwhile.
public struct Leaders: AsyncSequence, Sendable {
  /// The leader's key, with its word as the value and its fencing token as the create revision.
  public typealias Element = EtcdKeyValue

  let client: EtcdClient
  let name: Data

  public func makeAsyncIterator() -> LeaderIterator { LeaderIterator(client, name) }
}

public struct LeaderIterator: AsyncIteratorProtocol {
  private let client: EtcdClient
  private let name: Data
  /// Of the leader's key, or while nobody leads of all keys below the name.
  private var watch: WatchIterator?
  private var isFollowing = false
  /// Events that came with the one told last.
  private var events: ArraySlice<EtcdEvent> = []

  init(_ client: EtcdClient, _ name: Data) {
    self.client = client
    self.name = name
  }

  /// `nil`: the task was cancelled.
  public mutating func next(
    isolation: isolated (any Actor)? = #isolation
  ) async throws -> EtcdKeyValue? {
    while !Task.isCancelled {
      if let event = events.popFirst() {
        if let leader = take(event) { return leader }
      } else if watch != nil {
        try await read()
      } else if let leader = try await look() {
        return leader
      }
    }
    return nil
  }

  private mutating func take(_ event: EtcdEvent) -> EtcdKeyValue? {
    guard event.type == .put else {
      (watch, events) = (nil, [])
      return nil
    }
    if !isFollowing { follow(event.kv.key, after: event.kv.modRevision) }
    return event.kv
  }

  private mutating func read() async throws {
    do throws(WatchEnd) {
      events = try await watch!.next()?.events[...] ?? []
    } catch {
      watch = nil
      guard case .compacted = error else { throw error }
    }
  }

  private mutating func look() async throws(ClientError) -> EtcdKeyValue? {
    let answer = try await client.range(LockRequests.first(in: name)).message
    if let leader = answer.kvs.first {
      follow(leader.key, after: answer.header.revision)
      return leader
    }
    isFollowing = false
    watch = WatchIterator(
      client,
      .make {
        ($0.key, $0.rangeEnd) = (LockRequests.prefix(of: name), LockRequests.end(of: name))
        $0.startRevision = answer.header.revision + 1
        $0.filters = [.nodelete]
      })
    return nil
  }

  private mutating func follow(_ key: Data, after revision: Int64) {
    isFollowing = true
    events = []
    watch = WatchIterator(
      client,
      .make {
        $0.key = key
        $0.startRevision = revision + 1
      })
  }
}
