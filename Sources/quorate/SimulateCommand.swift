import ArgumentParser
import Simulation

/// Simulated clusters on virtual time: one seed with its whole story, or many with their verdicts.
struct SimulateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate", abstract: "Run simulated clusters; a seed gives the same run always.",
    usage: """
      quorate simulate --seed <seed> [--members <count>] [--steps <count>] [--quiet]
      quorate simulate --first-seed <seed> --seeds <count> [--members <count>] [--steps <count>]
      """)

  @Option(help: "The run to show.")
  var seed: UInt64?

  @Option(help: "How many members, 1 to 7; drawn from the seed if not given.")
  var members: Int?

  @Option(help: "Events of the storm.")
  var steps: Int?

  @Flag(help: "Only the verdict of the one run.")
  var quiet = false

  @Option(help: "The first of many runs.")
  var firstSeed: UInt64 = 1

  @Option(help: "How many runs.")
  var seeds: UInt64?

  func validate() throws {
    guard (seed == nil) != (seeds == nil) else {
      throw ValidationError("simulate needs --seed for one run, or --seeds for many")
    }
    if let members, !(1...7).contains(members) {
      throw ValidationError("a cluster has 1 to 7 members, not \(members)")
    }
    if let steps, steps < 1 { throw ValidationError("a storm has at least one event") }
    if let seeds, firstSeed.addingReportingOverflow(seeds).overflow {
      throw ValidationError("there are no \(seeds) seeds from \(firstSeed) on")
    }
  }

  func run() throws {
    if let seed { try play(seed) } else { try runSwarm(seeds ?? 0) }
  }

  private func play(_ seed: UInt64) throws {
    // First of all: a trap ends the process.
    StandardStreams.write("seed \(seed)\n")
    let simulator = Simulator(seed: seed, members: members, steps: steps)
    let verdict = simulator.run(trace: quiet ? nil : { StandardStreams.write($0 + "\n") })
    StandardStreams.write(verdict.summary + "\n")
    if let failure = verdict.failure {
      throw CommandFailure(.failed, failure, details: ["replay: \(verdict.replay)"])
    }
  }

  private func runSwarm(_ count: UInt64) throws {
    let swarm = Swarm(firstSeed: firstSeed, count: count, members: members, steps: steps)
    let summary = swarm.run(
      announce: { StandardStreams.write("seed \($0)\n") },
      report: { verdict in
        if let failure = verdict.failure {
          StandardStreams.write("\(verdict.summary)\n\(failure)\nreplay: \(verdict.replay)\n")
        }
        return true
      })
    StandardStreams.write(
      "\(summary.runs) runs, \(summary.failures.count) failed, \(summary.events) events, "
        + "\(summary.operations) operations, \(summary.virtualTime) of virtual time\n")
    if let first = summary.failures.first {
      throw CommandFailure(
        .failed, "\(summary.failures.count) of \(summary.runs) runs failed",
        details: ["replay the first: \(first.replay)"])
    }
  }
}
