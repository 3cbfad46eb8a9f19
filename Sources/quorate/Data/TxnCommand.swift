import ArgumentParser
import QuorateClient
import EtcdAPI

struct TxnCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "txn", abstract: "Carry several requests out at once, or none of them.",
    discussion: """
      Reads three lists from the standard input, each ended by an empty line: compares, requests for
      when all of them hold, requests for when one does not.

        mod("key1") > "0"

        put key1 "overwrote key1"

        put key1 "created key1"

      """)

  @OptionGroup var flags: ClientFlags

  @Flag(name: [.customShort("i"), .long], help: "Say what is read next.")
  var interactive = false

  @Argument(help: .hidden)
  var words: [String] = []

  func run() async throws {
    guard words.isEmpty else {
      throw CommandFailure(.badArguments, "txn command does not accept argument")
    }
    let printer = try flags.printer()
    let request = try TransactionSyntax.read(
      line: { readLine(strippingNewline: false) },
      prompt: { if interactive { StandardStreams.write($0 + "\n") } })
    let reply = try await flags.withClient { client throws(ClientError) in
      try await client.txn(request)
    }
    StandardStreams.write(try printer.txn(reply.message))
    reportAge(of: reply)
  }
}
