import ArgumentParser
import QuorateClient
import EtcdAPI

struct MemberAdd: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "add", abstract: "Make room for a member, and print what to start it with.",
    usage: "quorate member add <name> --peer-urls <urls> [options]")

  @OptionGroup var flags: ClientFlags

  @Argument(help: .hidden)
  var words: [String] = []

  @Option(name: .long, help: "Where the other members will reach it, with commas.")
  var peerUrls: String?

  @Flag(name: .long, help: "It learns and does not vote.")
  var learner = false

  @Flag(name: .long, help: "With --learner: it votes by itself once it has caught up.")
  var autoPromote = false

  @Flag(name: .long, help: "It learns, and takes the place of a voter that is silent for too long.")
  var spare = false

  @Option(name: .long, help: "How long is too long.")
  var spareDelay = GoDuration(.seconds(60))

  func run() async throws {
    guard let name = words.first else {
      throw CommandFailure(.badArguments, "member name not provided")
    }
    guard words.count == 1 else { throw CommandFailure(.badArguments, "too many arguments") }
    let urls = try MemberArgument.peerURLs(peerUrls)
    let printer = try flags.printer()
    var wish = MemberWish()
    wish.autoPromotes = autoPromote
    if spare { wish.spareDelay = spareDelay.duration }
    let isLearner = learner || spare
    let reply = try await flags.withClient { [wish] client throws(ClientError) in
      try await client.addMember(peerURLs: urls, isLearner: isLearner, wish)
    }
    let output = try printer.bytes(reply.message) { message throws(CommandFailure) in
      try printer.added(message, name: name)
    }
    StandardStreams.write(output)
  }
}

struct MemberReplace: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replace",
    abstract: "Give a member that lost its data directory, or is to move, a new place.",
    usage: "quorate member replace <name or id> [options]",
    discussion: """
      The new member learns beside the old one. Once it has caught up it takes the old one's place \
      in one step, so that at no moment fewer members are needed, or count, than before.
      """)

  @OptionGroup var flags: ClientFlags

  @Argument(help: .hidden)
  var words: [String] = []

  @Option(name: .long, help: "Where the others will reach the new one (default: as the old one).")
  var peerUrls: String?

  func run() async throws {
    guard words.count == 1 else {
      throw CommandFailure(.badArguments, "member replace command needs a name or an ID")
    }
    let printer = try flags.printer()
    let list = try await flags.withClient { client throws(ClientError) in
      try await client.memberList()
    }
    let members = list.message.members
    let old =
      members.first { $0.name == words[0] }
      ?? members.first { $0.id == UInt64(words[0], radix: 16) }
    guard let old else { throw CommandFailure(.failed, EtcdStatus.memberNotFound.text) }
    let urls = peerUrls == nil ? old.peerUrls : try MemberArgument.peerURLs(peerUrls)
    var wish = MemberWish()
    wish.replaces = old.id
    let reply = try await flags.withClient { [wish] client throws(ClientError) in
      try await client.addMember(peerURLs: urls, wish)
    }
    let output = try printer.bytes(reply.message) { message throws(CommandFailure) in
      try printer.replaced(old, message)
    }
    StandardStreams.write(output)
  }
}

struct MemberRemove: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Take a member out for good.",
    usage: "quorate member remove [options] <memberID>")

  @OptionGroup var flags: ClientFlags

  @Argument(help: .hidden)
  var words: [String] = []

  func run() async throws {
    let id = try MemberArgument.id(in: words)
    let printer = try flags.printer()
    let reply = try await flags.withClient { client throws(ClientError) in
      try await client.removeMember(id)
    }
    let output = try printer.bytes(reply.message) { message throws(CommandFailure) in
      try printer.changed("removed from", id, message.header, GoJSON(message))
    }
    StandardStreams.write(output)
  }
}

struct MemberUpdate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "update", abstract: "Change where the other members reach one.",
    usage: "quorate member update [options] <memberID> --peer-urls <urls>")

  @OptionGroup var flags: ClientFlags

  @Argument(help: .hidden)
  var words: [String] = []

  @Option(name: .long, help: "Where the other members reach it, with commas.")
  var peerUrls: String?

  func run() async throws {
    let id = try MemberArgument.id(in: words)
    let urls = try MemberArgument.peerURLs(peerUrls)
    let printer = try flags.printer()
    let reply = try await flags.withClient { client throws(ClientError) in
      try await client.updateMember(id, peerURLs: urls)
    }
    let output = try printer.bytes(reply.message) { message throws(CommandFailure) in
      try printer.changed("updated in", id, message.header, GoJSON(message))
    }
    StandardStreams.write(output)
  }
}

struct MemberPromote: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "promote", abstract: "Let a learner vote.",
    usage: "quorate member promote [options] <memberID>")

  @OptionGroup var flags: ClientFlags

  @Argument(help: .hidden)
  var words: [String] = []

  func run() async throws {
    let id = try MemberArgument.id(in: words)
    let printer = try flags.printer()
    let reply = try await flags.withClient { client throws(ClientError) in
      try await client.promoteMember(id)
    }
    let output = try printer.bytes(reply.message) { message throws(CommandFailure) in
      try printer.changed("promoted in", id, message.header, GoJSON(message))
    }
    StandardStreams.write(output)
  }
}

struct MoveLeaderCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "move-leader", abstract: "Let another member lead.",
    usage: "quorate move-leader [options] <transferee-member-id>")

  @OptionGroup var flags: ClientFlags

  @Argument(help: .hidden)
  var words: [String] = []

  func run() async throws {
    guard words.count == 1 else {
      throw CommandFailure(.badArguments, "move-leader command needs 1 argument")
    }
    guard let target = UInt64(words[0], radix: 16) else {
      throw CommandFailure(.badArguments, MemberArgument.malformed(words[0]))
    }
    let printer = try flags.printer()
    let endpoints = try flags.chosenEndpoints()
    let leader = try await flags.withClient { client throws(ClientError) in
      try await Self.leader(among: endpoints, client)
    }
    guard let (endpoint, id) = leader else {
      let list = endpoints.map { "\($0)" }.joined(separator: " ")
      throw CommandFailure(.badArguments, "no leader endpoint given at [\(list)]")
    }
    _ = try await flags.withClient { client throws(ClientError) in
      try await client.moveLeader(to: target, at: endpoint)
    }
    StandardStreams.write(try printer.leaderMoved(from: id, to: target))
  }

  private static func leader(
    among endpoints: [Endpoint], _ client: EtcdClient
  ) async throws(ClientError) -> (Endpoint, UInt64)? {
    for endpoint in endpoints {
      let status = try await client.status(of: endpoint).message
      if status.leader == status.header.memberID { return (endpoint, status.leader) }
    }
    return nil
  }
}

/// What the commands about members are given, and how they say that it is wrong.
enum MemberArgument {
  static func id(in words: [String]) throws(CommandFailure) -> UInt64 {
    guard words.count == 1 else { throw CommandFailure(.badArguments, "member ID is not provided") }
    guard let id = UInt64(words[0], radix: 16) else {
      throw CommandFailure(
        .badArguments, "bad member ID arg (\(malformed(words[0]))), expecting ID in Hex")
    }
    return id
  }

  /// As Go's strconv says it.
  static func malformed(_ word: String) -> String {
    "strconv.ParseUint: parsing \(GoText.quoted(word.utf8)): invalid syntax"
  }

  /// What etcd's client finds out before it asks (etcd pkg/types/urls.go).
  static func peerURLs(_ text: String?) throws(CommandFailure) -> [String] {
    guard let text, !text.isEmpty else {
      throw CommandFailure(.badArguments, "member peer urls not provided")
    }
    let urls = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    for url in urls {
      guard let scheme = ["http://", "https://"].first(where: url.hasPrefix) else {
        throw CommandFailure(.failed, "URL scheme must be http, https, unix, or unixs: \(url)")
      }
      let rest = url.dropFirst(scheme.count)
      guard rest.prefix(while: { $0 != "/" }).contains(":") else {
        throw CommandFailure(
          .failed, "URL address does not have the form \"host:port\": \(url)")
      }
      guard !rest.contains("/") else {
        throw CommandFailure(.failed, "URL must not contain a path: \(url)")
      }
    }
    return urls
  }
}
