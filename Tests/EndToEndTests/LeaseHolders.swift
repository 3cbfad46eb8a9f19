import QuorateClient
import EtcdAPI
import Foundation
import Synchronization

/// Clients that hang keys on leases, keep them alive for a while, and let them run out.
///
/// A lease lasts for its time from the moment at which its holder began to ask for it, at least:
/// that its key is gone earlier would be a lie.
final class LeaseHolders: Sendable {
  private struct Notes {
    /// Until when a key must be there, by the key.
    var promised: [String: ContinuousClock.Instant] = [:]
    var gone: [String: ContinuousClock.Instant] = [:]
    var isOver = false
    var granted = 0
  }

  static let prefix = "lease-"

  private let notes = Mutex(Notes())
  private let endpoints: [Endpoint]

  init(endpoints: [Endpoint]) { self.endpoints = endpoints }

  var granted: Int { notes.withLock { $0.granted } }

  func run(_ count: Int, during body: () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      let watching = Task { await self.watch() }
      for number in 0..<count { group.addTask { await self.hold(number) } }
      do {
        defer { notes.withLock { $0.isOver = true } }
        try await body()
      }
      try await group.waitForAll()
      try await awaitAllGone()
      watching.cancel()
    }
  }

  /// Keys that went before their time.
  var complaints: [String] {
    notes.withLock { notes in
      notes.gone.compactMap { key, gone in
        guard let promised = notes.promised[key], gone < promised else { return nil }
        return "\(key) was gone \(promised - gone) before its time"
      }
    }
  }

  private func hold(_ number: Int) async {
    let turned = endpoints.indices.map { endpoints[($0 + number) % endpoints.count] }
    var options = ClientOptions()
    options.callTimeout = .seconds(2)
    let client = EtcdClient(endpoints: turned, options: options)
    var count = 0
    while !notes.withLock({ $0.isOver }) {
      count += 1
      await holdOnce("\(Self.prefix)\(number).\(count)", client)
    }
    await client.close()
  }

  private func holdOnce(_ key: String, _ client: EtcdClient) async {
    var asked = ContinuousClock.now
    guard let lease = try? await client.grantLease(.make { $0.ttl = 2 }).message else { return }
    promise(key, until: asked + .seconds(lease.ttl))
    let put = EtcdPutRequest.make {
      $0.key = Data(key.utf8)
      $0.lease = lease.id
    }
    guard (try? await client.put(put)) != nil else { return }
    notes.withLock { $0.granted += 1 }
    for _ in 0..<Int.random(in: 0...4) {
      try? await Task.sleep(for: .milliseconds(Int.random(in: 100...900)))
      asked = .now
      guard let kept = try? await client.keepAlive(lease.id).message, kept.ttl > 0 else { return }
      promise(key, until: asked + .seconds(kept.ttl))
    }
  }

  private func promise(_ key: String, until instant: ContinuousClock.Instant) {
    notes.withLock { $0.promised[key] = instant }
  }

  /// Learns of an end a little late, never early.
  private func watch() async {
    let client = EtcdClient(endpoints: endpoints)
    let request = EtcdWatchCreateRequest.make {
      $0.key = Data(Self.prefix.utf8)
      $0.rangeEnd = Data("lease.".utf8)
      $0.startRevision = 1
    }
    do {
      for try await answer in client.watch(request) {
        let instant = ContinuousClock.now
        for event in answer.events where event.type == .delete {
          let key = String(decoding: event.kv.key, as: UTF8.self)
          notes.withLock { $0.gone[key] = instant }
        }
      }
    } catch {
      // What it did not see is no complaint; that all keys go is asked of the store.
    }
    await client.close()
  }

  /// A lease that nobody keeps alive ends.
  private func awaitAllGone() async throws {
    let client = EtcdClient(endpoints: endpoints)
    let request = EtcdRangeRequest.make {
      $0.key = Data(Self.prefix.utf8)
      $0.rangeEnd = Data("lease.".utf8)
      $0.countOnly = true
    }
    try await eventuallyAsking("no key outlives its lease", within: 20) {
      (try? await client.range(request).message.count) == 0
    }
    await client.close()
  }
}
