import ArgumentParser
import Lab

/// The members that a command is about.
struct LabMembers: ParsableArguments {
  @Argument(help: "Members by number, from 1.")
  var members: [Int]
}

/// What one word of `quorate lab` does to members.
protocol LabMemberOrder {
  static var action: MemberAction { get }
  static var abstract: String { get }
}

/// A command of `quorate lab` that is named after what it does to members.
struct LabMemberCommand<Order: LabMemberOrder>: ParsableCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(commandName: Order.action.rawValue, abstract: Order.abstract)
  }

  @OptionGroup var options: LabOptions
  @OptionGroup var members: LabMembers

  func run() throws {
    try options.run { lab in
      for line in try lab.act(Order.action, on: members.members) { print(line) }
    }
  }
}

enum LabKill: LabMemberOrder {
  static let action = MemberAction.kill
  static let abstract = "Kill members at once (SIGKILL); their disks stay."
}

enum LabStart: LabMemberOrder {
  static let action = MemberAction.start
  static let abstract = "Start members that do not run, from their disks."
}

enum LabRestart: LabMemberOrder {
  static let action = MemberAction.restart
  static let abstract = "End members in good order (SIGTERM) and start them again."
}

enum LabPause: LabMemberOrder {
  static let action = MemberAction.pause
  static let abstract = "Stop members in their tracks (SIGSTOP)."
}

enum LabResume: LabMemberOrder {
  static let action = MemberAction.resume
  static let abstract = "Let paused members go on (SIGCONT)."
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
