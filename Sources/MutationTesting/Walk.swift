import Foundation
import Simulation

/// `mutation-test explore [id …]`: the shortest way to a famous mistake, through every state of a
/// small world (`Simulation.Explorer`); and that the same walk finds nothing in the product as it
/// is.
struct Walk {
  let mutant: String
  let scope: Scope

  /// Those without a trap come first: their ways end where Raft's promise is broken.
  static let all: [Walk] = [
    Walk("C1", "figure-8"),
    Walk("V1", "double-vote"),
    Walk("M1", "single-server"),
    Walk("L3b", "stale-acknowledgement"),
    Walk("V2", "early-request"),
    Walk("R1", "early-read"),
    Walk("L1", "early-cut"),
    Walk("V3", "double-vote"),
    Walk("C6", "snapshot"),
    Walk("L4", "snapshot-move"),
  ]

  private init(_ mutant: String, _ name: String) {
    guard let scope = Scope.named(name) else { preconditionFailure("no scope is named \(name)") }
    self.mutant = mutant
    self.scope = scope
  }

  /// Everything below `explore`. The words `walk` and `tell` are for the processes that it starts,
  /// because a mutant is planted for a whole process, and a broken invariant may end it.
  static func start(_ arguments: [String]) throws -> Never {
    switch arguments.first {
    case "walk": walk(arguments)
    case "tell": tell(arguments)
    default: break
    }
    let chosen = arguments.isEmpty ? all : all.filter { arguments.contains($0.mutant) }
    var failures = chosen.isEmpty ? 1 : 0
    for walk in chosen where try !walk.judge() { failures += 1 }
    write("\(chosen.count - failures) of \(chosen.count) found by the shortest way")
    exit(failures == 0 ? 0 : 1)
  }

  // MARK: The process that judges

  /// Whether the mistake is found, and only where it is planted.
  private func judge() throws -> Bool {
    let trail = FileManager.default.temporaryDirectory.appendingPathComponent(
      "quorate-trail-\(ProcessInfo.processInfo.processIdentifier)"
    ).path
    defer { try? FileManager.default.removeItem(atPath: trail) }
    Self.write("\(mutant) · \(scope.name): \(scope.summary)")
    let planted = try run(["walk", trail], planting: mutant)
    var lines = planted.lines
    if planted.isTrapped {
      let sentence = planted.lines.filter { $0.contains("Fatal error: ") }
      lines = try run(["tell", trail], planting: mutant).lines + sentence
    }
    for line in lines { Self.write("  \(line)") }
    let sound = try run(["walk", trail], planting: nil)
    for line in sound.lines { Self.write("  without it: \(line)") }
    return (planted.isTrapped || planted.status == Self.foundStatus) && sound.status == 0
  }

  private static let foundStatus: Int32 = 3

  private func run(
    _ words: [String], planting mutant: String?
  ) throws -> (lines: [Substring], status: Int32, isTrapped: Bool) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = ["explore"] + words + [scope.name]
    var environment = ProcessInfo.processInfo.environment
    environment[Mutant.variable] = mutant
    environment["SWIFT_BACKTRACE"] = "enable=no"
    process.environment = environment
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    return (lines, process.terminationStatus, process.terminationReason == .uncaughtSignal)
  }

  // MARK: The processes that it starts

  /// `walk trail scope`: through the scope, with what the environment plants.
  private static func walk(_ arguments: [String]) -> Never {
    guard let (trail, scope) = parts(of: arguments), let keeper = try? TrailKeeper(path: trail)
    else { exit(2) }
    let clock = ContinuousClock()
    let start = clock.now
    var explorer = Explorer(scope, willStep: { keeper.keep($0) })
    let seen = explorer.run()
    write("\(seen.summary), \(Int((clock.now - start) / .milliseconds(1))) ms: \(seen.verdict)")
    for line in seen.story { write(line) }
    exit(seen.violation == nil ? 0 : foundStatus)
  }

  /// `tell trail scope`: the way to a trap.
  private static func tell(_ arguments: [String]) -> Never {
    guard let (trail, scope) = parts(of: arguments),
      let text = try? String(contentsOfFile: trail, encoding: .utf8),
      let story = Explorer.story(ofTrapped: text, in: scope)
    else { exit(2) }
    for line in story { write(line) }
    exit(0)
  }

  private static func parts(of arguments: [String]) -> (trail: String, scope: Scope)? {
    guard arguments.count == 3, let scope = Scope.named(arguments[2]) else { return nil }
    return (arguments[1], scope)
  }

  private static func write(_ line: String) {
    FileHandle.standardOutput.write(Data((line + "\n").utf8))
  }
}
