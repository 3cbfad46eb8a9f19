import Foundation
import Simulation

/// Runs seeds in several processes of this very executable, for a broken invariant inside the
/// product traps, and that ends only the one process.
struct SwarmProcesses {
  /// A run that failed.
  struct Finding: Hashable {
    var seed: UInt64
    var failure: String
    /// Turns that a storm's weather has at most, nearly always.
    static let turnLimit = 400

    func replay(_ flags: [String]) -> String {
      (["quorate simulate --seed \(seed)"] + flags).joined(separator: " ")
    }
  }

  /// Seeds that one process runs.
  private static let blockSeeds: UInt64 = 50

  /// Power losses so far, by the kind of operation that they fell into (`Verdict.powerCuts`).
  private(set) var powerCuts: [Int] = []

  private var next: UInt64
  private let end: UInt64
  private let flags: [String]

  init(first: UInt64, count: UInt64, flags: [String]) {
    next = first
    end = first + count
    self.flags = flags
  }

  /// Runs all seeds, in their order as far as one can see; `report` is told each failure.
  mutating func run(processes: Int, report: (String) -> Void) throws -> [Finding] {
    var findings: [Finding] = []
    var running: [(process: Process, output: Pipe, end: UInt64)] = []
    while next < end || !running.isEmpty {
      while running.count < processes, next < end {
        let blockEnd = min(end, next + SwarmProcesses.blockSeeds)
        running.append(try begin(next, blockEnd))
        next = blockEnd
      }
      let (process, output, blockEnd) = running.removeFirst()
      let lines = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        .split(separator: "\n")
      process.waitUntilExit()
      let (found, last) = SwarmProcesses.read(lines)
      countPowerCuts(lines)
      var all = found
      if process.terminationReason == .uncaughtSignal {
        all.append(Finding(seed: last, failure: SwarmProcesses.trap(in: lines)))
        // The seeds after the one that trapped have not been run.
        if last + 1 < blockEnd { running.append(try begin(last + 1, blockEnd)) }
      }
      for finding in all { report("seed \(finding.seed) FAILED: \(finding.failure)") }
      findings += all
    }
    return findings.sorted { $0.seed < $1.seed }
  }

  private mutating func countPowerCuts(_ lines: [Substring]) {
    for line in lines where line.hasPrefix(SwarmProcesses.cutsWord) {
      let numbers = line.dropFirst(SwarmProcesses.cutsWord.count).split(separator: ",")
        .compactMap { Int($0) }
      if powerCuts.isEmpty { powerCuts = numbers.map { _ in 0 } }
      for (kind, number) in numbers.enumerated() { powerCuts[kind] += number }
    }
  }

  /// Begins the line in which a process says how often the power failed in a run, and where.
  static let cutsWord = "cuts "

  /// What a member said before it stopped its process.
  private static func trap(in lines: [Substring]) -> String {
    let mark = "Fatal error: "
    let words = lines.last { $0.contains(mark) }?.split(separator: mark, maxSplits: 1).last
    return "an invariant inside a member is broken: \(words ?? "it trapped")"
  }

  private func begin(_ first: UInt64, _ end: UInt64) throws -> (Process, Pipe, UInt64) {
    let words = [
      "simulate", "--one-process", "--first-seed", "\(first)", "--seeds", "\(end - first)",
    ]
    let (process, output) = try SwarmProcesses.start(words + flags)
    return (process, output, end)
  }

  private static func start(_ arguments: [String]) throws -> (Process, Pipe) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = arguments
    var environment = ProcessInfo.processInfo.environment
    environment["SWIFT_BACKTRACE"] = "enable=no"
    process.environment = environment
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    return (process, output)
  }

  /// What a process of many seeds has said: its failures, and the last seed that it began.
  private static func read(_ lines: [Substring]) -> ([Finding], last: UInt64) {
    var findings: [Finding] = []
    var last: UInt64 = 0
    for line in lines {
      let words = line.split(separator: " ", maxSplits: 1)
      if words.count == 2, words[0] == "seed" { last = UInt64(words[1]) ?? last }
      if words.count == 2, words[0] == "failure" {
        findings.append(Finding(seed: last, failure: String(words[1])))
      }
    }
    return (findings, last)
  }

  /// How a run ends; `nil`: well. `command` is what `Verdict.replay` says.
  static func failure(of command: String) -> String? {
    let words = command.split(separator: " ").dropFirst().map(String.init)
    guard let (process, output) = try? start(words + ["--quiet", "--one-process"]) else {
      return nil
    }
    let lines = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      .split(separator: "\n")
    process.waitUntilExit()
    if process.terminationReason == .uncaughtSignal { return trap(in: lines) }
    return read(lines).0.first?.failure
  }
}
