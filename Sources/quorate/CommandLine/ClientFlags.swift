import ArgumentParser
import QuorateClient
import EtcdAPI
import Foundation

/// The flags of every command that talks to members, under etcdctl's names.
struct ClientFlags: ParsableArguments {
  @Option(
    name: .long,
    help: """
      Where members listen, with commas. Else QUORATE_ENDPOINTS, ETCDCTL_ENDPOINTS, the running \
      lab of this directory, or 127.0.0.1:2379.
      """)
  var endpoints: [String] = []

  @Option(name: .long, help: "How long one connection may take (default: 2s).")
  var dialTimeout: GoDuration?

  @Option(name: .long, help: "How long the command may take (default: 5s).")
  var commandTimeout: GoDuration?

  @Option(
    name: [.customShort("w"), .long],
    help: "simple, json, fields, table or protobuf (default: simple).")
  var writeOut: String?

  @Flag(name: .long, help: "Print keys and values in hexadecimal (simple only).")
  var hex = false

  @OptionGroup(visibility: .hidden) var foreign: ForeignFlags

  func chosenEndpoints() throws(CommandFailure) -> [Endpoint] {
    try foreign.refuse(Self.environment)
    do {
      return try EndpointDiscovery.endpoints(
        given: endpoints, environment: Self.environment.values,
        directory: FileManager.default.currentDirectoryPath)
    } catch {
      throw CommandFailure(.badArguments, error.description)
    }
  }

  func printer(
    valuesOnly: Bool = false, _ environment: FlagEnvironment = environment
  ) throws(CommandFailure) -> Printer {
    let name = writeOut ?? environment["WRITE_OUT"]?.value ?? OutputFormat.simple.rawValue
    guard let format = OutputFormat(rawValue: name) else {
      throw CommandFailure(.badFeature, "unsupported output format")
    }
    let isHexadecimal = try environment.isSet("HEX")
    return Printer(format: format, isHexadecimal: hex || isHexadecimal, valuesOnly: valuesOnly)
  }

  func options(
    _ environment: FlagEnvironment = environment
  ) throws(CommandFailure) -> ClientOptions {
    let (dial, command) = (
      try environment.duration("DIAL_TIMEOUT"), try environment.duration("COMMAND_TIMEOUT")
    )
    var options = ClientOptions()
    if let time = dialTimeout ?? dial { options.dialTimeout = time.duration }
    if let time = commandTimeout ?? command { options.callTimeout = time.duration }
    return options
  }

  /// A client for as long as a command wants.
  func client() throws(CommandFailure) -> EtcdClient {
    EtcdClient(endpoints: try chosenEndpoints(), options: try options())
  }

  static var environment: FlagEnvironment {
    FlagEnvironment(values: ProcessInfo.processInfo.environment)
  }

  /// Runs one exchange with the members, and closes the connections after it.
  ///
  /// Never inlined: Swift 6.3 crashes while it splits the coroutine of an inlined copy.
  @inline(never)
  func withClient<Answer>(
    at endpoints: [Endpoint]? = nil,
    _ body: (EtcdClient) async throws(ClientError) -> Answer
  ) async throws(CommandFailure) -> Answer {
    let options = try options()
    let chosen = if let endpoints { endpoints } else { try chosenEndpoints() }
    let client = EtcdClient(endpoints: chosen, options: options)
    do throws(ClientError) {
      let answer = try await body(client)
      await client.close()
      return answer
    } catch {
      await client.close()
      throw CommandFailure(error)
    }
  }
}

/// Says on the standard error how old a serializable answer may be.
func reportAge<Message>(of reply: Reply<Message>) {
  guard let sentence = ageSentence(of: reply) else { return }
  StandardStreams.writeError(sentence + "\n")
}

/// How old a serializable answer may be; `nil`: the server tells nothing of the kind, as etcd's.
func ageSentence<Message>(of reply: Reply<Message>) -> String? {
  guard let known = reply.revisionsBehind else { return nil }
  let age =
    reply.age.map { "at most \(GoText.duration($0)) old" }
    ?? "of unknown age, for the member has heard no leader since it started"
  let behind = known > 0 ? ", and up to \(known) revisions behind what the member knows of" : ""
  return "serializable: \(age)\(behind) (\(reply.endpoint))"
}

/// A duration as Go's flags take it: `2s`, `500ms`, `1m30s`.
struct GoDuration: ExpressibleByArgument, Equatable {
  var duration: Duration

  init(_ duration: Duration) { self.duration = duration }

  init?(argument: String) {
    let units: [(String, Duration)] = [
      ("ns", .nanoseconds(1)), ("us", .microseconds(1)), ("µs", .microseconds(1)),
      ("ms", .milliseconds(1)), ("s", .seconds(1)), ("m", .seconds(60)), ("h", .seconds(3600)),
    ]
    // Go's zero needs no unit.
    if argument == "0" {
      duration = .zero
      return
    }
    var rest = argument[...]
    var total = Duration.zero
    guard !rest.isEmpty else { return nil }
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isNumber || $0 == "." }
      let name = rest[digits.endIndex...].prefix { !$0.isNumber && $0 != "." }
      guard let number = Double(digits), number < 1e9,
        let unit = units.first(where: { $0.0 == name })
      else { return nil }
      total += unit.1 * number
      rest = rest[name.endIndex...]
    }
    duration = total
  }

  var defaultValueDescription: String { GoText.duration(duration) }
}
