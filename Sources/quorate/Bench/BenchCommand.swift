import LoadGenerator
import ArgumentParser
import QuorateClient
import Foundation

/// `quorate bench`: how fast a store answers, of any etcd v3 server.
struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measure any etcd v3 server.",
    discussion: """
      Each client sends its next request when its last one was answered. With --rate, requests \
      begin on a timetable instead, and a latency counts from the instant that the timetable \
      names: a server that stalls is charged for all that it kept waiting.

      load puts every key once, 100 a transaction: fill a store with it first.
      """)

  @OptionGroup var flags: ClientFlags

  @Option(name: .long, help: "Clients that ask at the same time.")
  var clients = 100

  @Option(name: .long, help: "Connections that they share, spread over the endpoints.")
  var connections = 10

  @Option(name: .long, help: "Threads that the connections are spread over.")
  var threads = 1

  @Option(name: .long, help: "Requests in all (default: 20000, without --seconds).")
  var total: Int?

  @Option(name: .long, help: "Seconds in which requests begin, instead of --total.")
  var seconds: Double?

  @Option(name: .long, help: "Requests a second on a timetable, of all clients together.")
  var rate: Double?

  @Option(name: .long, help: "Requests before measuring begins.")
  var warmUp = 1_000

  @Option(name: .long, help: "Bytes of a value.")
  var valueSize = 256

  @Option(name: .long, help: "Bytes of a key.")
  var keySize = 20

  @Option(name: .long, help: "Different keys.")
  var keys = 10_000

  @Flag(name: .long, help: "Use the keys in their order.")
  var sequential = false

  @Option(name: .long, help: "Which random keys: the same seed asks the same.")
  var seed: UInt64 = 1

  @Option(name: .long, help: "Keys of a range or a page.")
  var limit = 100

  @Option(name: .long, help: "How long an answer may take.")
  var timeout = GoDuration(.seconds(10))

  @Option(
    name: .long, help: "The servers' process ids, with commas: what do they use for a request?")
  var serverPids = ""

  @Argument(help: "put, get, get-serializable, txn, range, page, lease or load.")
  var operation: String

  func run() async throws {
    let load = try load()
    let format = try flags.printer().format
    guard format == .json || format == .simple else { throw CommandFailure.unsupported(format) }
    let report = try await measure(load)
    switch format {
    case .json: StandardStreams.write(try report.json + "\n")
    case .simple, .fields, .table, .protobuf: StandardStreams.write(report.text)
    }
    for (text, count) in report.errors.sorted(by: { $0.key < $1.key }) {
      StandardStreams.writeError("\(count) × \(text)\n")
    }
    guard report.errorCount < report.requests else {
      throw CommandFailure(.failed, "no request went well")
    }
  }

  /// The load that the flags describe.
  func load() throws(CommandFailure) -> Load {
    guard let kind = Load.Operation(rawValue: operation) else {
      let known = Load.Operation.allCases.map(\.rawValue).joined(separator: ", ")
      throw CommandFailure(.badArguments, "'\(operation)' is no operation; it is one of \(known)")
    }
    var load = Load(operation: kind, endpoints: try flags.chosenEndpoints())
    switch (total, seconds) {
    case (.some, .some):
      throw CommandFailure(.badArguments, "--total and --seconds exclude each other")
    case (let total?, nil): load.extent = .requests(total)
    case (nil, let seconds?):
      guard seconds > 0, seconds <= 1_000_000 else {
        throw CommandFailure(.badArguments, "the seconds must be above 0 and at most 1,000,000")
      }
      load.extent = .time(.seconds(seconds))
    case (nil, nil): break
    }
    load.clients = clients
    load.connections = connections
    load.threads = threads
    load.rate = rate
    load.warmUp = warmUp
    load.valueBytes = valueSize
    load.keyBytes = keySize
    load.keys = keys
    load.order = sequential ? .sequential : .random
    load.seed = seed
    load.limit = limit
    load.timeout = timeout.duration
    do throws(Load.Failure) {
      try load.check()
    } catch {
      throw CommandFailure(.badArguments, error.description)
    }
    return load
  }

  /// The processes of `--server-pids`.
  func servers() throws(CommandFailure) -> [Int32] {
    try ProcessUsage.processes(serverPids)
  }

  private func measure(_ load: Load) async throws(CommandFailure) -> BenchReport {
    let servers = try servers()
    let session: LoadSession
    do throws(Load.Failure) {
      session = try await LoadSession.open(load)
    } catch {
      throw CommandFailure(.badConnection, error.description)
    }
    let line = ProgressLine()
    do throws(CommandFailure) {
      await session.warmUp()
      let before = try await BenchUsage.now(servers: servers, endpoints: load.endpoints)
      let report = await session.measure { line.show($0) }
      line.clear()
      let after = try await BenchUsage.now(servers: servers, endpoints: load.endpoints)
      await session.close()
      return BenchReport(load, report, before: before, after: after)
    } catch {
      line.clear()
      await session.close()
      throw error
    }
  }
}

/// How far a load has come, on one line of the standard error; nothing unless that is a terminal.
struct ProgressLine: Sendable {
  private let isShown = isatty(2) == 1

  func show(_ moment: LoadMoment) {
    guard isShown else { return }
    let seconds = moment.elapsed / .seconds(1)
    let rate = Int(Double(moment.answered) / max(seconds, 0.001))
    StandardStreams.writeError(
      "\r\u{1B}[K\(Int(seconds)) s  \(moment.answered) answered  \(rate)/s  \(moment.failed) failed"
    )
  }

  func clear() {
    if isShown { StandardStreams.writeError("\r\u{1B}[K") }
  }
}
