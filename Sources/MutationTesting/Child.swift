import Foundation

/// A process with at most one fault planted, whose every word is read.
struct Child {
  struct Ending {
    var lines: [Substring]
    /// It left by itself and said that all is well.
    var endedWell: Bool
  }

  /// Plays a run of this very executable to its end. `planting` nil: the product as it is.
  static func play(
    _ mutantCase: MutantCase, planting mutant: String?, onlySeed: UInt64? = nil
  ) throws -> Outcome {
    let ending = try start(
      URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath(),
      ["run", mutantCase.mutant] + (onlySeed.map { ["\($0)"] } ?? []), planting: mutant)
    return Outcome(lines: ending.lines, endedWell: ending.endedWell)
  }

  static func start(
    _ executable: URL, _ arguments: [String], planting mutant: String?
  ) throws -> Ending {
    let process = Process()
    process.executableURL = executable
    process.arguments = arguments
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
    return Ending(
      lines: String(decoding: bytes, as: UTF8.self).split(separator: "\n"),
      endedWell: process.terminationReason == .exit && process.terminationStatus == 0)
  }
}
