import EtcdAPI
import Foundation

/// Waiting for a lock, or for leading: one's own key goes below the name, and once no older key is
/// left it has won.
///
/// ```text
///  grant? ── enter ── proclaim? ──┬── won
///                                 └── look ⇄ wait for the key before ── won
/// ```
///
/// Each waits for the one key before its own, so a release wakes one. Beside it one's own key is
/// watched: who has lost it would wait in vain (etcd tells it when its turn would have come, and
/// tells a candidate that it leads).
struct Campaign: LockCall {
  enum Kind: Sendable { case lock, campaign }

  private enum Phase: Sendable {
    case opening
    case granting
    case entering
    case proclaiming
    /// For who is before.
    case looking
    case waiting
    case over
  }

  /// Watches by their numbers on the stream.
  private enum Watched: Int64 { case predecessor = 1, own }

  private let kind: Kind
  private let name: Data
  private let value: Data
  private var lease: Int64
  /// The lease is this call's own, made for a client that named none.
  private var ownsLease = false
  private var phase = Phase.opening
  /// The client is gone: what is out is waited for, and undone.
  private var isCancelled = false
  /// When the key was made: the fencing token. Zero: not known yet.
  private var madeAt: Int64 = 0
  /// Nobody was before it when it was made.
  private var hasWon = false
  /// The answer's, of a campaign: as of the entry (etcd election.go `Campaign`).
  private var entered = EtcdResponseHeader()

  /// What a lease is granted for a client that names none (etcd concurrency/session.go).
  private static let ownSeconds: Int64 = 60

  init(_ kind: Kind, name: Data, lease: Int64, value: Data) {
    self.kind = kind
    self.name = name
    self.lease = lease
    self.value = value
  }

  private var key: Data { LockRequests.key(in: name, lease: lease) }

  mutating func step(_ input: LockCallInput) -> [LockCallEffect] {
    if case .over = phase { return [] }
    do throws(EtcdStatus) {
      switch input {
      case .start: return start()
      case .answered(let body): return try take(body)
      case .failed(let answer):
        if isCancelled { return leave() }
        return end([.fail(answer.asToldByLockCalls)])
      case .watched(let response): return try take(response)
      case .watchFailed(let answer): return end([.fail(answer.asToldByLockCalls)])
      case .cancelled: return cancel()
      }
    } catch {
      return end([.fail(FailedAnswer(error))])
    }
  }

  private mutating func start() -> [LockCallEffect] {
    guard lease == 0 else { return enter() }
    phase = .granting
    return [.ask(.grant(.make { $0.ttl = Self.ownSeconds }))]
  }

  private mutating func enter() -> [LockCallEffect] {
    phase = .entering
    return [.ask(.txn(LockRequests.enter(name, lease: lease, value: value)))]
  }

  // MARK: Answers

  private mutating func take(_ body: [UInt8]) throws(EtcdStatus) -> [LockCallEffect] {
    switch phase {
    case .granting:
      let granted: EtcdLeaseGrantResponse = try decoded(body)
      lease = granted.id
      ownsLease = true
      return isCancelled ? leave() : enter()
    case .entering: return try entered(try decoded(body))
    case .proclaiming:
      let done: EtcdTxnResponse = try decoded(body)
      if isCancelled { return leave() }
      guard done.succeeded else { throw .notElected }
      return hasWon ? win(entered) : look()
    case .looking: return try looked(try decoded(body))
    case .opening, .waiting, .over: preconditionFailure("an answer that nobody asked for")
    }
  }

  private mutating func entered(
    _ response: EtcdTxnResponse
  ) throws(EtcdStatus) -> [LockCallEffect] {
    let own = response.pairs(0).first
    madeAt = response.succeeded ? response.header.revision : own?.createRevision ?? 0
    entered = response.header
    if isCancelled { return leave() }
    hasWon = response.pairs(1).first.map { $0.createRevision == madeAt } ?? true
    if kind == .campaign, let own, own.value != value {
      phase = .proclaiming
      let leader = EtcdLeaderKey.make {
        $0.key = key
        $0.rev = madeAt
        $0.lease = lease
      }
      return [.ask(.txn(LockRequests.proclaim(leader, value: value)))]
    }
    return hasWon ? win(response.header) : look()
  }

  private mutating func look() -> [LockCallEffect] {
    phase = .looking
    return [.ask(.txn(LockRequests.predecessor(of: key, in: name, madeAt: madeAt)))]
  }

  private mutating func looked(
    _ response: EtcdTxnResponse
  ) throws(EtcdStatus) -> [LockCallEffect] {
    if isCancelled { return leave() }
    guard response.pairs(1).first?.createRevision == madeAt else { throw expired }
    guard let before = response.pairs(0).first else {
      return win(kind == .lock ? response.header : entered)
    }
    phase = .waiting
    let next = response.header.revision + 1
    return [
      .watch([
        Self.deletion(of: before.key, from: next, .predecessor),
        Self.deletion(of: key, from: next, .own),
      ])
    ]
  }

  private static func deletion(
    of key: Data, from revision: Int64, _ watched: Watched
  ) -> EtcdWatchCreateRequest {
    .make {
      $0.key = key
      $0.startRevision = revision
      $0.filters = [.noput]
      $0.watchID = watched.rawValue
    }
  }

  private mutating func take(
    _ response: EtcdWatchResponse
  ) throws(EtcdStatus) -> [LockCallEffect] {
    guard case .waiting = phase else { return [] }
    if response.canceled {
      // What lies between is forgotten: see anew who is before.
      guard response.compactRevision == 0 else { return [.endWatch] + look() }
      throw response.created
        ? .tooManyRequests : EtcdStatus(.unavailable, response.cancelReason)
    }
    guard !response.events.isEmpty else { return [] }
    if response.watchID == Watched.own.rawValue { throw expired }
    return [.endWatch] + look()
  }

  private var expired: EtcdStatus {
    switch kind {
    case .lock: .sessionExpired
    case .campaign: .candidateExpired
    }
  }

  // MARK: The end

  private mutating func win(_ header: EtcdResponseHeader) -> [LockCallEffect] {
    switch kind {
    case .lock:
      let answer = EtcdLockResponse.make {
        $0.header = header
        $0.key = key
      }
      return end([.answer(answer.encodedBytes, token: madeAt)])
    case .campaign:
      let answer = EtcdCampaignResponse.make {
        $0.header = header
        $0.leader = .make {
          $0.name = name
          $0.key = key
          $0.rev = madeAt
          $0.lease = lease
        }
      }
      return end([.answer(answer.encodedBytes, token: madeAt)])
    }
  }

  private mutating func cancel() -> [LockCallEffect] {
    switch phase {
    case .granting, .entering, .proclaiming, .looking:
      isCancelled = true
      return []
    case .opening, .waiting: return leave()
    case .over: return []
    }
  }

  /// Takes the key back: whoever comes after need not wait for the end of a lease that nobody
  /// waits with any more.
  private mutating func leave() -> [LockCallEffect] {
    if ownsLease { return end([.leave(.revoke(.make { $0.id = lease }))]) }
    guard madeAt > 0 else { return end([.leave(nil)]) }
    return end([.leave(.txn(LockRequests.resign(key, madeAt: madeAt)))])
  }

  private mutating func end(_ effects: [LockCallEffect]) -> [LockCallEffect] {
    defer { phase = .over }
    if case .waiting = phase { return [.endWatch] + effects }
    return effects
  }
}

extension EtcdTxnResponse {
  /// What the range at this place has found; nothing where it is no range.
  fileprivate func pairs(_ place: Int) -> [EtcdKeyValue] {
    responses.indices.contains(place) ? responses[place].responseRange.kvs : []
  }
}
