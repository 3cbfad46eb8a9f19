import LoadGenerator
import ArgumentParser
import QuorateClient
import EtcdAPI
import Foundation

struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Check what a running store is capable of.",
    subcommands: [CheckPerf.self, CheckDatascale.self])
}

struct CheckPerf: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "perf", abstract: "Check whether the store bears a load of writes, for a minute.",
    usage: "quorate check perf [options]",
    discussion: """
      Loads: s (150 writes a second by 50 clients), m (1000 by 200), l (8000 by 500), xl (15000 by \
      1000). It passes with nine tenths of the writes, none above 500 ms, and a standard deviation \
      of at most 100 ms. The keys are deleted at the end.
      """)

  @OptionGroup var flags: ClientFlags

  @Option(name: .long, help: "s(small), m(medium), l(large) or xl(xLarge).")
  var load = "s"

  @Option(name: .long, help: "What the keys begin with.")
  var prefix = "/etcdctl-check-perf/"

  @Flag(name: .long, help: "Compact the store at the end.")
  var autoCompact = false

  @Flag(name: .long, help: "Give the free pages of each endpoint's files back at the end.")
  var autoDefrag = false

  /// etcd etcdctl/ctlv3/command/check.go, `checkPerfCfgMap`.
  struct Model: Equatable {
    var writesPerSecond: Int
    var clients: Int

    init?(named name: String) {
      switch name {
      case "s", "small": (writesPerSecond, clients) = (150, 50)
      case "m", "medium": (writesPerSecond, clients) = (1_000, 200)
      case "l", "large": (writesPerSecond, clients) = (8_000, 500)
      case "xl", "xLarge": (writesPerSecond, clients) = (15_000, 1_000)
      default: return nil
      }
    }
  }

  private static let time = Duration.seconds(60)

  func run() async throws {
    guard let model = Model(named: load) else {
      throw CommandFailure(.badFeature, "unknown load option \(load)")
    }
    let span = try KeySpan.span(key: prefix, end: nil, prefix: true, fromKey: false)
    try await expectNoKeys(in: span)
    let report = try await measure(model)
    try await tidyUp(span)
    let verdict = PerfVerdict(report, model)
    StandardStreams.write(verdict.lines.map { $0 + "\n" }.joined())
    guard verdict.isPassed else { throw ExitCode(ClientExit.failed.rawValue) }
  }

  private func expectNoKeys(in span: (key: Data, end: Data)) async throws {
    let request = EtcdRangeRequest.make {
      ($0.key, $0.rangeEnd) = span
      $0.limit = 1
    }
    let found = try await flags.withClient { client throws(ClientError) in
      try await client.range(request).message
    }
    guard found.kvs.isEmpty else {
      throw CommandFailure(
        .invalidInput,
        "prefix \(GoText.quoted(prefix.utf8)) has keys. "
          + "Delete with `quorate del --prefix \(prefix)` first")
    }
  }

  private func measure(_ model: Model) async throws -> LoadReport {
    var load = Load(operation: .put, endpoints: try flags.chosenEndpoints())
    load.prefix = prefix
    load.clients = model.clients
    load.connections = min(model.clients, 50)
    load.rate = Double(model.writesPerSecond)
    load.extent = .time(Self.time)
    load.warmUp = 0
    load.keyBytes = prefix.utf8.count + 256
    load.valueBytes = 1_024
    load.keys = model.writesPerSecond * 60
    load.order = .sequential
    do {
      let session = try await LoadSession.open(load)
      let report = await session.measure { moment in
        let seconds = Int(moment.elapsed / .seconds(1))
        StandardStreams.writeError("\r\(seconds) / 60 s, \(moment.answered) writes")
      }
      StandardStreams.writeError("\n")
      await session.close()
      return report
    } catch {
      throw CommandFailure(.badConnection, error.description)
    }
  }

  private func tidyUp(_ span: (key: Data, end: Data)) async throws {
    let endpoints = try flags.chosenEndpoints()
    let (compacts, defragments) = (autoCompact, autoDefrag)
    try await flags.withClient(at: endpoints) { client throws(ClientError) in
      let deleted = try await client.deleteRange(.make { ($0.key, $0.rangeEnd) = span })
      if compacts {
        let revision = deleted.message.header.revision
        StandardStreams.write("Compacting with revision \(revision)\n")
        _ = try await client.compact(
          .make {
            $0.revision = revision
            $0.physical = true
          })
        StandardStreams.write("Compacted with revision \(revision)\n")
      }
      guard defragments else { return }
      for endpoint in endpoints {
        let name = GoText.quoted(endpoint.description.utf8)
        StandardStreams.write("Defragmenting \(name)\n")
        _ = try await client.defragment(endpoint)
        StandardStreams.write("Defragmented \(name)\n")
      }
    }
  }
}

/// What a measurement says, in etcdctl's sentences.
struct PerfVerdict: Equatable {
  var lines: [String] = []
  var isPassed = true

  init(_ report: LoadReport, _ model: CheckPerf.Model) {
    if !report.errors.isEmpty {
      fail("FAIL: too many errors")
      for (text, count) in report.errors.sorted(by: { $0.key < $1.key }) {
        lines.append("FAIL: ERROR(\(text)) -> \(count)")
      }
    }
    let rate = report.perSecond
    if rate / Double(model.writesPerSecond) <= 0.9 {
      fail("FAIL: Throughput too low: \(Int(rate) + 1) writes/s")
    } else {
      lines.append("PASS: Throughput is \(Int(rate) + 1) writes/s")
    }
    let slowest = Double(report.latencies.maximum) / 1e9
    if slowest > 0.5 {
      fail("Slowest request took too long: \(Self.text(slowest))s")
    } else {
      lines.append("PASS: Slowest request took \(Self.text(slowest))s")
    }
    let deviation = report.latencies.standardDeviation / 1e9
    if deviation > 0.1 {
      fail("Stddev too high: \(Self.text(deviation))s")
    } else {
      lines.append("PASS: Stddev is \(Self.text(deviation))s")
    }
    lines.append(isPassed ? "PASS" : "FAIL")
  }

  private mutating func fail(_ line: String) {
    isPassed = false
    lines.append(line)
  }

  /// Go's `%f`.
  private static func text(_ seconds: Double) -> String { String(format: "%.6f", seconds) }
}
