import ArgumentParser
import QuorateClient
import EtcdAPI

struct CompactionCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compaction", abstract: "Forget what was superseded up to a revision.",
    usage: "quorate compaction [options] <revision>", aliases: ["compact"])

  @OptionGroup var flags: ClientFlags

  @Argument(help: .hidden)
  var words: [String] = []

  @Flag(name: .long, help: "Wait until it is gone from the files too.")
  var physical = false

  func run() async throws {
    guard words.count == 1 else {
      throw CommandFailure(.badArguments, "compaction command needs 1 argument")
    }
    guard let revision = Int64(words[0]) else {
      throw CommandFailure(
        .failed, "a revision is a number, not \(GoText.quoted(words[0].utf8))")
    }
    // It prints the same in every format.
    _ = try flags.printer()
    let request = EtcdCompactionRequest.make {
      $0.revision = revision
      $0.physical = physical
    }
    _ = try await flags.withClient { client throws(ClientError) in
      try await client.compact(request)
    }
    StandardStreams.write("compacted revision \(revision)\n")
  }
}
