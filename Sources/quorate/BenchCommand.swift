import ArgumentParser
import Client

/// `quorate bench`: how fast a store answers, of any etcd v3 server.
struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measure puts or gets against any etcd v3 server.",
    discussion: "Each client sends its next request when its last one was answered.")

  @OptionGroup var flags: ClientFlags

  @Option(name: .long, help: "Clients that ask at the same time.")
  var clients = 100

  @Option(name: .long, help: "Connections that they share, spread over the endpoints.")
  var connections = 10

  @Option(name: .long, help: "Requests in all.")
  var total = 20_000

  @Option(name: .long, help: "Requests before measuring begins.")
  var warmUp = 1_000

  @Option(name: .long, help: "Bytes of a value.")
  var valueSize = 256

  @Option(name: .long, help: "Different keys.")
  var keys = 10_000

  @Argument(help: "put, get or get-serializable.")
  var operation: String

  func run() async throws {
    guard let kind = Load.Operation(rawValue: operation) else {
      let known = Load.Operation.allCases.map(\.rawValue).joined(separator: ", ")
      throw CommandFailure(.badArguments, "'\(operation)' is no operation; it is one of \(known)")
    }
    guard [clients, connections, total, keys].allSatisfy({ $0 > 0 }), warmUp >= 0, valueSize >= 0
    else { throw CommandFailure(.badArguments, "clients, connections, total and keys are above 0") }
    var load = Load(operation: kind, endpoints: try flags.chosenEndpoints())
    load.clients = clients
    load.connections = connections
    load.requests = total
    load.warmUp = warmUp
    load.valueBytes = valueSize
    load.keys = keys
    do {
      try report(await load.run())
    } catch let failure as Load.Failure {
      throw CommandFailure(.badConnection, failure.description)
    }
  }

  private func report(_ report: LoadReport) throws {
    let shares = [0.5, 0.9, 0.99, 0.999, 1]
    let latencies = report.percentiles(shares).map { Int($0 / .microseconds(1)) }
    let rate = Int(report.requestsPerSecond.rounded())
    switch try flags.printer().format {
    case .json:
      StandardStreams.write(
        #"{"operation":"\#(operation)","clients":\#(clients),"requests":\#(total),"#
          + #""errors":\#(report.errorCount),"perSecond":\#(rate),"p50us":\#(latencies[0]),"#
          + #""p90us":\#(latencies[1]),"p99us":\#(latencies[2]),"p999us":\#(latencies[3]),"#
          + #""maxus":\#(latencies[4])}"# + "\n")
    case .simple, .fields, .table:
      StandardStreams.write(
        """
        \(operation), \(clients) clients on \(connections) connections: \(rate) requests/s
        p50 \(latencies[0]) µs   p90 \(latencies[1]) µs   p99 \(latencies[2]) µs   \
        p99.9 \(latencies[3]) µs   max \(latencies[4]) µs
        \(report.errorCount) errors

        """)
    }
    for (text, count) in report.errors.sorted(by: { $0.key < $1.key }) {
      StandardStreams.writeError("\(count) × \(text)\n")
    }
  }
}
