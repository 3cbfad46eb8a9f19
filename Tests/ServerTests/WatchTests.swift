import QuorateClient
import EtcdAPI
import Foundation
import Member
import RPC
import Testing

@testable import Handlers
@testable import Host
@testable import Server

private typealias Stream = CallStream<EtcdWatchRequest, EtcdWatchResponse>

extension EtcdWatchRequest {
  fileprivate static func create(
    _ key: String, _ end: String = "", from revision: Int64 = 0,
    _ change: (inout EtcdWatchCreateRequest) -> Void = { _ in }
  ) -> Self {
    .make {
      $0.createRequest = .make {
        $0.key = Data(key.utf8)
        $0.rangeEnd = Data(end.utf8)
        $0.startRevision = revision
        change(&$0)
      }
    }
  }

  fileprivate static let progress = make { $0.progressRequest = EtcdWatchProgressRequest() }
}

/// The service `etcdserverpb.Watch` over real sockets and files.
@Suite(.serialized) struct WatchTests {
  private func open(_ client: EtcdClient, _ metadata: [(String, String)] = []) async throws
    -> Stream
  {
    try await client.open(EtcdMethod.Watch.watch, at: client.endpoints[0], metadata: metadata)
  }

  /// Reads until `count` events of one watch have come.
  private func events(_ stream: Stream, _ count: Int) async throws -> [EtcdEvent] {
    var events: [EtcdEvent] = []
    while events.count < count {
      guard let answer = try await stream.next() else { break }
      if let first = answer.events.first, let last = events.last {
        #expect(first.kv.modRevision > last.kv.modRevision, "a revision is split")
      }
      events += answer.events
    }
    return events
  }

  @Test func `a watch brings the past and what comes, with what was before`() async throws {
    try await TestCluster.run(1) { cluster in
      let client = try cluster.client(1)
      try await cluster.put("a", "1", with: client)
      try await client.put("a", "2")
      let stream = try await open(client)
      _ = await stream.send(.create("a", from: 2) { $0.prevKv = true })
      let created = try await stream.next()
      #expect(created?.created == true)
      #expect(created?.header.revision == 3)
      var events = try await events(stream, 2)
      try await client.put("a", "3")
      _ = try await client.deleteRange(.make { $0.key = Data("a".utf8) })
      events += try await self.events(stream, 2)
      #expect(events.map(\.kv.modRevision) == [2, 3, 4, 5])
      #expect(events.map(\.type) == [.put, .put, .put, .delete])
      #expect(
        events.map { String(decoding: $0.prevKv.value, as: UTF8.self) } == ["", "1", "2", "3"])
      stream.cancel()
      await client.close()
    }
  }

  /// Rows that memory does not hold any more come from the state file, piece by piece, while
  /// others are written.
  @Test func `a long past is caught up with while the present goes on`() async throws {
    try await TestCluster.run(1) { cluster in
      let client = try cluster.client(1)
      try await cluster.put("k", "0", with: client)
      let value = String(repeating: "v", count: 8_000)
      for round in 0..<1_500 { try await client.put("k\(round % 50)", value) }
      let stream = try await open(client)
      _ = await stream.send(.create("k", "l", from: 1))
      async let all = events(stream, 1_701)
      for round in 0..<200 { try await client.put("k\(round % 50)", "new") }
      let revisions = try await all.map(\.kv.modRevision)
      #expect(revisions == (2...1_702).map { Int64($0) })
      stream.cancel()
      await client.close()
    }
  }

  @Test func `a client that does not read costs no more than its buffer, and then is told`()
    async throws
  {
    try await TestCluster.run(1, started: false) { cluster in
      try await cluster.start(1) { _ in
      } settings: { settings in
        settings.watches.stallLimit = .milliseconds(300)
        settings.watches.checkInterval = .milliseconds(50)
      }
      let client = try cluster.client(1)
      try await cluster.put("k", "0", with: client)
      let stream = try await open(client)
      _ = await stream.send(.create("k"))
      #expect(try await stream.next()?.created == true)
      // Much more than the windows, the budget and what the client lets wait.
      let value = String(repeating: "v", count: 100_000)
      for _ in 0..<100 { try await client.put("k", value) }
      try await cluster.wait(for: "the end of the stream") {
        let page = try await cluster.page(1, "/metrics")
        return String(decoding: page.body, as: UTF8.self)
          .contains("quorate_watch_streams_stalled_total 1\n")
      }
      var last: Int64 = 2
      var resume: String?
      do throws(CallFailure) {
        while let answer = try await stream.next() {
          for event in answer.events {
            #expect(event.kv.modRevision == last + 1, "no gap before the end")
            last = event.kv.modRevision
          }
          if answer.canceled { resume = answer.cancelReason }
        }
      } catch {
        #expect(error.status.code == .resourceExhausted)
      }
      #expect(resume == "quorate: the watch was ended; resume at revision \(last + 1)")
      #expect(last < 102)
      await client.close()
    }
  }

  @Test func `progress comes after what it covers`() async throws {
    try await TestCluster.run(1) { cluster in
      let client = try cluster.client(1)
      try await cluster.put("a", "1", with: client)
      let stream = try await open(client)
      _ = await stream.send(.create("a"))
      _ = try await stream.next()
      for round in 3...20 {
        let revision = try await client.put("a", "\(round)")
        _ = await stream.send(.progress)
        var answer = try await stream.next()
        #expect(answer?.events.map(\.kv.modRevision) == [revision])
        answer = try await stream.next()
        #expect(answer?.watchID == -1)
        #expect(answer?.header.revision == revision)
      }
      stream.cancel()
      await client.close()
    }
  }

  @Test func `an idle watch that wants it hears of progress by itself`() async throws {
    try await TestCluster.run(1, started: false) { cluster in
      try await cluster.start(1) { $0.watchProgressInterval = "100ms" }
      let client = try cluster.client(1)
      try await cluster.put("b", "1", with: client)
      let stream = try await open(client)
      _ = await stream.send(.create("a") { $0.progressNotify = true })
      #expect(try await stream.next()?.created == true)
      let answer = try await stream.next()
      #expect(answer?.events.isEmpty == true)
      #expect(answer?.header.revision == 2)
      stream.cancel()
      await client.close()
    }
  }

  @Test func `a stream that requires a leader ends without one, another stays silent`()
    async throws
  {
    try await TestCluster.run(3, isLab: true) { cluster in
      let client = try cluster.client(1)
      try await cluster.put("a", "1", with: client)
      let strict = try await open(client, [("hasleader", "true")])
      let patient = try await open(client)
      for stream in [strict, patient] {
        _ = await stream.send(.create("a"))
        #expect(try await stream.next()?.created == true)
      }
      try await cluster.setLinks(of: 1, "silent")
      var failure: CallFailure?
      do throws(CallFailure) {
        _ = try await strict.next()
      } catch {
        failure = error
      }
      #expect(failure?.status == .noLeader)
      let others = try cluster.client(2, 3)
      try await cluster.put("a", "2", with: others)
      try await cluster.setLinks(of: 1, "open")
      let answer = try await patient.next()
      #expect(answer?.events.map { String(decoding: $0.kv.value, as: UTF8.self) } == ["2"])
      patient.cancel()
      await client.close()
      await others.close()
    }
  }

  @Test func `the client's watch goes on at another member, without a gap or a repeat`()
    async throws
  {
    try await TestCluster.run(3) { cluster in
      let all = try cluster.client()
      try await cluster.put("k", "0", with: all)
      let watcher = try cluster.client(1, 2)
      let reader = Task {
        var seen: [Int64] = []
        for try await answer in watcher.watch(
          .make {
            $0.key = Data("k".utf8)
            $0.startRevision = 2
          })
        {
          seen += answer.events.map(\.kv.modRevision)
          if seen.count >= 60 { break }
        }
        return seen
      }
      let writer = try cluster.client(2, 3)
      for round in 0..<30 { try await cluster.put("k", "\(round)", with: writer) }
      await cluster.abandon(1)
      // A put whose answer was lost may have been made: there are more then.
      for round in 30..<60 { try await cluster.put("k", "\(round)", with: writer) }
      let seen = try await reader.value
      #expect(seen == (2..<Int64(2 + seen.count)).map { $0 })
      for client in [all, watcher, writer] { await client.close() }
    }
  }

  /// A member that was away takes a snapshot: what lies between is read from the store.
  @Test func `a member that jumps to a snapshot leaves no gap in its watches`() async throws {
    try await TestCluster.run(3, isLab: true, started: false) { cluster in
      for number in 1...3 { try await cluster.start(number) { $0.retainedEntries = 20 } }
      let client = try cluster.client(1)
      try await cluster.put("k", "0", with: client)
      let stream = try await open(client)
      _ = await stream.send(.create("k"))
      #expect(try await stream.next()?.created == true)
      try await cluster.setLinks(of: 1, "silent")
      let others = try cluster.client(2, 3)
      for round in 0..<400 { try await cluster.put("k", "\(round)", with: others) }
      try await cluster.setLinks(of: 1, "open")
      let seen = try await events(stream, 400).map(\.kv.modRevision)
      #expect(seen == (3...402).map { Int64($0) })
      stream.cancel()
      await client.close()
      await others.close()
    }
  }
}
