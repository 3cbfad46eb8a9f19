import QuorateClient
import Foundation
import Synchronization

@testable import Lab

/// Puts to every member, and looks at what every member says of itself: whether the one agrees
/// with the other.
final class MemberProbes: Sendable {
  /// What is known of one member.
  fileprivate struct Ledger {
    /// Key and value of each acknowledged write.
    var acknowledged: [String: String] = [:]
    /// When an acknowledged write was sent, and when it was acknowledged.
    var writes: [(sent: ContinuousClock.Instant, acknowledged: ContinuousClock.Instant)] = []
    /// Since when each page says without a break that writes are served; `nil`: it does not.
    var claimedSince: [Page: ContinuousClock.Instant] = [:]
    var longestClaim = Duration.zero
  }

  fileprivate enum Page: CaseIterable { case health, status }

  private struct State {
    var ledgers: [Ledger]
    var isOver = false
    var isJudging = false
  }

  private let state: Mutex<State>
  private let endpoints: [Endpoint]
  private let lanes = 2

  /// `endpoints`: of members 1, 2, …
  init(_ endpoints: [Endpoint]) {
    self.endpoints = endpoints
    state = Mutex(State(ledgers: endpoints.map { _ in Ledger() }))
  }

  /// Writes at every member, and looks at its pages, until `body` returns.
  func run(during body: () async throws -> Void) async throws {
    state.withLock { $0.isOver = false }
    let looking = Thread { [self] in look() }
    looking.start()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for member in endpoints.indices {
        for lane in 0..<lanes { group.addTask { await self.write(at: member, lane) } }
      }
      defer { state.withLock { $0.isOver = true } }
      try await body()
    }
  }

  /// From now on, until `false`, a claim that no write bears out counts.
  func judge(_ isJudging: Bool) {
    state.withLock { state in
      state.isJudging = isJudging
      for member in state.ledgers.indices { state.ledgers[member].claimedSince = [:] }
    }
  }

  // MARK: What came of it

  /// Of all members.
  var acknowledged: [String: String] {
    state.withLock { state in
      state.ledgers.reduce(into: [:]) { $0.merge($1.acknowledged) { $1 } }
    }
  }

  var longestClaim: Duration {
    state.withLock { $0.ledgers.map(\.longestClaim).max() ?? .zero }
  }

  /// The first acknowledgement by one of these members of a write that was sent after `instant`.
  func firstWrite(
    at members: [Int], sentAfter instant: ContinuousClock.Instant
  ) -> ContinuousClock.Instant? {
    writes(at: members).filter { $0.sent > instant }.map(\.acknowledged).min()
  }

  /// The longest time in this span without an acknowledgement by one of these members.
  func longestGap(
    at members: [Int], _ span: Range<ContinuousClock.Instant>
  ) -> Duration {
    let instants = writes(at: members).map(\.acknowledged).filter(span.contains).sorted()
    let marks = [span.lowerBound] + instants + [span.upperBound]
    return zip(marks, marks.dropFirst()).map { $1 - $0 }.max() ?? .zero
  }

  private func writes(
    at members: [Int]
  ) -> [(sent: ContinuousClock.Instant, acknowledged: ContinuousClock.Instant)] {
    state.withLock { state in members.flatMap { state.ledgers[$0 - 1].writes } }
  }

  // MARK: Writing

  private func write(at member: Int, _ lane: Int) async {
    var options = ClientOptions()
    options.callTimeout = .seconds(2)
    options.dialTimeout = .milliseconds(300)
    let client = EtcdClient(endpoints: [endpoints[member]], options: options)
    var count = 0
    while !state.withLock({ $0.isOver }) {
      count += 1
      let (key, value) = ("lasting/\(member + 1)/\(lane)/\(count)", "\(count)")
      let sent = ContinuousClock.now
      do {
        _ = try await client.put(key, value)
        state.withLock {
          $0.ledgers[member].acknowledged[key] = value
          $0.ledgers[member].writes.append((sent, .now))
        }
        try? await Task.sleep(for: .milliseconds(15))
      } catch {
        // It may have happened, or not; the next one tells whether writes pass now.
        try? await Task.sleep(for: .milliseconds(50))
      }
    }
    await client.close()
  }

  // MARK: Looking

  private func look() {
    let requests = endpoints.flatMap { endpoint in
      ["/health", "/lab/status"].map {
        PageClient.Request(host: endpoint.host, port: UInt16(endpoint.port), path: $0)
      }
    }
    while !state.withLock({ $0.isOver }) {
      let begun = ContinuousClock.now
      let pages = PageClient.fetch(requests, withinMilliseconds: 400)
      state.withLock { state in
        guard state.isJudging else { return }
        for member in endpoints.indices {
          state.ledgers[member].hear(.health, pages[2 * member]?.status == 200, begun)
          let page = pages[2 * member + 1]?.memberPage
          state.ledgers[member].hear(.status, page?.serves.write.served == true, begun)
        }
      }
      usleep(100_000)
    }
  }
}

extension MemberProbes.Ledger {
  /// Takes up what a page says at `now`: it claims that writes are served, or it does not.
  fileprivate mutating func hear(
    _ page: MemberProbes.Page, _ claims: Bool, _ now: ContinuousClock.Instant
  ) {
    guard claims else {
      claimedSince[page] = nil
      return
    }
    let since = claimedSince[page] ?? now
    claimedSince[page] = since
    let unserved = max(since, writes.last?.acknowledged ?? since)
    longestClaim = max(longestClaim, now - unserved)
  }
}
