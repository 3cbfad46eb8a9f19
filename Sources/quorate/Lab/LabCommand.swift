import ArgumentParser
import Foundation
import Lab

/// `quorate lab`: a store of real processes on this machine, to be taken apart.
struct LabCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lab",
    abstract: "Run members on this machine, cut them apart, heal them, and watch.",
    subcommands: [
      LabUp.self, LabDown.self, LabStatus.self, LabWatch.self, LabPartition.self, LabHeal.self,
      LabMemberCommand<LabKill>.self, LabMemberCommand<LabStart>.self,
      LabMemberCommand<LabRestart>.self, LabMemberCommand<LabPause>.self,
      LabMemberCommand<LabResume>.self, LabMemberCommand<LabWipe>.self, LabDisk.self,
      LabLogs.self, LabSupervise.self,
    ])
}

/// Where the lab is; every lab command takes it.
struct LabOptions: ParsableArguments {
  @Option(name: .long, help: "The lab's directory.")
  var dir = LabDirectory.defaultName

  var lab: LocalLab { LocalLab(directory: LabDirectory(path: dir)) }

  /// Runs one lab command; its refusals become one sentence and their exit code.
  func run(_ body: (LocalLab) throws -> Void) throws {
    do {
      try body(lab)
    } catch let error as LabError {
      FileHandle.standardError.write(Data("quorate: \(error.description)\n".utf8))
      throw ExitCode(error.code.rawValue)
    } catch let error as PartitionSyntaxError {
      FileHandle.standardError.write(Data("quorate: \(error.description)\n".utf8))
      throw ExitCode(LabError.Code.badOrder.rawValue)
    }
  }

  /// What follows `quorate` in a command for this lab.
  var suffix: String { dir == LabDirectory.defaultName ? "" : " --dir \(dir)" }
}

struct LabUp: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "up", abstract: "Start members and wait until one of them leads.",
    discussion: "What follows `--` is given to every `quorate server`.")

  @OptionGroup var options: LabOptions

  @Option(name: [.customShort("n"), .long], help: "How many members, 1 to 7.")
  var members = 3

  @Option(name: .long, help: "Seconds to wait for a leader.")
  var timeout = 20

  @Argument(parsing: .postTerminator, help: "Flags for every `quorate server`.")
  var serverFlags: [String] = []

  func run() throws {
    try options.run { lab in
      try lab.up(members: members, extraArguments: serverFlags, within: timeout) { print($0) }
      print(nextSteps)
    }
  }

  private var nextSteps: String {
    let half = members / 2
    let sides = [1...max(1, half), (half + 1)...max(half + 1, members)]
      .map { $0.map(String.init).joined(separator: ",") }
    let steps = [
      ("quorate put greeting hello", "write"),
      ("quorate get greeting", "read, linearizable"),
      ("quorate lab watch\(options.suffix)", "see every member, live"),
      ("quorate lab partition '\(sides[0]) | \(sides[1])'\(options.suffix)", "cut"),
      ("quorate lab heal\(options.suffix)", "mend"),
      ("quorate lab down\(options.suffix)", "end it, leave nothing"),
    ]
    let width = steps.map(\.0.count).max() ?? 0
    let lines = steps.filter { members > 1 || $0.1 != "cut" }.map { command, what in
      "  \(command)\(String(repeating: " ", count: width - command.count))   # \(what)"
    }
    return (["", "Next, from this directory:"] + lines).joined(separator: "\n")
  }
}

struct LabDown: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "down", abstract: "End every process of the lab and remove its files.")

  @OptionGroup var options: LabOptions

  func run() throws {
    try options.run { print(try $0.down()) }
  }
}

struct LabHeal: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "heal", abstract: "Mend every link.")

  @OptionGroup var options: LabOptions

  func run() throws {
    try options.run { lab in
      for line in try lab.heal() { print(line) }
    }
  }
}

struct LabPartition: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "partition", abstract: "Cut links between members.",
    discussion: """
      '1,2 | 3,4,5'     groups: links between groups are cut both ways
      halves            the first half and the rest
      isolate 3         member 3 alone
      bridge 3          two halves that only member 3 connects
      ring              each member reaches only its two neighbours
      one-way '1>2'     what 1 sends to 2 is lost; what 2 sends to 1 arrives

      A new partition replaces the one before; `quorate lab heal` ends it.
      """)

  @OptionGroup var options: LabOptions

  @Flag(name: .long, help: "Break the connections instead of silencing them.")
  var reset = false

  @Argument(help: "The shape of the partition.")
  var shape: [String]

  func run() throws {
    try options.run { lab in
      let members = try lab.directory.record().members.count
      let partition = try Partition(
        parsing: shape, members: members, manner: reset ? .reset : .silent)
      for line in try lab.partition(partition) { print(line) }
    }
  }
}

struct LabSupervise: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "supervise", abstract: "Own the members of a lab (started by `lab up`).",
    shouldDisplay: false)

  @OptionGroup var options: LabOptions

  @Option(name: [.customShort("n"), .long])
  var members: Int

  @Argument(parsing: .postTerminator)
  var serverFlags: [String] = []

  func run() throws {
    try options.run { lab in
      var supervisor = try Supervisor(
        directory: lab.directory, members: members, extraArguments: serverFlags)
      try supervisor.run()
    }
  }
}
