import ArgumentParser

/// Lets a command line written for etcdctl pass: flags before the command, and `--flag=true`.
struct CommandLineForm {
  /// The flags of every client command that take a value.
  private static let valued: Set<String> = [
    "--endpoints", "--dial-timeout", "--command-timeout", "--write-out", "-w",
  ]
  private static let switches: Set<String> = [
    "--hex", "--prefix", "--from-key", "--keys-only", "--count-only", "--print-value-only",
    "--prev-kv", "--ignore-value", "--ignore-lease", "--physical", "--cluster", "--interactive",
    "--range", "--progress-notify", "--keys", "--once", "--listen", "--skip-hash-check",
    "--mark-compacted", "--learner", "--auto-promote", "--spare", "--auto-compact",
  ]

  let root: any ParsableCommand.Type

  /// The same arguments, with the flags that came before the command behind it.
  func normalized(_ arguments: [String]) -> [String] {
    var rest = arguments[...]
    var early: [String] = []
    var path: [String] = []
    var command = root
    while let argument = rest.first, argument != "--" {
      if let child = Self.child(of: command, named: argument) {
        path.append(argument)
        command = child
        rest.removeFirst()
      } else if argument.hasPrefix("-"), Self.isClientFlag(argument) {
        early.append(rest.removeFirst())
        if Self.valued.contains(argument), let value = rest.popFirst() { early.append(value) }
      } else {
        break
      }
    }
    // Without a command there is nothing that the flags could belong to.
    return path.isEmpty ? Array(rest) : path + Self.plain(early + rest)
  }

  private static func child(
    of command: any ParsableCommand.Type, named name: String
  ) -> (any ParsableCommand.Type)? {
    command.configuration.subcommands.first { $0._commandName == name }
  }

  private static func isClientFlag(_ argument: String) -> Bool {
    let name = String(argument.prefix { $0 != "=" })
    return valued.contains(name) || switches.contains(name)
  }

  /// Go's boolean flags take `=true` and `=false`.
  private static func plain(_ arguments: [String]) -> [String] {
    let end = arguments.firstIndex(of: "--") ?? arguments.endIndex
    let flags = arguments[..<end].compactMap { argument -> String? in
      guard let equals = argument.firstIndex(of: "=") else { return argument }
      let name = String(argument[..<equals])
      guard switches.contains(name) else { return argument }
      switch argument[argument.index(after: equals)...] {
      case "true": return name
      case "false": return nil
      default: return argument
      }
    }
    return flags + arguments[end...]
  }
}
