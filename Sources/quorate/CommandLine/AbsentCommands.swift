import ArgumentParser

/// Commands of etcdctl that are not here, so that whoever types one is told why and what to do.
struct AuthCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "auth", shouldDisplay: false, aliases: ["user", "role"])

  @Argument(parsing: .captureForPassthrough, help: .hidden)
  var words: [String] = []

  func run() throws {
    throw CommandFailure(
      .badArguments, "Quorate has no users and no roles: keep its ports on a network of your own")
  }
}

struct MakeMirrorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "make-mirror", shouldDisplay: false)

  @Argument(parsing: .captureForPassthrough, help: .hidden)
  var words: [String] = []

  func run() throws {
    throw CommandFailure(
      .badArguments, "there is no make-mirror: etcdctl's works between Quorate and etcd as well")
  }
}

struct CheckDatascale: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "datascale", shouldDisplay: false)

  @Argument(parsing: .captureForPassthrough, help: .hidden)
  var words: [String] = []

  func run() throws {
    throw CommandFailure(
      .badArguments,
      "there is no check datascale: check perf measures writes, and ps tells a member's memory")
  }
}
