import ArgumentParser
import QuorateClient
import EtcdAPI

struct DelCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "del", abstract: "Delete a key or a range of keys.",
    usage: "quorate del [options] <key> [range_end]")

  @OptionGroup var flags: ClientFlags
  @OptionGroup var operation: DelOperation

  func run() async throws {
    let request = try operation.request()
    let printer = try flags.printer()
    let reply = try await flags.withClient { client throws(ClientError) in
      try await client.deleteRange(request)
    }
    StandardStreams.write(try printer.deleteRange(reply.message))
  }
}

/// What `del` asks for; also a line of a transaction.
struct DelOperation: ParsableArguments {
  @Argument(help: .hidden)
  var keys: [String] = []

  @Flag(name: .long, help: "Keys that begin with the key.")
  var prefix = false

  @Flag(name: .long, help: "Keys from the key on.")
  var fromKey = false

  @Flag(name: .long, help: "Print the pairs that were deleted.")
  var prevKv = false

  @Flag(name: .long, help: "Accepted for etcdctl's sake: a range needs no delay here.")
  var range = false

  func request() throws(CommandFailure) -> EtcdDeleteRangeRequest {
    guard let key = keys.first, keys.count <= 2 else {
      throw CommandFailure(
        .badArguments,
        "del command needs one argument as key and an optional argument as range_end")
    }
    var request = EtcdDeleteRangeRequest()
    (request.key, request.rangeEnd) = try KeySpan.span(
      key: key, end: keys.dropFirst().first, prefix: prefix, fromKey: fromKey)
    request.prevKv = prevKv
    return request
  }
}
