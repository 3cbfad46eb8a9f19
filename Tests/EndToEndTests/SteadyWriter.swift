import QuorateClient
import Foundation
import Synchronization

/// Clients that put one key after the other for as long as something else happens, and note the
/// instant of every acknowledgement.
final class SteadyWriter: Sendable {
  private struct Notes {
    var acknowledgedAt: [ContinuousClock.Instant] = []
    var isOver = false
  }

  private let notes = Mutex(Notes())
  private let endpoints: [Endpoint]

  init(endpoints: [Endpoint]) { self.endpoints = endpoints }

  /// Runs `lanes` clients, each beginning at another endpoint, until `body` returns.
  func run(lanes: Int, during body: () async throws -> Void) async throws {
    notes.withLock { $0 = Notes() }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for lane in 0..<lanes {
        group.addTask { await self.write(lane) }
      }
      defer { notes.withLock { $0.isOver = true } }
      try await body()
    }
  }

  var count: Int { notes.withLock { $0.acknowledgedAt.count } }

  /// The longest time between two acknowledgements, of all clients together.
  var longestGap: Duration {
    let instants = notes.withLock { $0.acknowledgedAt }.sorted()
    return zip(instants, instants.dropFirst()).map { $1 - $0 }.max() ?? .zero
  }

  private func write(_ lane: Int) async {
    var options = ClientOptions()
    options.callTimeout = .seconds(5)
    let turned = endpoints.indices.map { endpoints[($0 + lane) % endpoints.count] }
    let client = EtcdClient(endpoints: turned, options: options)
    var number = 0
    while !notes.withLock({ $0.isOver }) {
      number += 1
      // An error is a gap; the next write tells how long it was.
      guard (try? await client.put("steady/\(lane)/\(number % 1000)", "\(number)")) != nil else {
        continue
      }
      notes.withLock { $0.acknowledgedAt.append(.now) }
    }
    await client.close()
  }
}
