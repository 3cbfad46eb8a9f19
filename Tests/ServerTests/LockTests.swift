import QuorateClient
import EtcdAPI
import Foundation
import NIOCore
import NIOPosix
import RPC
import Testing

@testable import Handlers
@testable import Host
@testable import Server

/// Locks and elections over real sockets and files.
@Suite(.serialized) struct LockTests {
  /// One call over a connection of its own, which ends with the task.
  private func call<Response: EtcdMessage>(
    _ method: String, _ request: some EtcdMessage, _ number: Int, _ cluster: TestCluster,
    timeout: Duration = .seconds(20)
  ) async throws -> (answer: Response?, outcome: CallOutcome) {
    let connection = try await RPCConnection.connect(
      host: "127.0.0.1", port: cluster.ports[number - 1].client,
      on: MultiThreadedEventLoopGroup.singleton.next())
    let outcome = await connection.call(method, request.encodedBytes, timeout: timeout)
    await connection.close()
    return (
      try outcome.message.map { try Response(decoding: Array($0.readableBytesView)) }, outcome
    )
  }

  private func lock(
    _ name: String, _ lease: Int64, at number: Int, _ cluster: TestCluster,
    timeout: Duration = .seconds(20)
  ) async throws -> (answer: EtcdLockResponse?, outcome: CallOutcome) {
    try await call(
      EtcdMethod.Lock.lock,
      EtcdLockRequest.make {
        $0.name = Data(name.utf8)
        $0.lease = lease
      }, number, cluster, timeout: timeout)
  }

  private func unlock(_ key: String, at number: Int, _ cluster: TestCluster) async throws {
    let ended: (EtcdUnlockResponse?, CallOutcome) = try await call(
      EtcdMethod.Lock.unlock, EtcdUnlockRequest.make { $0.key = Data(key.utf8) }, number, cluster)
    #expect(ended.1.status == .ok)
  }

  private func campaign(
    _ name: String, _ value: String, _ lease: Int64, at number: Int, _ cluster: TestCluster
  ) async throws -> EtcdLeaderKey {
    let won: (answer: EtcdCampaignResponse?, CallOutcome) = try await call(
      EtcdMethod.Election.campaign,
      EtcdCampaignRequest.make {
        ($0.name, $0.value) = (Data(name.utf8), Data(value.utf8))
        $0.lease = lease
      }, number, cluster)
    return try #require(won.answer).leader
  }

  private func grant(
    _ ids: [Int64], seconds: Int64 = 60, with client: EtcdClient, _ cluster: TestCluster
  ) async throws {
    try await cluster.put("first", "1", with: client)
    for id in ids { _ = try await client.grantLease(.make { ($0.id, $0.ttl) = (id, seconds) }) }
  }

  private func keys(_ name: String, _ client: EtcdClient) async throws -> [String] {
    let request = EtcdRangeRequest.make {
      ($0.key, $0.rangeEnd) = (Data("\(name)/".utf8), Data("\(name)0".utf8))
      ($0.sortTarget, $0.sortOrder) = (.create, .ascend)
    }
    return try await client.range(request).message.kvs.map {
      String(decoding: $0.key, as: UTF8.self)
    }
  }

  @Test func `a lock goes from hand to hand in the order of asking, and its token grows`()
    async throws
  {
    try await TestCluster.run(3) { cluster in
      let client = try cluster.client()
      try await grant([1, 2, 3], with: client, cluster)
      let first = try await lock("l", 1, at: 1, cluster)
      #expect(first.answer?.key == Data("l/1".utf8))
      var tokens = [first.outcome.trailers.first(QuorateMetadata.fencingToken)]
      async let second = lock("l", 2, at: 2, cluster)
      try await cluster.wait(for: "the second") {
        try await keys("l", client) == ["l/1", "l/2"]
      }
      async let third = lock("l", 3, at: 3, cluster)
      try await cluster.wait(for: "the third") { try await keys("l", client).count == 3 }
      try await unlock("l/1", at: 3, cluster)
      let two = try await second
      #expect(two.answer?.key == Data("l/2".utf8))
      #expect(try await keys("l", client) == ["l/2", "l/3"], "the third still waits")
      try await unlock("l/2", at: 1, cluster)
      let three = try await third
      #expect(three.answer?.key == Data("l/3".utf8))
      tokens += [two, three].map { $0.outcome.trailers.first(QuorateMetadata.fencingToken) }
      let numbers = tokens.compactMap { $0.flatMap { Int64($0) } }
      #expect(numbers.count == 3 && numbers == numbers.sorted() && Set(numbers).count == 3)
      for (key, token) in zip(["l/3"], [numbers[2]]) {
        let pair = try await client.range(.make { $0.key = Data(key.utf8) }).message.kvs.first
        #expect(pair?.createRevision == token)
      }
      await client.close()
    }
  }

  @Test func `who gives up waiting leaves the queue, by its deadline or by going away`()
    async throws
  {
    try await TestCluster.run(1) { cluster in
      let client = try cluster.client(1)
      try await grant([1, 2, 3], with: client, cluster)
      _ = try await lock("l", 1, at: 1, cluster)
      let late = try await lock("l", 2, at: 1, cluster, timeout: .milliseconds(200))
      #expect(late.outcome.status.code == .deadlineExceeded)
      try await cluster.wait(for: "the key of who came late to go") {
        try await keys("l", client) == ["l/1"]
      }
      let gone: CallStream<EtcdLockRequest, EtcdLockResponse> = try await client.open(
        EtcdMethod.Lock.lock, at: client.endpoints[0])
      _ = await gone.send(
        .make {
          $0.name = Data("l".utf8)
          $0.lease = 3
        })
      gone.halfClose()
      try await cluster.wait(for: "the third") { try await keys("l", client).count == 2 }
      gone.cancel()
      try await cluster.wait(for: "the key of who is gone to go") {
        try await keys("l", client) == ["l/1"]
      }
      let page = try await cluster.page(1, "/metrics")
      #expect(String(decoding: page.body, as: UTF8.self).contains("quorate_contests 0\n"))
      #expect(String(decoding: page.body, as: UTF8.self).contains("mvcc_watcher_total 0\n"))
      await client.close()
    }
  }

  @Test func `who loses its lease while waiting is told before its turn would come`()
    async throws
  {
    try await TestCluster.run(3) { cluster in
      let client = try cluster.client()
      try await grant([1, 2], with: client, cluster)
      _ = try await lock("l", 1, at: 1, cluster)
      async let second = lock("l", 2, at: 2, cluster)
      try await cluster.wait(for: "the second") { try await keys("l", client).count == 2 }
      _ = try await client.revokeLease(2)
      let told = try await second.outcome.status
      #expect(told == RPCStatus(.unknown, "mutex: session is expired"))
      #expect(try await keys("l", client) == ["l/1"])
      await client.close()
    }
  }

  /// It may go on waiting elsewhere with the same lease, and has not lost its place.
  @Test func `who waits at a member that is cut off is told, and keeps its place`() async throws {
    try await TestCluster.run(3, isLab: true) { cluster in
      let client = try cluster.client(2, 3)
      try await grant([1, 2, 3], with: client, cluster)
      _ = try await lock("l", 1, at: 2, cluster)
      async let waiting = lock("l", 2, at: 1, cluster)
      try await cluster.wait(for: "the second") { try await keys("l", client).count == 2 }
      try await cluster.setLinks(of: 1, "silent")
      #expect(try await waiting.outcome.status == RPCStatus(.noLeader))
      async let third = lock("l", 3, at: 2, cluster)
      try await cluster.wait(for: "the third") { try await keys("l", client).count == 3 }
      try await unlock("l/1", at: 3, cluster)
      let again = try await lock("l", 2, at: 3, cluster)
      #expect(again.answer?.key == Data("l/2".utf8))
      try await unlock("l/2", at: 3, cluster)
      #expect(try await third.answer?.key == Data("l/3".utf8))
      await client.close()
    }
  }

  @Test func `calls that wait are bounded`() async throws {
    try await TestCluster.run(1, started: false) { cluster in
      try await cluster.start(1) { _ in
      } settings: {
        $0.locks.callsLimit = 1
      }
      let client = try cluster.client(1)
      try await grant([1, 2], with: client, cluster)
      _ = try await lock("l", 1, at: 1, cluster)
      // Each client loop has its own bound.
      var refused = 0
      try await withThrowingTaskGroup(of: RPCStatus.self) { group in
        for _ in 0..<8 {
          group.addTask {
            try await self.lock("l", 2, at: 1, cluster, timeout: .seconds(2)).outcome.status
          }
        }
        for try await status in group where status == RPCStatus(.tooManyRequests) { refused += 1 }
      }
      #expect(refused >= 4)
      await client.close()
    }
  }

  @Test func `a call that is no call is refused in grpc-go's manner`() async throws {
    try await TestCluster.run(1) { cluster in
      let client = try cluster.client(1)
      try await grant([], with: client, cluster)
      let two: CallStream<EtcdLockRequest, EtcdLockResponse> = try await client.open(
        EtcdMethod.Lock.lock, at: client.endpoints[0])
      for _ in 0..<2 { _ = await two.send(.make { $0.name = Data("l".utf8) }) }
      await #expect(throws: CallFailure.self) { _ = try await two.next() }
      let none: CallStream<EtcdLockRequest, EtcdLockResponse> = try await client.open(
        EtcdMethod.Lock.lock, at: client.endpoints[0])
      none.halfClose()
      await #expect(throws: CallFailure.self) { _ = try await none.next() }
      await client.close()
    }
  }

  // MARK: Elections

  @Test func `observers hear of every leader and every word, at any member`() async throws {
    try await TestCluster.run(3) { cluster in
      let client = try cluster.client()
      try await grant([1, 2], with: client, cluster)
      var observers: [CallStream<EtcdLeaderRequest, EtcdLeaderResponse>] = []
      for number in 1...3 {
        let observer = try cluster.client(number)
        let stream: CallStream<EtcdLeaderRequest, EtcdLeaderResponse> = try await observer.open(
          EtcdMethod.Election.observe, at: observer.endpoints[0])
        _ = await stream.send(.make { $0.name = Data("e".utf8) })
        stream.halfClose()
        observers.append(stream)
      }
      let one = try await campaign("e", "one", 1, at: 1, cluster)
      async let second = campaign("e", "two", 2, at: 2, cluster)
      try await cluster.wait(for: "the second") { try await keys("e", client).count == 2 }
      for round in 1...50 {
        let said: (EtcdProclaimResponse?, CallOutcome) = try await call(
          EtcdMethod.Election.proclaim,
          EtcdProclaimRequest.make {
            $0.leader = one
            $0.value = Data("word \(round)".utf8)
          }, round % 3 + 1, cluster)
        #expect(said.1.status == .ok)
      }
      let resigned: (EtcdResignResponse?, CallOutcome) = try await call(
        EtcdMethod.Election.resign, EtcdResignRequest.make { $0.leader = one }, 3, cluster)
      #expect(resigned.1.status == .ok)
      let two = try await second
      #expect(two.rev > one.rev)
      for stream in observers {
        var words: [String] = []
        while words.last != "two", let answer = try await stream.next() {
          words.append(String(decoding: answer.kv.value, as: UTF8.self))
        }
        // A slow observer may come after the first words; from there on nothing is left out.
        let all = ["one"] + (1...50).map { "word \($0)" } + ["two"]
        #expect(words == Array(all.suffix(words.count)) && words.count > 1)
        stream.cancel()
      }
      await client.close()
    }
  }

  /// 2,000 proclamations of 4 KB to a client that reads none of them until the end.
  @Test func `an observer that does not read holds nothing up and misses nothing`() async throws {
    try await TestCluster.run(1) { cluster in
      let client = try cluster.client(1)
      try await grant([1], with: client, cluster)
      let leader = try await campaign("e", "0", 1, at: 1, cluster)
      let stream: CallStream<EtcdLeaderRequest, EtcdLeaderResponse> = try await client.open(
        EtcdMethod.Election.observe, at: client.endpoints[0])
      _ = await stream.send(.make { $0.name = Data("e".utf8) })
      stream.halfClose()
      #expect(try await stream.next()?.kv.value == Data("0".utf8))
      let filling = String(repeating: "-", count: 4_000)
      for round in 1...2_000 {
        _ = try await client.txn(
          LockRequests.proclaim(leader, value: Data("\(round)\(filling)".utf8)))
      }
      for round in 1...2_000 {
        let answer = try await stream.next()
        let word = String(
          decoding: answer?.kv.value.prefix { $0 != UInt8(ascii: "-") } ?? Data(), as: UTF8.self)
        guard word == "\(round)" else {
          Issue.record("word \(round) came as \(word)")
          break
        }
      }
      stream.cancel()
      await client.close()
    }
  }
}
