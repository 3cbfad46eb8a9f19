import ArgumentParser
import QuorateClient
import EtcdAPI

struct LeaseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lease", abstract: "Grant leases, and see what becomes of them.",
    subcommands: [
      LeaseGrant.self, LeaseRevoke.self, LeaseTimeToLive.self, LeaseKeepAlive.self,
      LeaseList.self,
    ])
}

struct LeaseGrant: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "grant", abstract: "Create a lease of so many seconds.",
    usage: "quorate lease grant [options] <ttl>")

  @OptionGroup var flags: ClientFlags

  @Argument(help: .hidden)
  var words: [String] = []

  func run() async throws {
    guard words.count == 1 else {
      throw CommandFailure(.badArguments, "lease grant command needs TTL argument")
    }
    guard let ttl = Int64(words[0]) else {
      throw CommandFailure(.badArguments, "bad TTL (\(LeaseArgument.malformed(words[0])))")
    }
    let printer = try flags.printer()
    let reply = try await LeaseArgument.naming("failed to grant lease") {
      () throws(CommandFailure) in
      try await flags.withClient { client throws(ClientError) in
        try await client.grantLease(.make { $0.ttl = ttl })
      }
    }
    StandardStreams.write(try printer.bytes(reply.message, printer.grant))
  }
}

struct LeaseRevoke: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke", abstract: "End a lease and delete the keys that hang on it.",
    usage: "quorate lease revoke [options] <lease>")

  @OptionGroup var flags: ClientFlags

  @Argument(help: .hidden)
  var words: [String] = []

  func run() async throws {
    let id = try LeaseArgument.id(in: words, else: "lease revoke command needs 1 argument")
    let printer = try flags.printer()
    let reply = try await LeaseArgument.naming("failed to revoke lease") {
      () throws(CommandFailure) in
      try await flags.withClient { client throws(ClientError) in
        try await client.revokeLease(id)
      }
    }
    let output = try printer.bytes(reply.message) { message throws(CommandFailure) in
      try printer.revoke(id, message)
    }
    StandardStreams.write(output)
  }
}

struct LeaseTimeToLive: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "timetolive", abstract: "Tell what is left of a lease.",
    usage: "quorate lease timetolive [options] <lease>")

  @OptionGroup var flags: ClientFlags

  @Argument(help: .hidden)
  var words: [String] = []

  @Flag(name: .long, help: "Also the keys that hang on it.")
  var keys = false

  func run() async throws {
    let id = try LeaseArgument.id(
      in: words, else: "lease timetolive command needs lease ID as argument")
    let printer = try flags.printer()
    let reply = try await flags.withClient { client throws(ClientError) in
      try await client.leaseTimeToLive(id, keys: keys)
    }
    let output = try printer.bytes(reply.message) { message throws(CommandFailure) in
      try printer.timeToLive(message, withKeys: keys)
    }
    StandardStreams.write(output)
  }
}

struct LeaseList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List all leases.", usage: "quorate lease list [options]")

  @OptionGroup var flags: ClientFlags

  func run() async throws {
    let printer = try flags.printer()
    let reply = try await flags.withClient { client throws(ClientError) in
      try await client.leases()
    }
    StandardStreams.write(try printer.bytes(reply.message, printer.leases))
  }
}

struct LeaseKeepAlive: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keep-alive", abstract: "Keep a lease alive until this command ends.",
    usage: "quorate lease keep-alive [options] <lease>")

  @OptionGroup var flags: ClientFlags

  @Argument(help: .hidden)
  var words: [String] = []

  @Flag(name: .long, help: "Keep it alive once, and end.")
  var once = false

  func run() async throws {
    let id = try LeaseArgument.id(
      in: words, else: "lease keep-alive command needs lease ID as argument")
    let printer = try flags.printer()
    if printer.format == .table { throw CommandFailure.unsupported(.table) }
    let client = try flags.client()
    do {
      try await keepAlive(id, client, printer)
    } catch let error as ClientError {
      await client.close()
      throw CommandFailure(error)
    }
    await client.close()
  }

  private func keepAlive(_ id: Int64, _ client: EtcdClient, _ printer: Printer) async throws {
    while !Task.isCancelled {
      let reply = try await client.keepAlive(id)
      guard reply.message.ttl > 0 else {
        if once { throw ClientError.server(Self.notFound(reply)) }
        if printer.format == .simple {
          StandardStreams.write("lease \(GoText.lease(id)) expired or revoked.\n")
        }
        return
      }
      StandardStreams.write(try printer.bytes(reply.message, printer.keepAlive))
      if once { return }
      try? await Task.sleep(for: .seconds(reply.message.ttl) / 3)
    }
  }

  /// A keep-alive of no lease is answered well, and says it by its time.
  private static func notFound(_ reply: Reply<EtcdLeaseKeepAliveResponse>) -> CallFailure {
    CallFailure(endpoint: reply.endpoint, status: .leaseNotFound, delivery: .answered)
  }
}

/// What the lease commands are given, and how they say that it is wrong.
enum LeaseArgument {
  static func id(in words: [String], else sentence: String) throws(CommandFailure) -> Int64 {
    guard words.count == 1 else { throw CommandFailure(.badArguments, sentence) }
    guard let id = Int64(words[0], radix: 16) else {
      throw CommandFailure(
        .badArguments, "bad lease ID arg (\(malformed(words[0]))), expecting ID in Hex")
    }
    return id
  }

  /// As Go's strconv says it.
  static func malformed(_ word: String) -> String {
    "strconv.ParseInt: parsing \(GoText.quoted(word.utf8)): invalid syntax"
  }

  /// Puts what was to be done before the reason why it was not.
  static func naming<Answer>(
    _ action: String, _ body: () async throws(CommandFailure) -> Answer
  ) async throws(CommandFailure) -> Answer {
    do {
      return try await body()
    } catch {
      var failure = error
      failure.text = "\(action) (\(error.text))"
      throw failure
    }
  }
}
