import EtcdAPI
import Foundation

/// Following an election: every leader, and everything it proclaims, as one stream.
///
/// ```text
///  look ── nobody ── wait for a key ──┐
///    ↑└─── somebody ──────────────────┴── follow that key
///    └──────────────── until it is deleted ───┘
/// ```
///
/// Proclamations come one by one and none is left out, however slowly the client reads: what it
/// does not take holds the watch up, which goes on from the store.
struct Observation: LockCall {
  private enum Phase: Sendable {
    case opening
    case looking
    /// For the first key below the name.
    case awaiting
    case following(Data)
    case over
  }

  private let name: Data
  private var phase = Phase.opening
  /// Everything before it was seen.
  private var next: Int64 = 0

  init(of name: Data) { self.name = name }

  mutating func step(_ input: LockCallInput) -> [LockCallEffect] {
    if case .over = phase { return [] }
    do throws(EtcdStatus) {
      switch input {
      case .start: return look()
      case .answered(let body): return try looked(try decoded(body))
      case .failed(let answer), .watchFailed(let answer):
        return end([.fail(answer.asToldByLockCalls)])
      case .watched(let response): return try take(response)
      case .cancelled: return end([.leave(nil)])
      }
    } catch {
      return end([.fail(FailedAnswer(error))])
    }
  }

  private mutating func look() -> [LockCallEffect] {
    phase = .looking
    return [.ask(.range(LockRequests.first(in: name)))]
  }

  private mutating func looked(
    _ response: EtcdRangeResponse
  ) throws(EtcdStatus) -> [LockCallEffect] {
    guard case .looking = phase else { preconditionFailure("an answer that nobody asked for") }
    next = response.header.revision + 1
    guard let leader = response.kvs.first else {
      phase = .awaiting
      let firstPut = EtcdWatchCreateRequest.make {
        $0.key = LockRequests.prefix(of: name)
        $0.rangeEnd = LockRequests.end(of: name)
        $0.startRevision = next
        $0.filters = [.nodelete]
      }
      return [.watch([firstPut])]
    }
    return [.send(message(leader, response.header))] + follow(leader.key)
  }

  private mutating func follow(_ key: Data) -> [LockCallEffect] {
    phase = .following(key)
    let changes = EtcdWatchCreateRequest.make {
      $0.key = key
      $0.startRevision = next
    }
    return [.watch([changes])]
  }

  private mutating func take(
    _ response: EtcdWatchResponse
  ) throws(EtcdStatus) -> [LockCallEffect] {
    if response.canceled {
      guard response.compactRevision == 0 else { return [.endWatch] + look() }
      throw response.created
        ? .tooManyRequests : EtcdStatus(.unavailable, response.cancelReason)
    }
    switch phase {
    case .awaiting:
      guard let first = response.events.first?.kv else { return [] }
      next = first.modRevision + 1
      var header = response.header
      header.revision = first.modRevision
      return [.endWatch, .send(message(first, header))] + follow(first.key)
    case .following:
      var effects: [LockCallEffect] = []
      for event in response.events {
        next = event.kv.modRevision + 1
        if event.type == .delete { return effects + [.endWatch] + look() }
        effects.append(.send(message(event.kv, response.header)))
      }
      return effects
    case .opening, .looking, .over: return []
    }
  }

  private func message(_ pair: EtcdKeyValue, _ header: EtcdResponseHeader) -> [UInt8] {
    EtcdLeaderResponse.make {
      $0.header = header
      $0.kv = pair
    }.encodedBytes
  }

  private mutating func end(_ effects: [LockCallEffect]) -> [LockCallEffect] {
    defer { phase = .over }
    switch phase {
    case .awaiting, .following: return [.endWatch] + effects
    case .opening, .looking, .over: return effects
    }
  }
}
