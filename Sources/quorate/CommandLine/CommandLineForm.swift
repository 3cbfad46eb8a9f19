import ArgumentParser

/// Lets a command line written for etcdctl pass: flags before the command, `-wjson`,
/// `--flag=true`, `--rev -1` and `--order=` (github.com/spf13/pflag).
struct CommandLineForm {
  /// The flags of every client command that take a value.
  private static let valued: Set<String> = [
    "--endpoints", "--dial-timeout", "--command-timeout", "--write-out", "-w", "--user",
    "--password", "--cacert", "--cert", "--key", "--discovery-srv", "-d", "--discovery-srv-name",
    "--keepalive-time", "--keepalive-timeout",
  ]
  /// Those of one command or another.
  private static let commandValued: Set<String> = [
    "--rev", "--limit", "--order", "--sort-by", "--consistency", "--lease", "--ttl", "--peer-urls",
    "--load", "--since", "--max-staleness",
  ]
  private static let switches: Set<String> = [
    "--hex", "--prefix", "--from-key", "--keys-only", "--count-only", "--print-value-only",
    "--prev-kv", "--ignore-value", "--ignore-lease", "--physical", "--cluster", "--interactive",
    "--range", "--progress-notify", "--keys", "--once", "--listen", "--skip-hash-check",
    "--mark-compacted", "--learner", "--auto-promote", "--spare", "--auto-compact",
    "--auto-defrag", "--debug", "--insecure-discovery", "--insecure-skip-tls-verify", "-i", "-l",
  ]
  /// Where a name of a switch takes a value, which may be a 1 or a t.
  private static let ownNames: Set<String> = ["bench", "bench-watch", "check"]
  /// A switch whose `=false` says something.
  private static let insecure = "--insecure-transport"

  let root: any ParsableCommand.Type

  /// A command line's words up to the first that names no command.
  private struct Beginning {
    var path: [String] = []
    /// Flags that came before or between the commands' names.
    var early: [String] = []
    var command: any ParsableCommand.Type
    var rest: ArraySlice<String>
  }

  private func beginning(_ arguments: [String]) -> Beginning {
    var line = Beginning(command: root, rest: arguments[...])
    while let argument = line.rest.first, argument != "--" {
      if let child = Self.child(of: line.command, named: argument) {
        line.path.append(argument)
        line.command = child
        line.rest.removeFirst()
      } else if argument.hasPrefix("-"), Self.isClientFlag(argument) {
        line.early.append(line.rest.removeFirst())
        if Self.valued.contains(argument), let value = line.rest.popFirst() {
          line.early.append(value)
        }
      } else {
        break
      }
    }
    return line
  }

  /// The same arguments, with the flags that came before the command behind it.
  func normalized(_ arguments: [String]) -> [String] {
    let line = beginning(arguments)
    // Without a command there is nothing that the flags could belong to.
    guard let first = line.path.first else { return Array(line.rest) }
    let isStrict = Self.ownNames.contains(first)
    return line.path + Self.plain(line.early + line.rest, isStrict: isStrict)
  }

  /// What is wrong with a word that stands for a command and is none.
  func unknownCommand(_ arguments: [String]) -> CommandFailure? {
    let line = beginning(arguments)
    let isHelp = line.path.isEmpty && line.rest.first == "help"
    guard let word = line.rest.first, !word.hasPrefix("-"), !isHelp,
      !line.command.configuration.subcommands.isEmpty
    else { return nil }
    let parent = ([root._commandName] + line.path).joined(separator: " ")
    return CommandFailure(
      .badArguments,
      "unknown command \(GoText.quoted(word.utf8)): `\(parent) --help` lists those that there are")
  }

  private static func child(
    of command: any ParsableCommand.Type, named name: String
  ) -> (any ParsableCommand.Type)? {
    command.configuration.subcommands.first {
      $0._commandName == name || $0.configuration.aliases.contains(name)
    }
  }

  private static func isClientFlag(_ argument: String) -> Bool {
    let name = String(argument.prefix { $0 != "=" })
    return valued.contains(name) || switches.contains(name) || name == insecure
      || attached(argument) != nil
  }

  /// The value of `-wjson`.
  private static func attached(_ argument: String) -> Substring? {
    guard argument.hasPrefix("-w"), argument.count > 2, !argument.hasPrefix("-w=") else {
      return nil
    }
    return argument.dropFirst(2)
  }

  /// The arguments up to `--` as ArgumentParser knows them.
  private static func plain(_ arguments: [String], isStrict: Bool) -> [String] {
    let end = arguments.firstIndex(of: "--") ?? arguments.endIndex
    var rest = arguments[..<end]
    var flags: [String] = []
    while let argument = rest.popFirst() {
      if let value = attached(argument) {
        flags.append("-w=\(value)")
      } else if argument == insecure {
        flags.append(insecure + "=true")
      } else if takesValue(argument) {
        // A value may look like a flag.
        if rest.first?.hasPrefix("-") == true, let value = rest.popFirst() {
          flags.append("\(argument)=\(value)")
        } else {
          flags.append(argument)
        }
      } else {
        flags += assigned(argument, isStrict: isStrict)
      }
    }
    return flags + arguments[end...]
  }

  private static func takesValue(_ name: String) -> Bool {
    valued.contains(name) || commandValued.contains(name)
  }

  /// `--flag=value`: Go's switches take a truth, and its values may be empty.
  private static func assigned(_ argument: String, isStrict: Bool) -> [String] {
    guard argument.hasPrefix("-"), let equals = argument.firstIndex(of: "=") else {
      return [argument]
    }
    let name = String(argument[..<equals])
    let value = argument[argument.index(after: equals)...]
    if takesValue(name) { return value.isEmpty ? [name, ""] : [argument] }
    guard switches.contains(name), let truth = FlagEnvironment.truth(value) else {
      return [argument]
    }
    if isStrict && value.count == 1 { return [argument] }
    return truth ? [name] : []
  }
}
