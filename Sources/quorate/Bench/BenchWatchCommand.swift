import LoadGenerator
import ArgumentParser
import QuorateClient
import Foundation

/// `quorate bench-watch`: how many events a second reach their watchers, of any etcd v3 server.
struct BenchWatchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench-watch", abstract: "Measure the watches of any etcd v3 server.",
    discussion: """
      Every watcher watches one prefix, and every put below it is an event for each of them. A \
      delay counts from the sending of the put to the arrival of the event.
      """)

  @OptionGroup var flags: ClientFlags

  @Option(name: .long, help: "Watchers; each gets every event.")
  var watchers = 100

  @Option(name: .long, help: "Streams that they share.")
  var streams = 10

  @Option(name: .long, help: "Connections that the streams share.")
  var connections = 10

  @Option(name: .long, help: "Puts, each one event.")
  var events = 1_000

  @Option(name: .long, help: "Puts under way at a time.")
  var writers = 10

  @Option(name: .long, help: "Puts a second on a timetable.")
  var rate: Double?

  @Option(name: .long, help: "Bytes of a value.")
  var valueSize = 256

  @Option(
    name: .long, help: "The servers' process ids, with commas: what do they use for an event?")
  var serverPids = ""

  func run() async throws {
    var load = WatchLoad(endpoints: try flags.chosenEndpoints())
    load.watchers = watchers
    load.streams = streams
    load.connections = connections
    load.events = events
    load.writers = writers
    load.rate = rate
    load.valueBytes = valueSize
    let format = try flags.printer().format
    guard format == .json || format == .simple else { throw CommandFailure.unsupported(format) }
    let servers = try ProcessUsage.processes(serverPids)
    let before = try BenchUsage.now(servers)
    let report: WatchLoadReport
    do throws(Load.Failure) {
      report = try await load.run()
    } catch {
      switch error {
      case .malformed(let text): throw CommandFailure(.badArguments, text)
      case .unreachable(let text): throw CommandFailure(.badConnection, text)
      }
    }
    let found = BenchWatchReport(load, report, before: before, after: try BenchUsage.now(servers))
    StandardStreams.write(format == .json ? try found.json + "\n" : found.text)
    for (text, count) in report.errors.sorted(by: { $0.key < $1.key }) {
      StandardStreams.writeError("\(count) × \(text)\n")
    }
    guard report.errors.isEmpty else { throw CommandFailure(.failed, "not every event came") }
  }
}

/// What `quorate bench-watch` found, in the form that `-w json` prints.
struct BenchWatchReport: Encodable {
  var watchers: Int
  var streams: Int
  var connections: Int
  var puts: Int
  var writers: Int
  var rate: Double?
  var valueBytes: Int

  /// Each watcher's of each put.
  var events: Int
  var answers: Int
  var seconds: Double
  var perSecond: Double
  var delayMicroseconds: BenchReport.Latency
  var errors: [String: Int]
  var errorCount: Int
  var serverCPUMicrosecondsPerEvent: Double?
  /// For each event.
  var servers: [BenchReport.Server]

  init(
    _ load: WatchLoad, _ report: WatchLoadReport, before: [BenchUsage.Server],
    after: [BenchUsage.Server]
  ) {
    watchers = load.watchers
    streams = load.streams
    connections = load.connections
    puts = load.events
    writers = load.writers
    rate = load.rate
    valueBytes = load.valueBytes
    events = report.events
    answers = report.answers
    seconds = report.elapsed / .seconds(1)
    perSecond = report.perSecond
    delayMicroseconds = BenchReport.Latency(report.delays)
    errors = report.errors
    errorCount = report.errors.values.reduce(0, +)
    servers = zip(before, after).map { before, after in
      BenchReport.Server(
        before.process, from: before.usage, to: after.usage, Double(max(1, report.events)))
    }
    guard !servers.isEmpty else { return }
    serverCPUMicrosecondsPerEvent = servers.map(\.cpuMicrosecondsPerOperation).reduce(0, +)
  }

  var json: String { get throws { try BenchReport.json(of: self) } }

  var text: String {
    func milliseconds(_ microseconds: Double) -> String {
      String(format: "%.2f ms", microseconds / 1000)
    }
    let cpu = serverCPUMicrosecondsPerEvent.map {
      String(format: "; servers' CPU an event %.2f µs", $0)
    }
    let memory = servers.map { server in
      let size = server.anonymousBytes.map { "\($0 / 1_000_000) MB" } ?? "unknown"
      return "  process \(server.pid): anonymous memory \(size)\n"
    }
    let delay = delayMicroseconds
    return """
      \(watchers) watchers on \(streams) streams, \(puts) events: \
      \(Int(perSecond.rounded())) events/s
      delay p50 \(milliseconds(delay.p50))   p99 \(milliseconds(delay.p99))   \
      max \(milliseconds(delay.max))
      \(events) events in \(answers) answers in \(String(format: "%.2f", seconds)) s\(cpu ?? "")
      \(memory.joined())
      """
  }
}
