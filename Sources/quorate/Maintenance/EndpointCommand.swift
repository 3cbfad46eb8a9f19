import ArgumentParser
import QuorateClient
import EtcdAPI
import Foundation

struct EndpointCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "endpoint", abstract: "Ask each endpoint about itself.",
    subcommands: [EndpointStatus.self, EndpointHealthCommand.self, EndpointHashKV.self])
}

/// Which endpoints an `endpoint` command asks.
struct EndpointChoice: ParsableArguments {
  @Flag(name: .long, help: "Ask every member that the cluster knows.")
  var cluster = false

  func endpoints(_ flags: ClientFlags) async throws(CommandFailure) -> [Endpoint] {
    guard cluster else { return try flags.chosenEndpoints() }
    let list = try await flags.withClient { client throws(ClientError) in
      try await client.memberList(linearizable: false)
    }
    var endpoints: [Endpoint] = []
    for url in list.message.members.flatMap(\.clientUrls) {
      do throws(Endpoint.Malformed) {
        endpoints.append(try Endpoint(url))
      } catch {
        throw CommandFailure(.failed, "a member announces \(url): \(error.description)")
      }
    }
    return endpoints
  }
}

struct EndpointStatus: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Version, size, leader, term and index of each endpoint.")

  @OptionGroup var flags: ClientFlags
  @OptionGroup var choice: EndpointChoice

  func run() async throws {
    let printer = try flags.printer()
    var answers: [(endpoint: String, status: EtcdStatusResponse)] = []
    var failure: CommandFailure?
    for endpoint in try await choice.endpoints(flags) {
      do throws(CommandFailure) {
        let reply = try await flags.withClient(at: [endpoint]) { client throws(ClientError) in
          try await client.status(of: endpoint)
        }
        answers.append((endpoint.description, reply.message))
      } catch {
        failure = error
        StandardStreams.writeError(
          "Failed to get the status of endpoint \(endpoint) (\(error.text))\n")
      }
    }
    StandardStreams.write(try printer.status(answers))
    if let failure { throw ExitCode(failure.exit.rawValue) }
  }
}

struct EndpointHashKV: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hashkv", abstract: "A hash of the history that each endpoint holds.")

  @OptionGroup var flags: ClientFlags
  @OptionGroup var choice: EndpointChoice

  @Option(name: .long, help: "Up to this revision; 0: the newest.")
  var rev: Int64 = 0

  func run() async throws {
    let printer = try flags.printer()
    var answers: [(endpoint: String, hash: EtcdHashKVResponse)] = []
    var failure: CommandFailure?
    for endpoint in try await choice.endpoints(flags) {
      do throws(CommandFailure) {
        let reply = try await flags.withClient(at: [endpoint]) { client throws(ClientError) in
          try await client.hashKV(of: endpoint, revision: rev)
        }
        answers.append((endpoint.description, reply.message))
      } catch {
        failure = error
        StandardStreams.writeError(
          "Failed to get the hash of endpoint \(endpoint) (\(error.text))\n")
      }
    }
    StandardStreams.write(try printer.hashKV(answers))
    if let failure { throw failure }
  }
}

struct EndpointHealthCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "health", abstract: "Whether each endpoint serves a linearizable read.")

  @OptionGroup var flags: ClientFlags
  @OptionGroup var choice: EndpointChoice

  func run() async throws {
    let printer = try flags.printer()
    let endpoints = try await choice.endpoints(flags)
    let flags = flags
    // In the order of the endpoints, however long each of them takes.
    let answers = await withTaskGroup(of: (Int, EndpointHealth).self) { group in
      for (place, endpoint) in endpoints.enumerated() {
        group.addTask { (place, await Self.health(of: endpoint, flags)) }
      }
      var answers: [(Int, EndpointHealth)] = []
      for await answer in group { answers.append(answer) }
      return answers.sorted { $0.0 < $1.0 }.map(\.1)
    }
    let text = try printer.health(answers)
    StandardStreams.write(text.output)
    StandardStreams.writeError(text.errors)
    if answers.contains(where: { !$0.isHealthy }) {
      throw CommandFailure(.failed, "unhealthy cluster")
    }
  }

  /// Any key will do: that the read is confirmed is what counts.
  private static func health(of endpoint: Endpoint, _ flags: ClientFlags) async -> EndpointHealth {
    let start = ContinuousClock.now
    do throws(CommandFailure) {
      _ = try await flags.withClient(at: [endpoint]) { client throws(ClientError) in
        try await client.range(.make { $0.key = Data("health".utf8) })
      }
      return EndpointHealth(
        endpoint: endpoint.description, isHealthy: true,
        took: GoText.duration(ContinuousClock.now - start), error: "")
    } catch {
      return EndpointHealth(
        endpoint: endpoint.description, isHealthy: false,
        took: GoText.duration(ContinuousClock.now - start), error: error.text)
    }
  }
}
