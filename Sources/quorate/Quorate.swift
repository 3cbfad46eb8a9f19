import ArgumentParser
import Foundation

/// The one executable.
@main
struct Quorate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quorate",
    abstract: "A strongly consistent, replicated key-value store that can be taken apart.",
    subcommands: [
      GetCommand.self, PutCommand.self, DelCommand.self, TxnCommand.self, CompactionCommand.self,
      DiffCommand.self, WatchCommand.self, LeaseCommand.self, LockCommand.self, ElectCommand.self,
      EndpointCommand.self, CheckCommand.self, MemberCommand.self, MoveLeaderCommand.self,
      SnapshotCommand.self, AlarmCommand.self, DefragCommand.self, RecoverCommand.self,
      ServerCommand.self, LabCommand.self, SimulateCommand.self, ExploreCommand.self,
      BenchCommand.self, BenchWatchCommand.self, VersionCommand.self, CompletionCommand.self,
      AuthCommand.self, MakeMirrorCommand.self,
    ])

  static func main() async {
    let arguments = Array(CommandLine.arguments.dropFirst())
    // A member has exit codes of its own, for bad flags too.
    if arguments.first == "server" { await ServerCommand.start(Array(arguments.dropFirst())) }
    do {
      let form = CommandLineForm(root: Self.self)
      if let failure = form.unknownCommand(arguments) { throw failure }
      var command = try parseAsRoot(form.normalized(arguments))
      if var waiting = command as? any AsyncParsableCommand {
        try await waiting.run()
      } else {
        try command.run()
      }
    } catch {
      end(with: error)
    }
  }

  /// Bad arguments get one sentence and etcdctl's 128, instead of a page and 64.
  private static func end(with error: any Error) -> Never {
    if let failure = error as? CommandFailure {
      let lines = ["Error: \(failure.text)"] + failure.details.map { "  \($0)" }
      StandardStreams.writeError(lines.map { $0 + "\n" }.joined())
      Foundation.exit(failure.exit.rawValue)
    }
    let code = exitCode(for: error)
    if code == .validationFailure {
      StandardStreams.writeError("Error: \(message(for: error))\n")
      Foundation.exit(ClientExit.badArguments.rawValue)
    }
    let text = fullMessage(for: error)
    if code.isSuccess {
      StandardStreams.write(text + "\n")
    } else if !(error is ExitCode) {
      StandardStreams.writeError("Error: \(message(for: error))\n")
    }
    Foundation.exit(code.rawValue)
  }
}

/// The process's own output, unbuffered.
enum StandardStreams {
  static func write(_ bytes: [UInt8]) { FileHandle.standardOutput.write(Data(bytes)) }

  static func write(_ text: String) { FileHandle.standardOutput.write(Data(text.utf8)) }

  static func writeError(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
