import ArgumentParser
import Lab

/// The members that a command is about.
struct LabMembers: ParsableArguments {
  @Argument(help: "Members by number, from 1.")
  var members: [Int]
}

struct LabKill: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kill", abstract: "Kill members at once (SIGKILL); their disks stay.")

  @OptionGroup var options: LabOptions
  @OptionGroup var members: LabMembers

  func run() throws {
    try options.run { lab in
      for line in try lab.act(.kill, on: members.members) { print(line) }
    }
  }
}

struct LabStart: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "start", abstract: "Start members that do not run, from their disks.")

  @OptionGroup var options: LabOptions
  @OptionGroup var members: LabMembers

  func run() throws {
    try options.run { lab in
      for line in try lab.act(.start, on: members.members) { print(line) }
    }
  }
}

struct LabRestart: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restart", abstract: "End members in good order (SIGTERM) and start them again.")

  @OptionGroup var options: LabOptions
  @OptionGroup var members: LabMembers

  func run() throws {
    try options.run { lab in
      for line in try lab.act(.restart, on: members.members) { print(line) }
    }
  }
}

struct LabPause: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause", abstract: "Stop members in their tracks (SIGSTOP).")

  @OptionGroup var options: LabOptions
  @OptionGroup var members: LabMembers

  func run() throws {
    try options.run { lab in
      for line in try lab.act(.pause, on: members.members) { print(line) }
    }
  }
}

struct LabResume: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume", abstract: "Let paused members go on (SIGCONT).")

  @OptionGroup var options: LabOptions
  @OptionGroup var members: LabMembers

  func run() throws {
    try options.run { lab in
      for line in try lab.act(.resume, on: members.members) { print(line) }
    }
  }
}

struct LabLogs: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logs", abstract: "The last lines of a member's log.")

  @OptionGroup var options: LabOptions

  @Option(name: [.customShort("n"), .long], help: "How many lines.")
  var lines = 20

  @Argument(help: "The member's number, from 1.")
  var member: Int

  func run() throws {
    try options.run { lab in
      for line in try lab.log(of: member, count: lines) { print(line) }
    }
  }
}
