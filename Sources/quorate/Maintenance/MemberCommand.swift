import ArgumentParser
import QuorateClient
import EtcdAPI

struct MemberCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "member", abstract: "The members of the cluster, and changes of them.",
    subcommands: [
      MemberAdd.self, MemberListCommand.self, MemberPromote.self, MemberRemove.self,
      MemberReplace.self, MemberUpdate.self,
    ])
}

struct MemberListCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Id, status, name, addresses and role of each member.")

  @OptionGroup var flags: ClientFlags

  @Option(name: .long, help: "linearizable (l) or serializable (s).")
  var consistency = "l"

  func run() async throws {
    let printer = try flags.printer()
    let isLinearizable: Bool
    switch consistency {
    case "l", "linearizable": isLinearizable = true
    case "s", "serializable": isLinearizable = false
    default:
      let value = GoText.quoted(consistency.utf8)
      throw CommandFailure(.badFeature, "unknown consistency flag \(value)")
    }
    let reply = try await flags.withClient { client throws(ClientError) in
      try await client.memberList(linearizable: isLinearizable)
    }
    StandardStreams.write(try printer.bytes(reply.message, printer.memberList))
  }
}
