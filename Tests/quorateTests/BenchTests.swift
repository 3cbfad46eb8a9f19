import LoadGenerator
import ArgumentParser
import QuorateClient
import Foundation
import Testing

@testable import quorate

@Suite struct `A benchmark's command line` {
  private func command(_ words: String...) throws -> BenchCommand {
    try BenchCommand.parse(words + ["--endpoints", "a:1,b:2"])
  }

  @Test func `every flag reaches the load`() throws {
    let load = try command(
      "range", "--clients", "7", "--connections", "3", "--threads", "2", "--seconds", "1.5",
      "--rate", "50", "--warm-up", "4", "--value-size", "9", "--key-size", "30", "--keys", "500",
      "--sequential", "--seed", "8", "--limit", "20", "--timeout", "3s"
    ).load()
    #expect(load.operation == .range && load.endpoints.map(\.port) == [1, 2])
    #expect(load.clients == 7 && load.connections == 3 && load.threads == 2)
    #expect(load.extent == .time(.seconds(1.5)) && load.rate == 50 && load.warmUp == 4)
    #expect(load.valueBytes == 9 && load.keyBytes == 30 && load.keys == 500 && load.limit == 20)
    #expect(load.order == .sequential && load.seed == 8 && load.timeout == .seconds(3))
  }

  @Test func `without an extent it asks 20,000 times`() throws {
    #expect(try command("put").load().extent == .requests(20_000))
    #expect(try command("put", "--total", "5").load().extent == .requests(5))
  }

  @Test(
    arguments: [
      (
        ["putt"],
        "'putt' is no operation; it is one of "
          + "put, get, get-serializable, txn, range, page, lease, load"
      ),
      (["put", "--total", "1", "--seconds", "1"], "--total and --seconds exclude each other"),
      (["put", "--seconds", "0"], "the seconds must be above 0 and at most 1,000,000"),
      (["put", "--clients", "0"], "clients must be at least 1, not 0"),
      (["put", "--rate", "0"], "the rate must be above 0 and at most 10,000,000 a second"),
      (["put", "--key-size", "3"], "10000 keys need a key size of at least 10, not 3"),
    ] as [([String], String)])
  func `what makes no sense is one sentence and 128`(words: [String], text: String) throws {
    let command = try BenchCommand.parse(words + ["--endpoints", "a:1"])
    let failure = #expect(throws: CommandFailure.self) { try command.load() }
    #expect(failure?.text == text && failure?.exit == .badArguments)
  }

  @Test func `process ids are numbers`() throws {
    #expect(try command("put", "--server-pids", "12,7").servers() == [12, 7])
    for words in ["x", "0", "-4", "1,y"] {
      let command = try BenchCommand.parse(["put", "--server-pids=\(words)"])
      #expect(throws: CommandFailure.self) { try command.servers() }
    }
  }

  @Test func `the watches' bench refuses what is no process id before it connects`() async throws {
    let command = try BenchWatchCommand.parse(["--server-pids", "1,y", "--endpoints", "a:1"])
    let failure = await #expect(throws: CommandFailure.self) { try await command.run() }
    #expect(failure?.text == "'y' is no process id" && failure?.exit == .badArguments)
  }

  @Test func `the watches' bench names the endpoint that does not answer`() async throws {
    let command = try BenchWatchCommand.parse(["--endpoints", "127.0.0.1:1"])
    let failure = await #expect(throws: CommandFailure.self) { try await command.run() }
    #expect(failure?.text == "127.0.0.1:1: refused" && failure?.exit == .badConnection)
  }

  @Test func `a watch without a key is told as etcdctl tells it`() throws {
    let operation = try WatchOperation.parse([])
    let failure = #expect(throws: CommandFailure.self) {
      try operation.request(FlagEnvironment(values: [:]))
    }
    #expect(failure?.text == "bad number of arguments" && failure?.exit == .badArguments)
  }

  @Test func `a process that is not there is a sentence`() async throws {
    let failure = await #expect(throws: CommandFailure.self) {
      _ = try await BenchUsage.now(servers: [.max], endpoints: [])
    }
    #expect(failure?.text == "there is no process 2147483647 to measure")
  }
}

@Suite struct `A benchmark's report` {
  private func report() throws -> BenchReport {
    var load = Load(operation: .put, endpoints: [try Endpoint("a:1")])
    load.rate = 10
    var found = LoadReport()
    for microseconds in 1...1_000 { found.latencies.record(Int64(microseconds) * 1_000) }
    found.elapsed = .seconds(2)
    found.errors = ["etcdserver: no \"leader\"": 100]
    found.answerBytes = 29_000
    let own = getpid()
    let usage = try #require(ProcessUsage(of: own))
    var later = usage
    later.cpuNanoseconds += 50_000_000
    later.writtenBytes = usage.writtenBytes.map { $0 + 3_000_000 }
    let pages = [
      (10, 100), (30, 600),
    ].map { syncs, entries in
      MetricsPage(
        text: """
          etcd_disk_wal_fsync_duration_seconds_count \(syncs)
          etcd_server_proposals_committed_total \(entries)

          """)
    }
    return BenchReport(
      load, found,
      before: BenchUsage(
        clientCPUNanoseconds: 0, servers: [(own, usage)], pages: [pages[0]]),
      after: BenchUsage(
        clientCPUNanoseconds: 20_000_000, servers: [(own, later)], pages: [pages[1]]))
  }

  @Test func `the figures are a request's`() throws {
    let report = try report()
    #expect(report.requests == 1_000 && report.errorCount == 100 && report.perSecond == 450)
    #expect(report.clientCPUMicrosecondsPerOperation == 20)
    #expect(report.serverCPUMicrosecondsPerOperation == 50)
    #expect(report.answerBytesPerOperation == 29)
    #expect(report.syncs == .init(count: 20, perOperation: 0.02, entriesPerSync: 25))
    #expect(abs(report.latencyMicroseconds.p50 - 500) <= 0.5)
    #expect(abs(report.latencyMicroseconds.p999 - 999) <= 1)
    #expect(report.latencyMicroseconds.max == 1_000)
  }

  @Test func `the shape of the JSON is a promise`() throws {
    let json = try report().json
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    #expect(
      Set(object.keys)
        == [
          "answerBytesPerOperation", "clientCPUMicrosecondsPerOperation", "clients", "connections",
          "endpoints", "errorCount", "errors", "keyBytes", "keys", "latencyMicroseconds",
          "longestGapMilliseconds", "loop", "operation", "order", "perSecond", "rate", "requests",
          "seconds", "seed", "serverCPUMicrosecondsPerOperation", "servers", "syncs", "threads",
          "valueBytes", "writtenBytesPerOperation",
        ])
    let latency = try #require(object["latencyMicroseconds"] as? [String: Any])
    #expect(Set(latency.keys) == ["mean", "p50", "p90", "p99", "p999", "max"])
    let servers = try #require(object["servers"] as? [[String: Any]])
    #expect(servers.count == 1 && servers[0]["pid"] as? Int == Int(getpid()))
    #expect(object["errors"] as? [String: Int] == ["etcdserver: no \"leader\"": 100])
    #expect(object["loop"] as? String == "open" && !json.contains("\n"))
  }

  @Test func `for people, an open loop says what its latencies mean`() throws {
    let text = try report().text
    #expect(text.contains("450 requests/s"))
    #expect(text.contains("(from the intended start)"))
    #expect(text.contains("CPU a request: client 20.0 µs, servers 50.0 µs"))
    #expect(text.contains("log syncs of all members: 0.02 a request; 25.0 entries a sync"))
  }

  /// Linux counts what this very process does.
  @Test func `a process's use of the machine is seen`() throws {
    let before = try #require(ProcessUsage(of: getpid()))
    var sum: UInt64 = 0
    let ownBefore = ProcessUsage.ownCPUNanoseconds
    while ProcessUsage.ownCPUNanoseconds - ownBefore < 20_000_000 { sum &+= 1 }
    let after = try #require(ProcessUsage(of: getpid()))
    #expect(after.cpuNanoseconds - before.cpuNanoseconds >= 20_000_000, "\(sum)")
    let (resident, anonymous) = (after.residentBytes ?? 0, after.anonymousBytes ?? 0)
    #expect(resident > 1_000_000 && anonymous > 100_000 && anonymous < resident)
    #expect(ProcessUsage(of: .max) == nil)
  }
}
