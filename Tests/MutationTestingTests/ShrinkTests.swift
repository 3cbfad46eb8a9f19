import Foundation
import Simulation
import Testing

@testable import MutationTesting

/// An executable that has the mutants in it; `nil`: this is no run of `make mutants`.
private let executable = ProcessInfo.processInfo.environment["QUORATE_MUTANTS"]

/// A rule of the product is broken and a seed finds it: what is printed must be small, and true.
@Suite(.serialized, .enabled(if: executable != nil)) struct `A failing seed` {
  private struct Ending {
    var text: String
    var status: Int32

    /// Everything that a run tells of itself, a line each.
    var lines: Int { text.split(separator: "\n").count }

    /// What was violated, as one process tells another.
    var failure: String? {
      text.split(separator: "\n").first { $0.hasPrefix("failure ") }.map {
        String($0.dropFirst(8))
      }
    }
  }

  private func play(_ words: [String], planting mutant: String?) throws -> Ending {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try #require(executable))
    process.arguments = words
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
      text: String(decoding: bytes, as: UTF8.self), status: process.terminationStatus)
  }

  /// As `mutation-test` finds them: by a seed, and a check that speaks.
  @Test(arguments: ["Q5", "A5", "L1"])
  func `is made much smaller, and the printed command fails in the same way`(
    mutant: String
  ) throws {
    let swarm = try play(["simulate", "--seeds", "20"], planting: mutant)
    #expect(swarm.status != 0)
    let found = try #require(swarm.text.firstMatch(of: #/seed (\d+) FAILED: (.*)/#))
    let printed = try #require(swarm.text.firstMatch(of: #/replay: quorate (simulate .*)/#))
    let words = printed.1.split(separator: " ").map(String.init)
    let kind = Shrinker.kind(of: String(found.2))

    let whole = try play(["simulate", "--seed", "\(found.1)", "--one-process"], planting: mutant)
    #expect(whole.failure.map(Shrinker.kind) == kind)
    let small = try play(words + ["--one-process"], planting: mutant)
    #expect(small.failure.map(Shrinker.kind) == kind, "\(words)")
    #expect(words.contains(String(found.1)))
    #expect(small.lines < whole.lines, "\(small.lines) of \(whole.lines) lines: \(words)")

    // Of dozens of turns of the weather hardly any are left, and no event after the violation.
    let turns = try #require(printed.1.firstMatch(of: #/--turns (\S+)/#)).1
    #expect(turns.split(separator: ",").count <= 3, "\(turns)")
    let steps = try #require(printed.1.firstMatch(of: #/--steps (\d+)/#)).1
    #expect(try #require(Int(steps)) < 2_600, "\(steps)")

    // Of the product as it is, the same command finds nothing.
    let sound = try play(words + ["--one-process"], planting: nil)
    #expect(sound.failure == nil && sound.status == 0)
  }
}
