import LoadGenerator
import QuorateClient
import Foundation

/// What `quorate bench` found, in the form that `-w json` prints.
struct BenchReport: Encodable {
  struct Latency: Encodable, Equatable {
    var mean: Double
    var p50: Double
    var p90: Double
    var p99: Double
    var p999: Double
    var max: Double
  }

  struct Server: Encodable {
    var pid: Int32
    var cpuMicrosecondsPerOperation: Double
    var writtenBytesPerOperation: Double?
    var residentBytes: Int64?
    var anonymousBytes: Int64?
  }

  /// How often the members synced their logs, as their `/metrics` tell.
  struct Syncs: Encodable, Equatable {
    /// Of all members together.
    var count: Double
    var perOperation: Double
    /// What one sync made durable, in entries: the mean over the members.
    var entriesPerSync: Double
  }

  var operation: String
  var endpoints: [String]
  var clients: Int
  var connections: Int
  var threads: Int
  /// `closed` or `open`.
  var loop: String
  var rate: Double?
  var keys: Int
  var keyBytes: Int
  var valueBytes: Int
  var order: String
  var seed: UInt64

  var requests: Int
  var seconds: Double
  var perSecond: Double
  var errors: [String: Int]
  var errorCount: Int
  var latencyMicroseconds: Latency
  var longestGapMilliseconds: Double
  var answerBytesPerOperation: Double
  var clientCPUMicrosecondsPerOperation: Double
  /// Of all given servers together.
  var serverCPUMicrosecondsPerOperation: Double?
  var writtenBytesPerOperation: Double?
  var servers: [Server]
  var syncs: Syncs?

  init(_ load: Load, _ report: LoadReport, before: BenchUsage, after: BenchUsage) {
    operation = load.operation.rawValue
    endpoints = load.endpoints.map(\.description)
    clients = load.clients
    connections = min(load.connections, load.clients)
    threads = min(load.threads, connections)
    loop = load.rate == nil ? "closed" : "open"
    rate = load.rate
    keys = load.keys
    keyBytes = load.keyBytes
    valueBytes = load.valueBytes
    order = load.operation == .load ? Load.Order.sequential.rawValue : load.order.rawValue
    seed = load.seed

    requests = report.requests
    seconds = report.elapsed / .seconds(1)
    perSecond = report.perSecond
    errors = report.errors
    errorCount = report.errorCount
    latencyMicroseconds = Latency(report.latencies)
    longestGapMilliseconds = report.longestGap / .milliseconds(1)
    let operations = Double(max(1, report.requests))
    answerBytesPerOperation = Double(report.answerBytes) / operations
    clientCPUMicrosecondsPerOperation =
      Double(after.clientCPUNanoseconds - before.clientCPUNanoseconds) / 1000 / operations
    servers = zip(before.servers, after.servers).map { before, after in
      Server(before.process, from: before.usage, to: after.usage, operations)
    }
    syncs = Syncs(from: before.pages, to: after.pages, operations)
    guard !servers.isEmpty else { return }
    serverCPUMicrosecondsPerOperation =
      servers.map(\.cpuMicrosecondsPerOperation).reduce(0, +)
    let written = servers.compactMap(\.writtenBytesPerOperation)
    writtenBytesPerOperation = written.count == servers.count ? written.reduce(0, +) : nil
  }

  var json: String { get throws { try Self.json(of: self) } }

  static func json(of report: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(report), as: UTF8.self)
  }
}

/// What client and servers have used at one instant.
struct BenchUsage {
  typealias Server = (process: Int32, usage: ProcessUsage)

  var clientCPUNanoseconds: Int64
  var servers: [Server]
  /// In the endpoints' order; `nil`: the endpoint has no such page.
  var pages: [MetricsPage?]

  /// *Throws* when a server's process is not there.
  static func now(
    servers processes: [Int32], endpoints: [Endpoint]
  ) async throws(CommandFailure) -> BenchUsage {
    var pages: [MetricsPage?] = []
    for endpoint in endpoints { pages.append(await MetricsPage.fetch(from: endpoint)) }
    return BenchUsage(
      clientCPUNanoseconds: ProcessUsage.ownCPUNanoseconds, servers: try now(processes),
      pages: pages)
  }

  /// *Throws* when a process is not there.
  static func now(_ processes: [Int32]) throws(CommandFailure) -> [Server] {
    try processes.map { process throws(CommandFailure) in
      guard let usage = ProcessUsage(of: process) else {
        throw CommandFailure(.badArguments, "there is no process \(process) to measure")
      }
      return (process, usage)
    }
  }
}

extension BenchReport.Latency {
  init(_ latencies: LatencyHistogram) {
    func microseconds(_ share: Double) -> Double { Double(latencies.percentile(share)) / 1000 }
    self.init(
      mean: latencies.mean / 1000, p50: microseconds(0.5), p90: microseconds(0.9),
      p99: microseconds(0.99), p999: microseconds(0.999), max: microseconds(1))
  }
}

extension BenchReport.Server {
  init(
    _ process: Int32, from before: ProcessUsage, to after: ProcessUsage, _ operations: Double
  ) {
    pid = process
    cpuMicrosecondsPerOperation =
      Double(after.cpuNanoseconds - before.cpuNanoseconds) / 1000 / operations
    if let first = before.writtenBytes, let last = after.writtenBytes {
      writtenBytesPerOperation = Double(last - first) / operations
    }
    residentBytes = after.residentBytes
    anonymousBytes = after.anonymousBytes
  }
}

extension BenchReport.Syncs {
  private static let synced = "etcd_disk_wal_fsync_duration_seconds_count"
  private static let committed = "etcd_server_proposals_committed_total"

  /// `nil` unless every member told.
  init?(from before: [MetricsPage?], to after: [MetricsPage?], _ operations: Double) {
    var (syncs, entries) = (0.0, 0.0)
    for (first, last) in zip(before, after) {
      guard let synced = first?[Self.synced], let nowSynced = last?[Self.synced],
        let committed = first?[Self.committed], let nowCommitted = last?[Self.committed]
      else { return nil }
      syncs += nowSynced - synced
      entries += nowCommitted - committed
    }
    self.init(
      count: syncs, perOperation: syncs / operations,
      entriesPerSync: syncs > 0 ? entries / syncs : 0)
  }
}
