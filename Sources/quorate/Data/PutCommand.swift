import ArgumentParser
import QuorateClient
import EtcdAPI
import Foundation

struct PutCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "put", abstract: "Put a value under a key.",
    usage: "quorate put [options] <key> <value>",
    discussion: """
      Without <value> the value is read from the standard input. A value that begins with '-' goes
      behind '--': quorate put <key> -- <value>
      """)

  @OptionGroup var flags: ClientFlags
  @OptionGroup var operation: PutOperation

  func run() async throws {
    let request = try operation.request(input: PutOperation.standardInput)
    let printer = try flags.printer()
    let reply = try await flags.withClient { client throws(ClientError) in
      try await client.put(request)
    }
    StandardStreams.write(try printer.put(reply.message))
  }
}

/// What `put` asks for; also a line of a transaction.
struct PutOperation: ParsableArguments {
  @Argument(help: .hidden)
  var words: [String] = []

  @Option(name: .long, help: "The lease to attach the key to, in hexadecimal.")
  var lease = "0"

  @Flag(name: .long, help: "Print the pair that was replaced.")
  var prevKv = false

  @Flag(name: .long, help: "Keep the key's present value.")
  var ignoreValue = false

  @Flag(name: .long, help: "Keep the key's present lease.")
  var ignoreLease = false

  /// `input` reads what stands in for a missing value; `nil`: nothing can be read.
  func request(input: () -> Data?) throws(CommandFailure) -> EtcdPutRequest {
    let needed = "put command needs 1 argument and input from stdin or 2 arguments"
    guard let key = words.first else { throw CommandFailure(.badArguments, needed) }
    var request = EtcdPutRequest()
    request.key = Data(key.utf8)
    if ignoreValue {
      guard words.count == 1 else {
        throw CommandFailure(
          .badArguments, "put command needs only 1 argument when 'ignore-value' is set")
      }
    } else if words.count > 1 {
      request.value = Data(words[1].utf8)
    } else {
      guard let value = input(), !value.isEmpty else {
        throw CommandFailure(.badArguments, needed)
      }
      request.value = value
    }
    guard let lease = Int64(lease, radix: 16) else {
      throw CommandFailure(
        .badArguments, "bad lease ID (\(LeaseArgument.malformed(lease))), expecting ID in Hex")
    }
    request.lease = lease
    request.prevKv = prevKv
    request.ignoreValue = ignoreValue
    request.ignoreLease = ignoreLease
    return request
  }

  static func standardInput() -> Data? {
    try? FileHandle.standardInput.readToEnd()
  }
}
