import ArgumentParser
import QuorateClient
import EtcdAPI
import Foundation

struct LockCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lock", abstract: "Hold a lock, until a signal comes or while a program runs.",
    usage: "quorate lock [options] <name> [program [argument ...]]",
    discussion: """
      Without a program: prints the key that holds the lock, and holds it until SIGINT or \
      SIGTERM. With one: runs it with ETCD_LOCK_KEY and ETCD_LOCK_REV in its environment, and \
      ends with its exit code; if the lock is lost meanwhile, the program gets SIGTERM. Flags of \
      the program go behind --.

      The fencing token goes to the standard error and is ETCD_LOCK_REV: the create revision of \
      the key. A write that must not come from a holder of the past asks for it in its own \
      transaction: create("<key>") = "<token>".
      """)

  @OptionGroup var flags: ClientFlags

  @Argument(help: .hidden)
  var words: [String] = []

  @Option(name: .long, help: "For how many seconds the lock outlives a holder that has died.")
  var ttl: Int64 = 10

  func run() async throws {
    guard let name = words.first else {
      throw CommandFailure(
        .badArguments,
        "lock takes a lock name argument and an optional command to execute")
    }
    let program = Array(words.dropFirst())
    let printer = try flags.printer()
    let (client, ttl) = (try flags.client(), ttl)
    let code = try await LockFailure.named {
      try await Interruption.ends {
        try await client.withLock(name, seconds: ttl) { claim in
          StandardStreams.writeError("fencing token \(claim.fencingToken)\n")
          guard program.isEmpty else { return try await Self.run(program, claim) }
          let key = try await client.range(.make { $0.key = claim.key }).message
          guard !key.kvs.isEmpty else { throw CommandFailure(.failed, "lock lost on init") }
          StandardStreams.write(try printer.range(key))
          while true { try await Task.sleep(for: .seconds(3600)) }
        }
      }
    }
    await client.close()
    guard let code, code != 0 else { return }
    StandardStreams.writeError("Error: exit status \(code)\n")
    throw ExitCode(code)
  }

  private static func run(_ program: [String], _ claim: Claim) async throws -> Int32 {
    try await ChildProgram.run(
      program,
      environment: [
        "ETCD_LOCK_KEY": String(decoding: claim.key, as: UTF8.self),
        "ETCD_LOCK_REV": String(claim.fencingToken),
      ])
  }
}

struct ElectCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "elect", abstract: "Lead an election until a signal comes, or follow one.",
    usage: "quorate elect [options] <election> [proposal]",
    discussion: """
      With a proposal: waits to be elected, prints its key, and leads until SIGINT or SIGTERM. \
      With -l: prints every leader and every proposal.
      """)

  @OptionGroup var flags: ClientFlags

  @Argument(help: .hidden)
  var words: [String] = []

  @Flag(name: [.customShort("l"), .long], help: "Only follow the election.")
  var listen = false

  /// etcdctl's session.
  private static let seconds: Int64 = 60

  func run() async throws {
    guard (1...2).contains(words.count) else {
      throw CommandFailure(
        .badArguments,
        "elect takes one election name argument and an optional proposal argument")
    }
    if words.count == 1 && !listen {
      throw CommandFailure(.badArguments, "no proposal argument but -l not set")
    }
    if words.count == 2 && listen {
      throw CommandFailure(.badArguments, "proposal given but -l is set")
    }
    let printer = try flags.printer()
    let client = try flags.client()
    let (name, proposal) = (words[0], words.dropFirst().first)
    try await LockFailure.named {
      _ = try await Interruption.ends {
        guard let proposal else { return try await Self.observe(client, name, printer) }
        try await client.withLeadership(of: name, saying: proposal, seconds: Self.seconds) {
          claim in
          let key = try await client.range(.make { $0.key = claim.key }).message
          StandardStreams.write(try printer.range(key))
          while true { try await Task.sleep(for: .seconds(3600)) }
        }
      }
    }
    await client.close()
  }

  private static func observe(
    _ client: EtcdClient, _ name: String, _ printer: Printer
  ) async throws {
    for try await leader in client.observe(name) {
      let answer = EtcdRangeResponse.make {
        $0.kvs = [leader]
        $0.header.revision = leader.modRevision
        $0.count = 1
      }
      StandardStreams.write(try printer.range(answer))
    }
  }
}

/// How a command that holds something says that it does no more.
private enum LockFailure {
  static func named<Value: Sendable>(
    _ body: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    do {
      return try await body()
    } catch is LeaseLost {
      throw CommandFailure(.failed, "session expired")
    } catch is ClaimLost {
      throw CommandFailure(.failed, "the key is gone: the lease has ended, or it was deleted")
    } catch let error as ClientError {
      throw CommandFailure(error)
    } catch let WatchEnd.failed(failure) {
      throw CommandFailure(ClientError.server(failure))
    }
  }
}
