import Base
import QuorateClient
import EtcdAPI
import Foundation
import Linearizability
import Synchronization

/// Clients that put, get, delete and compare-and-swap a few keys through all members, and write
/// down what they were told.
final class Crowd: Sendable {
  private struct Notes {
    var history = History(initialRevision: nil)
    var isOver = false
    var acknowledgedAt: [ContinuousClock.Instant] = []
  }

  private let notes = Mutex(Notes())
  private let began = ContinuousClock.now
  private let endpoints: [Endpoint]

  init(endpoints: [Endpoint]) { self.endpoints = endpoints }

  /// Runs `clients` clients until `body` returns, then reads every key once more, linearizably.
  func run(clients: Int, during body: () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<clients {
        group.addTask { await self.work(number) }
      }
      defer { notes.withLock { $0.isOver = true } }
      try await body()
    }
    let client = EtcdClient(endpoints: endpoints, options: Self.options(.seconds(10)))
    for key in 0..<Self.keys { await get("key-\(key)", client, number: clients) }
    await client.close()
  }

  var verdict: Verdict { Checker().verdict(on: notes.withLock { $0.history }) }

  var writes: Int { notes.withLock { $0.acknowledgedAt.count } }

  /// Acknowledged writes that a history of the store does not show.
  func lost(from history: [Watchers.Sighting]) -> [Watchers.Sighting] {
    let shown = Set(history)
    return notes.withLock { $0.history.operations }.compactMap(Self.acknowledged)
      .filter { !shown.contains($0) }
  }

  private static func acknowledged(_ operation: History.Operation) -> Watchers.Sighting? {
    switch (operation.call, operation.outcome) {
    case (.put(let key, let value), .put(let revision)),
      (.compareAndSwap(let key, _, let value), .swapped(true, let revision)):
      Watchers.Sighting(revision: revision, key: key, value: value)
    case (.delete(let key), .deleted(existed: true, let revision)):
      Watchers.Sighting(revision: revision, key: key, value: nil)
    default: nil
    }
  }

  /// The longest time between two acknowledged writes.
  var longestGap: Duration {
    let instants = notes.withLock { $0.acknowledgedAt }.sorted()
    return zip(instants, instants.dropFirst()).map { $1 - $0 }.max() ?? .zero
  }

  private static let keys = 8

  private static func options(_ timeout: Duration) -> ClientOptions {
    var options = ClientOptions()
    options.callTimeout = timeout
    options.dialTimeout = .milliseconds(300)
    return options
  }

  private func work(_ number: Int) async {
    let turned = endpoints.indices.map { endpoints[($0 + number) % endpoints.count] }
    let client = EtcdClient(endpoints: turned, options: Self.options(.seconds(2)))
    var count = 0
    while !notes.withLock({ $0.isOver }) {
      count += 1
      let key = "key-\(Int.random(in: 0..<Self.keys))"
      switch Int.random(in: 0..<10) {
      case 0..<4: await put(key, "\(number).\(count)", client, number: number)
      case 4: await delete(key, client, number: number)
      case 5..<8: await get(key, client, number: number)
      default: await swap(key, "\(number).\(count)", client, number: number)
      }
      // Keeps the history short enough to be judged; nothing waits for it.
      try? await Task.sleep(for: .milliseconds(10))
    }
    await client.close()
  }

  private func put(_ key: String, _ value: String, _ client: EtcdClient, number: Int) async {
    let id = invoke(.put(key: key, value: value), number)
    do throws(ClientError) {
      complete(id, .put(revision: try await client.put(key, value)))
    } catch {
      complete(id, Self.outcome(error))
    }
  }

  private func delete(_ key: String, _ client: EtcdClient, number: Int) async {
    let id = invoke(.delete(key: key), number)
    do throws(ClientError) {
      let reply = try await client.deleteRange(.make { $0.key = Data(key.utf8) }).message
      complete(id, .deleted(existed: reply.deleted == 1, revision: reply.header.revision))
    } catch {
      complete(id, Self.outcome(error))
    }
  }

  private func get(_ key: String, _ client: EtcdClient, number: Int) async {
    let id = invoke(.get(key: key, .linearizable), number)
    do throws(ClientError) {
      let reply = try await client.range(.make { $0.key = Data(key.utf8) }).message
      let value = reply.kvs.first.map { String(decoding: $0.value, as: UTF8.self) }
      complete(id, .got(value, revision: reply.header.revision, age: nil))
    } catch {
      complete(id, Self.outcome(error))
    }
  }

  /// Sets the key to `value` if it still holds what a read just saw.
  private func swap(_ key: String, _ value: String, _ client: EtcdClient, number: Int) async {
    guard let seen = try? await client.get(key) else { return }
    let expected = String(decoding: seen, as: UTF8.self)
    let request = EtcdTxnRequest.make {
      $0.compare = [
        .make {
          $0.key = Data(key.utf8)
          $0.target = .value
          $0.result = .equal
          $0.value = seen
        }
      ]
      $0.success = [
        .make {
          $0.requestPut = .make {
            $0.key = Data(key.utf8)
            $0.value = Data(value.utf8)
          }
        }
      ]
    }
    let id = invoke(.compareAndSwap(key: key, expected: expected, value: value), number)
    do throws(ClientError) {
      let reply = try await client.txn(request).message
      complete(id, .swapped(reply.succeeded, revision: reply.header.revision))
    } catch {
      complete(id, Self.outcome(error))
    }
  }

  private static func outcome(_ error: ClientError) -> History.Outcome {
    switch error {
    case .refused, .unreachable: .refused
    case .server, .outcomeUnknown, .timedOut: .unknown
    }
  }

  private func invoke(_ call: History.Call, _ number: Int) -> History.OperationID {
    // Inside the lock, so that calls are written down in the order of their instants.
    notes.withLock { $0.history.invoke(call, by: number, session: number, at: now) }
  }

  private func complete(_ id: History.OperationID, _ outcome: History.Outcome) {
    notes.withLock {
      $0.history.complete(id, outcome, at: now)
      switch outcome {
      case .put, .swapped(true, _), .deleted(existed: true, _): $0.acknowledgedAt.append(.now)
      case .deleted, .swapped(false, _), .got, .scanned, .refused, .unknown: break
      }
    }
  }

  /// Nanoseconds since the crowd began.
  private var now: Int64 { (ContinuousClock.now - began).nanoseconds }
}
