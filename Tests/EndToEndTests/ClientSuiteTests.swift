import QuorateClient
import EtcdAPI
import Foundation
import Synchronization
import Testing

/// A server that the client library is tried on: ours, or etcd 3.5.1.
enum ServerUnderTest: String, CaseIterable, CustomTestStringConvertible {
  case quorate, etcd

  var testDescription: String { rawValue }

  /// Those that are installed.
  static let installed: [Self] = etcdProgram == nil ? [.quorate] : allCases

  /// What `make setup` fetched, else the one in PATH; `nil`: there is none.
  static let etcdProgram: String? = {
    let fetched = FileManager.default.currentDirectoryPath + "/.build/python/etcd"
    if FileManager.default.isExecutableFile(atPath: fetched) { return fetched }
    return Shell.has("etcd") ? "etcd" : nil
  }()

  /// Runs a test on a new server, and leaves nothing of it behind.
  func run(_ test: (EtcdClient) async throws -> Void) async throws {
    switch self {
    case .quorate:
      let lab = try TestLab(members: 3)
      let client = try lab.client()
      try await test(client)
      await client.close()
    case .etcd:
      let server = try EtcdServer(Self.etcdProgram ?? "etcd")
      let client = EtcdClient(endpoints: [try Endpoint("127.0.0.1:\(server.port)")])
      try await eventuallyAsking("etcd serves", within: 20) {
        (try? await client.put("first", "1")) != nil
      }
      try await test(client)
      await client.close()
    }
  }
}

/// For what several tasks write down.
private final class Shared<Value: Sendable>: Sendable {
  let value: Mutex<Value>

  init(_ value: Value) { self.value = Mutex(value) }
}

/// An etcd of one member, on files that go with it.
private final class EtcdServer {
  let port: Int
  private let process = Process()
  private let directory: String

  init(_ program: String) throws {
    let ports = try FreePorts.find(2)
    port = ports[0]
    directory = NSTemporaryDirectory() + "quorate-etcd-\(UUID().uuidString)"
    let (client, peer) = ("http://127.0.0.1:\(ports[0])", "http://127.0.0.1:\(ports[1])")
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
      program, "--data-dir", directory, "--listen-client-urls", client,
      "--advertise-client-urls", client, "--listen-peer-urls", peer,
      "--initial-advertise-peer-urls", peer, "--initial-cluster", "default=\(peer)",
    ]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
  }

  deinit {
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    try? FileManager.default.removeItem(atPath: directory)
  }
}

extension EndToEnd {
  /// One client library, any etcd v3 server: each test on ours and on etcd 3.5.1.
  @Suite struct `The client library on any server` {
    private func next(_ leaders: inout LeaderIterator) async throws -> String? {
      try await leaders.next().map { String(decoding: $0.value, as: UTF8.self) }
    }

    @Test(arguments: ServerUnderTest.installed)
    func `a lock is held by one at a time, with a token that grows`(
      _ server: ServerUnderTest
    ) async throws {
      try await server.run { client in
        let seen = Shared((holders: 0, tokens: [Int64]()))
        try await withThrowingTaskGroup(of: Void.self) { group in
          for _ in 0..<10 {
            group.addTask {
              try await client.withLock("l", seconds: 10) { claim in
                let others = seen.value.withLock { seen in
                  seen.tokens.append(claim.fencingToken)
                  seen.holders += 1
                  return seen.holders
                }
                #expect(others == 1)
                try await Task.sleep(for: .milliseconds(20))
                seen.value.withLock { $0.holders -= 1 }
              }
            }
          }
          try await group.waitForAll()
        }
        let tokens = seen.value.withLock { $0.tokens }
        #expect(tokens.count == 10 && tokens == tokens.sorted() && Set(tokens).count == 10)
        #expect(try await client.leases().message.leases.isEmpty)
      }
    }

    @Test(arguments: ServerUnderTest.installed)
    func `who loses a lock is cancelled, and writes no more by its condition`(
      _ server: ServerUnderTest
    ) async throws {
      try await server.run { client in
        let write = { @Sendable (claim: Claim) in
          try await client.txn(
            .make {
              $0.compare = [claim.isHeld]
              $0.success = [
                .make { $0.requestPut = .make { $0.key = Data("guarded".utf8) } }
              ]
            }
          ).message.succeeded
        }
        let lost = Shared<Claim?>(nil)
        await #expect(throws: ClaimLost.self) {
          try await client.withLock("l", seconds: 10) { claim in
            #expect(try await write(claim))
            lost.value.withLock { $0 = claim }
            _ = try await client.deleteRange(.make { $0.key = claim.key })
            try await Task.sleep(for: .seconds(30))
          }
        }
        let claim = try #require(lost.value.withLock { $0 })
        #expect(try await !write(claim))
      }
    }

    @Test(arguments: ServerUnderTest.installed)
    func `who is cancelled while it waits leaves the queue`(
      _ server: ServerUnderTest
    ) async throws {
      try await server.run { client in
        let prefix = EtcdRangeRequest.make {
          ($0.key, $0.rangeEnd) = (Data("l/".utf8), Data("l0".utf8))
        }
        try await client.withLock("l", seconds: 10) { _ in
          let waiter = Task {
            try await client.withLock("l", seconds: 10) { _ in Issue.record("two hold it") }
          }
          try await eventuallyAsking("the second waits", within: 10) {
            try await client.range(prefix).message.count == 2
          }
          waiter.cancel()
          _ = await waiter.result
          #expect(try await client.range(prefix).message.count == 1)
        }
      }
    }

    @Test(arguments: ServerUnderTest.installed)
    func `observers follow leaders and what they proclaim, over a compaction`(
      _ server: ServerUnderTest
    ) async throws {
      try await server.run { client in
        var words = client.observe("e").makeAsyncIterator()
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        let first = Task {
          try await client.withLeadership(of: "e", saying: "one", seconds: 10) { claim in
            for word in ["two", "three"] { try await client.proclaim(word, as: claim) }
            for await _ in ends { break }
            return claim
          }
        }
        // Who looks late begins with what is said then.
        var seen = try await next(&words)
        while seen == "one" || seen == "two" { seen = try await next(&words) }
        #expect(seen == "three")
        let second = Task {
          try await client.withLeadership(of: "e", saying: "four", seconds: 10) { claim in
            try await Task.sleep(for: .seconds(3600))
          }
        }
        let revision = try await client.put("other", "1")
        _ = try await client.compact(.make { $0.revision = revision })
        end.finish()
        let past = try await first.value
        #expect(try await next(&words) == "four")
        #expect(try await client.leader(of: "e")?.value == Data("four".utf8))
        await #expect(throws: ClaimLost.self) {
          try await client.proclaim("five", as: past)
        }
        second.cancel()
        _ = await second.result
        #expect(try await client.leader(of: "e") == nil)
      }
    }
  }
}
