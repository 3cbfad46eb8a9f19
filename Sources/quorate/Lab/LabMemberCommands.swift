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

enum LabWipe: LabMemberOrder {
  static let action = MemberAction.wipe
  static let abstract = "Kill members and remove their directories, as when a disk is lost."
}

struct LabDisk: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "disk", abstract: "Make members' disks slow, full or failing, or sound again.",
    discussion: """
      sound         as it should be
      slow          each sync takes --milliseconds longer
      nearly-full   no free space is told of, but writes find some: what grows is refused
      full          no write finds space
      failing       every sync fails

      A member whose write or sync fails stops (exit 28). Started again, it finds a sound disk.
      """)

  @OptionGroup var options: LabOptions

  @Option(name: .long, help: "For slow: how much longer each sync takes, 1 to 60000.")
  var milliseconds = 50

  @Argument(help: "sound, slow, nearly-full, full or failing.", transform: Self.condition)
  var condition: DiskOrder.Condition

  @OptionGroup var members: LabMembers

  func run() throws {
    try options.run { lab in
      let order = DiskOrder(condition, milliseconds: milliseconds)
      for line in try lab.disk(order, of: members.members) { print(line) }
    }
  }

  private static func condition(_ word: String) throws -> DiskOrder.Condition {
    guard let condition = DiskOrder.Condition(rawValue: word) else {
      let known = DiskOrder.Condition.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("a disk is one of \(known); not '\(word)'")
    }
    return condition
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
