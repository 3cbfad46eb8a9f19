import ArgumentParser
import Foundation
import Lab

struct LabStatus: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "What every member does and holds, once.")

  @OptionGroup var options: LabOptions

  @Flag(name: .long, help: "Wait up to 10 s until all members hold the same; else exit with 44.")
  var same = false

  func run() throws {
    try options.run { lab in
      var screen = try LabScreen(lab: lab)
      for _ in 0..<100 where same && !screen.verdict.isSame {
        Thread.sleep(forTimeInterval: 0.1)
        screen = try LabScreen(lab: lab)
      }
      for line in screen.lines { print(line) }
      for line in screen.remarks { print(line) }
      if same && !screen.verdict.isSame {
        throw LabError(.tooLate, "after 10 s the members do not hold the same")
      }
    }
  }
}

struct LabWatch: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch", abstract: "The status, live, until Ctrl-C.")

  @OptionGroup var options: LabOptions

  @Option(name: .long, help: "Seconds between two looks.")
  var interval = 0.5

  func validate() throws {
    if interval < 0.1 { throw ValidationError("--interval is at least 0.1 s") }
  }

  func run() throws {
    let isTerminal = isatty(STDOUT_FILENO) == 1
    try options.run { lab in
      while true {
        let screen = try LabScreen(lab: lab)
        let lines = [clock, ""] + screen.lines + ["", isTerminal ? "Ctrl-C ends" : ""]
        // Each line erases its own rest, so that nothing flickers between two looks.
        let text =
          isTerminal
          ? "\u{1b}[H" + lines.map { $0 + "\u{1b}[K\n" }.joined() + "\u{1b}[J"
          : lines.joined(separator: "\n") + "\n"
        FileHandle.standardOutput.write(Data(text.utf8))
        Thread.sleep(forTimeInterval: interval)
      }
    }
  }

  private var clock: String {
    var now = time(nil)
    var parts = tm()
    localtime_r(&now, &parts)
    return "quorate lab watch"
      + String(format: "   %02d:%02d:%02d", parts.tm_hour, parts.tm_min, parts.tm_sec)
  }
}

extension LabScreen {
  fileprivate init(lab: LocalLab) throws(LabError) {
    self.init(seen: try lab.look(), partition: try lab.directory.record().partition)
  }
}
