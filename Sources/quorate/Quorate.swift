import ArgumentParser

/// The one executable.
@main
struct Quorate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quorate",
    abstract: "A strongly consistent, replicated key-value store that can be taken apart.",
    subcommands: [LabCommand.self])
}
