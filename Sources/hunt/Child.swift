import Foundation
import Mutants

/// A process of this very executable, with at most one fault planted.
struct Child {
  /// Plays a run to its end. `planting` nil: the product as it is.
  static func play(
    _ trial: Trial, planting mutant: Mutant?, onlySeed: UInt64? = nil
  ) throws -> Outcome {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = ["run", trial.mutant.rawValue] + (onlySeed.map { ["\($0)"] } ?? [])
    var environment = ProcessInfo.processInfo.environment
    environment[Mutant.variable] = mutant?.rawValue
    environment["SWIFT_BACKTRACE"] = "enable=no"
    process.environment = environment
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let endedWell = process.terminationReason == .exit && process.terminationStatus == 0
    return Outcome(
      lines: String(decoding: bytes, as: UTF8.self).split(separator: "\n"), endedWell: endedWell)
  }
}
