import ArgumentParser
import Client
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
    let servers = try ProcessUsage.processes(serverPids)
    let before = servers.map { ProcessUsage(of: $0)?.cpuNanoseconds ?? 0 }
    let report: WatchLoadReport
    do throws(Load.Failure) {
      report = try await load.run()
    } catch {
      switch error {
      case .malformed(let text): throw CommandFailure(.badArguments, text)
      case .unreachable(let text): throw CommandFailure(.badConnection, text)
      }
    }
    let after = servers.map { ProcessUsage(of: $0) }
    let cpu = zip(before, after).reduce(Int64(0)) { $0 + ($1.1?.cpuNanoseconds ?? $1.0) - $1.0 }
    StandardStreams.write(text(report, load, cpuNanoseconds: cpu))
    for (process, usage) in zip(servers, after) {
      let memory = usage?.anonymousBytes.map { "\($0 / 1_000_000) MB" } ?? "unknown"
      StandardStreams.write("  process \(process): anonymous memory \(memory)\n")
    }
    for (text, count) in report.errors.sorted(by: { $0.key < $1.key }) {
      StandardStreams.writeError("\(count) × \(text)\n")
    }
    guard report.errors.isEmpty else { throw CommandFailure(.failed, "not every event came") }
  }

  private func text(_ report: WatchLoadReport, _ load: WatchLoad, cpuNanoseconds: Int64) -> String {
    func milliseconds(_ share: Double) -> String {
      String(format: "%.2f ms", Double(report.delays.percentile(share)) / 1e6)
    }
    let seconds = report.elapsed / .seconds(1)
    let cpu = Double(cpuNanoseconds) / 1e3 / Double(max(report.events, 1))
    return """
      \(load.watchers) watchers on \(load.streams) streams, \(load.events) events: \
      \(Int(report.perSecond.rounded())) events/s
      delay p50 \(milliseconds(0.5))   p99 \(milliseconds(0.99))   max \(milliseconds(1))
      \(report.events) events in \(report.answers) answers in \(String(format: "%.2f", seconds)) s\
      \(cpuNanoseconds > 0 ? String(format: "; servers' CPU an event %.2f µs", cpu) : "")

      """
  }
}
