import QuorateClient
import EtcdAPI
import Foundation
import Synchronization

/// Clients that watch while others write, and what they saw. Each sees every event of its keys from
/// its revision on, once and in order, or it is told.
final class Watchers: Sendable {
  struct Sighting: Hashable, Sendable, CustomStringConvertible {
    var revision: Int64
    var key: String
    /// `nil`: deleted.
    var value: String?

    var description: String { "\(key)@\(revision)=\(value ?? "deleted")" }
  }

  private struct Record {
    var start: Int64
    var seen: [Sighting] = []
    var isAtEnd = false
    var failure: String?
  }

  private let records = Mutex<[Record]>([])
  private let endpoints: [Endpoint]
  private let prefix: String
  /// Put last of all: whoever has seen it has seen everything.
  private var mark: String { prefix + "~end" }

  /// They watch all keys that begin so.
  init(endpoints: [Endpoint], prefix: String) {
    self.endpoints = endpoints
    self.prefix = prefix
  }

  /// Watches from the first revision, and from others while `body` runs; each through another
  /// member first.
  func run(_ count: Int, during body: () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await self.watch(from: 1, through: 0) }
      for number in 1..<count {
        group.addTask {
          try await Task.sleep(for: .milliseconds(Int.random(in: 0...5_000)))
          guard let revision = await self.revision(through: number) else { return }
          await self.watch(from: revision + 1, through: number)
        }
      }
      do {
        try await body()
        try await finish()
      } catch {
        group.cancelAll()
        throw error
      }
      try await group.waitForAll()
    }
  }

  /// What is wrong with what they saw, given what the store holds; empty: nothing.
  func complaints() async throws -> [String] {
    let truth = try await history()
    return records.withLock { records in
      records.enumerated().compactMap { number, record in
        if let failure = record.failure { return "watch \(number) ended: \(failure)" }
        guard record.isAtEnd else { return "watch \(number) never came to the end" }
        let owed = truth.filter { $0.revision >= record.start }
        guard record.seen != owed else { return nil }
        let place = zip(record.seen, owed).enumerated().first { $1.0 != $1.1 }?.offset
        let at = place ?? min(record.seen.count, owed.count)
        let window = max(0, at - 1)..<(at + 2)
        return "watch \(number) from \(record.start): saw \(record.seen.count) of \(owed.count); "
          + "at \(at): \(record.seen[window.clamped(to: record.seen.indices)]) "
          + "instead of \(owed[window.clamped(to: owed.indices)])"
      }
    }
  }

  var events: Int { records.withLock { $0.reduce(0) { $0 + $1.seen.count } } }

  /// Every change of the keys from the first, as the store has it now.
  func history() async throws -> [Sighting] {
    var all: [Sighting] = []
    let client = EtcdClient(endpoints: endpoints)
    defer { Task { await client.close() } }
    for try await answer in client.watch(request(from: 1)) {
      all += answer.events.map(Self.sighting)
      if all.last?.key == mark { return all }
    }
    throw TooLate(description: "the history of \(prefix) ended early")
  }

  private func watch(from start: Int64, through place: Int) async {
    let number = records.withLock { records in
      records.append(Record(start: start))
      return records.count - 1
    }
    let client = EtcdClient(endpoints: turned(place))
    defer { Task { await client.close() } }
    do {
      for try await answer in client.watch(request(from: start)) {
        let seen = answer.events.map(Self.sighting)
        let isAtEnd = records.withLock { records in
          records[number].seen += seen
          records[number].isAtEnd = seen.last?.key == mark
          return records[number].isAtEnd
        }
        if isAtEnd { return }
      }
    } catch {
      records.withLock { $0[number].failure = "\(error)" }
    }
  }

  private func finish() async throws {
    let client = EtcdClient(endpoints: endpoints)
    try await eventuallyAsking("the last put is through", within: 20) {
      (try? await client.put(mark, "")) != nil
    }
    await client.close()
    try await eventuallyAsking("every watch is at the end", within: 30) {
      records.withLock { $0.allSatisfy { $0.isAtEnd || $0.failure != nil } }
    }
  }

  private func revision(through place: Int) async -> Int64? {
    let client = EtcdClient(endpoints: turned(place))
    defer { Task { await client.close() } }
    return try? await client.range(.make { $0.key = Data(prefix.utf8) }).message.header.revision
  }

  private func turned(_ place: Int) -> [Endpoint] {
    endpoints.indices.map { endpoints[($0 + place) % endpoints.count] }
  }

  private func request(from revision: Int64) -> EtcdWatchCreateRequest {
    .make {
      $0.key = Data(prefix.utf8)
      $0.rangeEnd = Data((prefix.dropLast() + "\u{7f}").utf8)
      $0.startRevision = revision
    }
  }

  private static func sighting(_ event: EtcdEvent) -> Sighting {
    Sighting(
      revision: event.kv.modRevision, key: String(decoding: event.kv.key, as: UTF8.self),
      value: event.type == .delete ? nil : String(decoding: event.kv.value, as: UTF8.self))
  }
}
