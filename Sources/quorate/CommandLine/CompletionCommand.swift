import ArgumentParser

struct CompletionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "completion", abstract: "Print a completion script for a shell.",
    discussion: "For this session of bash: source <(quorate completion bash)")

  enum Shell: String, ExpressibleByArgument, CaseIterable {
    case bash
    case zsh
    case fish
  }

  @Argument(help: "bash, zsh or fish.")
  var shell: Shell

  func run() throws {
    let script =
      switch shell {
      case .bash: Quorate.completionScript(for: .bash)
      case .zsh: Quorate.completionScript(for: .zsh)
      case .fish: Quorate.completionScript(for: .fish)
      }
    StandardStreams.write(script + "\n")
  }
}
