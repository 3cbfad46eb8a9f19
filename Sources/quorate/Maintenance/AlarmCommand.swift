import ArgumentParser
import QuorateClient
import EtcdAPI

struct AlarmCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "alarm", abstract: "What members have raised an alarm about.",
    subcommands: [AlarmList.self, AlarmDisarm.self])
}

struct AlarmList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List all alarms.", usage: "quorate alarm list [options]")

  @OptionGroup var flags: ClientFlags

  func run() async throws {
    let printer = try flags.printer()
    let reply = try await flags.withClient { client throws(ClientError) in
      try await client.alarms()
    }
    let output = try printer.bytes(reply.message) { message throws(CommandFailure) in
      try printer.alarms(message.alarms, header: message.header)
    }
    StandardStreams.write(output)
  }
}

struct AlarmDisarm: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "disarm", abstract: "Take all alarms back; what is still so raises them again.",
    usage: "quorate alarm disarm [options]")

  @OptionGroup var flags: ClientFlags

  func run() async throws {
    let printer = try flags.printer()
    let alarms = try await flags.withClient { client throws(ClientError) in
      var gone: [EtcdAlarmMember] = []
      for alarm in try await client.alarms().message.alarms {
        gone += try await client.disarm(alarm).message.alarms
      }
      return gone
    }
    let answer = EtcdAlarmResponse.make { $0.alarms = alarms }
    let output = try printer.bytes(answer) { message throws(CommandFailure) in
      try printer.alarms(message.alarms, header: nil)
    }
    StandardStreams.write(output)
  }
}

struct DefragCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "defrag",
    abstract: "Give the free pages of each endpoint's files back to the file system.",
    usage: "quorate defrag [options]")

  @OptionGroup var flags: ClientFlags
  @OptionGroup var choice: EndpointChoice

  func run() async throws {
    var failed = 0
    for endpoint in try await choice.endpoints(flags) {
      do throws(CommandFailure) {
        _ = try await flags.withClient(at: [endpoint]) { client throws(ClientError) in
          try await client.defragment(endpoint)
        }
        StandardStreams.write("Finished defragmenting etcd member[\(endpoint)]\n")
      } catch {
        failed += 1
        StandardStreams.writeError(
          "Failed to defragment etcd member[\(endpoint)] (\(error.text))\n")
      }
    }
    if failed > 0 { throw ExitCode(ClientExit.failed.rawValue) }
  }
}
