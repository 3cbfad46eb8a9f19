import ArgumentParser
import QuorateClient
import EtcdAPI
import Foundation

struct GetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "get", abstract: "Print a key or a range of keys.",
    usage: "quorate get [options] <key> [range_end]")

  @OptionGroup var flags: ClientFlags
  @OptionGroup var operation: GetOperation

  @Option(name: .long, help: "Of a serializable read: the oldest state it accepts, as 500ms.")
  var maxStaleness: GoDuration?

  func run() async throws {
    let request = try operation.request()
    let printer = try flags.printer(valuesOnly: operation.printValueOnly)
    if operation.printValueOnly && printer.format != .simple {
      throw CommandFailure(
        .badArguments, "print-value-only is only for `--write-out=simple`")
    }
    if operation.countOnly && printer.format == .simple {
      throw CommandFailure(.badArguments, "--count-only is only for `--write-out=fields`")
    }
    if maxStaleness != nil && !request.serializable {
      throw CommandFailure(
        .badArguments, "--max-staleness is only for `--consistency=serializable`")
    }
    let bound = maxStaleness?.duration
    let reply = try await flags.withClient { client throws(ClientError) in
      try await client.range(request, maxStaleness: bound)
    }
    StandardStreams.write(try printer.range(reply.message))
    reportAge(of: reply)
  }
}

/// What `get` asks for; also a line of a transaction.
struct GetOperation: ParsableArguments {
  @Argument(help: .hidden)
  var keys: [String] = []

  @Option(name: .long, help: "linearizable (l) or serializable (s).")
  var consistency = "l"

  @Flag(name: .long, help: "Keys that begin with the key.")
  var prefix = false

  @Flag(name: .long, help: "Keys from the key on.")
  var fromKey = false

  @Option(name: .long, help: "At most so many pairs; 0: all.")
  var limit: Int64 = 0

  @Option(name: .long, help: "As of this revision; 0: now.")
  var rev: Int64 = 0

  @Option(name: .long, help: "ASCEND or DESCEND.")
  var order = ""

  @Option(name: .long, help: "CREATE, KEY, MODIFY, VALUE or VERSION.")
  var sortBy = ""

  @Flag(name: .long, help: "Keys without their values.")
  var keysOnly = false

  @Flag(name: .long, help: "Only how many there are.")
  var countOnly = false

  /// A transaction prints keys nonetheless, as etcdctl.
  @Flag(name: .long, help: "Print values without their keys (simple only).")
  var printValueOnly = false

  func request() throws(CommandFailure) -> EtcdRangeRequest {
    guard let key = keys.first else {
      throw CommandFailure(
        .badArguments,
        "get command needs one argument as key and an optional argument as range_end")
    }
    if keysOnly && countOnly {
      throw CommandFailure(
        .badArguments,
        "`--keys-only` and `--count-only` cannot be set at the same time, choose one")
    }
    var request = EtcdRangeRequest()
    request.serializable = try isSerializable()
    (request.key, request.rangeEnd) = try KeySpan.span(
      key: key, end: keys.dropFirst().first, prefix: prefix, fromKey: fromKey)
    request.limit = limit
    request.revision = max(0, rev)
    request.sortOrder = try sortOrder()
    request.sortTarget = try sortTarget()
    // Keys come in ascending order by themselves (etcd clientv3 `WithSort`).
    if request.sortTarget == .key && request.sortOrder == .ascend { request.sortOrder = .none }
    request.keysOnly = keysOnly
    request.countOnly = countOnly
    return request
  }

  private func isSerializable() throws(CommandFailure) -> Bool {
    switch consistency {
    case "s", "serializable": return true
    case "l", "linearizable": return false
    default:
      let value = GoText.quoted(consistency.utf8)
      throw CommandFailure(.badFeature, "unknown consistency flag \(value)")
    }
  }

  private func sortOrder() throws(CommandFailure) -> EtcdRangeRequest.SortOrder {
    switch order.uppercased() {
    case "": return .none
    case "ASCEND": return .ascend
    case "DESCEND": return .descend
    default: throw CommandFailure(.badFeature, "bad sort order \(order)")
    }
  }

  private func sortTarget() throws(CommandFailure) -> EtcdRangeRequest.SortTarget {
    switch sortBy.uppercased() {
    case "", "KEY": return .key
    case "CREATE": return .create
    case "MODIFY": return .mod
    case "VALUE": return .value
    case "VERSION": return .version
    default: throw CommandFailure(.badFeature, "bad sort target \(sortBy)")
    }
  }
}

/// The key and the range end of a request, as etcdctl makes them.
enum KeySpan {
  private static let everything = Data([0])

  static func span(
    key: String, end: String?, prefix: Bool, fromKey: Bool
  ) throws(CommandFailure) -> (key: Data, end: Data) {
    if prefix && fromKey {
      throw CommandFailure(
        .badArguments,
        "`--prefix` and `--from-key` cannot be set at the same time, choose one")
    }
    let key = Data(key.utf8)
    if let end {
      if prefix || fromKey {
        throw CommandFailure(
          .badArguments,
          "too many arguments, only accept one argument when `--prefix` or `--from-key` is set")
      }
      return (key, Data(end.utf8))
    }
    // An empty key is none: from the first key on.
    if fromKey || (prefix && key.isEmpty) { return (key.isEmpty ? everything : key, everything) }
    return (key, prefix ? endOfPrefix(key) : Data())
  }

  /// The first key after all that begin with `prefix`; every key when there is none.
  private static func endOfPrefix(_ prefix: Data) -> Data {
    var end = prefix
    while let last = end.popLast() {
      if last < 0xff { return end + [last + 1] }
    }
    return everything
  }
}
