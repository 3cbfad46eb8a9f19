import ArgumentParser
import Foundation
import Simulation

/// Simulated clusters on virtual time: one seed with its whole story, or many with their verdicts.
struct SimulateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate", abstract: "Run simulated clusters; a seed gives the same run always.",
    usage: """
      quorate simulate --seed <seed> [--diagram text|html] [--quiet] [<options>]
      quorate simulate --first-seed <seed> --seeds <count> [--jobs <count>] [<options>]
      quorate simulate --requests <count> [--first-seed <seed>]
      """)

  enum DiagramForm: String, ExpressibleByArgument, CaseIterable {
    case text, html
  }

  @Option(help: "The run to show.")
  var seed: UInt64?

  @Option(help: "How many members, 1 to 7; drawn from the seed if not given.")
  var members: Int?

  @Option(help: "Events of the storm.")
  var steps: Int?

  @Flag(help: "All members lose power at once, in the middle of what their disks do.")
  var powerLoss = false

  @Option(help: "Turns of the weather at which something may happen: 3,17 or none; all.")
  var turns: String?

  @Option(help: "How many of the seed's clients ask.")
  var clients: Int?

  @Flag(help: "The network loses, repeats and reorders nothing by itself.")
  var smooth = false

  @Option(help: "Draw the one run as a space-time diagram: text or html.")
  var diagram: DiagramForm?

  @Option(help: "How many of its last events are drawn; zero: all.")
  var last = 2_000

  @Flag(help: "Only the verdict of the one run.")
  var quiet = false

  @Option(help: "The first of many runs.")
  var firstSeed: UInt64 = 1

  @Option(help: "How many runs.")
  var seeds: UInt64?

  @Option(help: "Generated requests to three members, whose answers are compared.")
  var requests: Int?

  @Option(help: "How many processes run seeds beside each other; as many as there are cores.")
  var jobs: Int?

  @Option(help: "With --power-loss and many runs: each kind of operation was cut this often.")
  var leastCuts: Int?

  @Flag(help: "Print a failing run as it is, without looking for a smaller one.")
  var noShrink = false

  @Flag(help: .hidden)
  var oneProcess = false

  func validate() throws {
    guard [seed != nil, seeds != nil, requests != nil].count(where: { $0 }) == 1 else {
      throw ValidationError(
        "simulate needs --seed for one run, --seeds for many, or --requests")
    }
    if let requests, requests < 1 { throw ValidationError("there are no \(requests) requests") }
    if let members, !(1...7).contains(members) {
      throw ValidationError("a cluster has 1 to 7 members, not \(members)")
    }
    if let steps, steps < 1 { throw ValidationError("a storm has at least one event") }
    if let seeds, firstSeed.addingReportingOverflow(seeds).overflow {
      throw ValidationError("there are no \(seeds) seeds from \(firstSeed) on")
    }
    if let jobs, !(1...256).contains(jobs) {
      throw ValidationError("between 1 and 256 processes can run seeds, not \(jobs)")
    }
    if leastCuts != nil, !powerLoss || seeds == nil {
      throw ValidationError("--least-cuts is for many runs with --power-loss")
    }
    if let clients, clients < 0 { throw ValidationError("there are no \(clients) clients") }
    if last < 0 { throw ValidationError("--last counts events") }
    _ = try reduction()
    if seeds != nil, try reduction() != Reduction() || diagram != nil {
      throw ValidationError("--turns, --clients, --smooth and --diagram are for one run")
    }
  }

  private func reduction() throws -> Reduction {
    var reduction = Reduction()
    reduction.clients = clients
    reduction.isSmooth = smooth
    guard let turns else { return reduction }
    let words = turns == "none" ? [] : turns.split(separator: ",", omittingEmptySubsequences: false)
    let numbers = words.compactMap { Int($0) }
    guard numbers.count == words.count else {
      throw ValidationError("--turns takes numbers and commas, or none: \(turns)")
    }
    reduction.turns = numbers
    return reduction
  }

  func run() throws {
    if let requests {
      try storm(requests)
    } else if let seed {
      try play(simulator(seed))
    } else {
      try runSwarm(seeds ?? 0)
    }
  }

  private func simulator(_ seed: UInt64) throws -> Simulator {
    Simulator(
      seed: seed, members: members, steps: steps, kind: powerLoss ? .powerLoss : .storm,
      reduction: try reduction())
  }

  // MARK: Requests

  private func storm(_ count: Int) throws {
    StandardStreams.write("requests from seed \(firstSeed)\n")
    let verdict = RequestStorm(seed: firstSeed, requests: count).run()
    StandardStreams.write(
      "\(verdict.requests) requests to three members: \(verdict.refused) refused, "
        + "\(verdict.reads) reads, \(verdict.applied) applied, of which \(verdict.failed) failed "
        + "by rule and \(verdict.invalid) a member would have refused; \(verdict.restarts) "
        + "restarts, \(verdict.snapshots) snapshots, revision \(verdict.revision)\n")
    if let failure = verdict.failure {
      throw CommandFailure(
        .failed, failure,
        details: ["replay: quorate simulate --requests \(count) --first-seed \(firstSeed)"])
    }
  }

  // MARK: One run

  private func play(_ simulator: Simulator) throws {
    if let diagram { return try draw(simulator, diagram) }
    // First of all: a trap ends the process.
    StandardStreams.write("seed \(simulator.seed)\n")
    let verdict = simulator.run(trace: quiet ? nil : { StandardStreams.write($0 + "\n") })
    StandardStreams.write(verdict.summary + "\n")
    if oneProcess, let failure = verdict.failure { tell(failure) }
    if let failure = verdict.failure {
      throw CommandFailure(.failed, failure, details: ["replay: \(verdict.replay)"])
    }
  }

  private func draw(_ simulator: Simulator, _ form: DiagramForm) throws {
    var diagram = Diagram(
      title: simulator.replay, members: simulator.positions)
    let verdict = simulator.run(watch: { diagram.take($0) })
    if last > 0 { diagram.keepLast(last) }
    switch form {
    case .text: StandardStreams.write(diagram.text())
    case .html: StandardStreams.write(diagram.html())
    }
    if let failure = verdict.failure {
      throw CommandFailure(.failed, failure, details: ["replay: \(verdict.replay)"])
    }
  }

  // MARK: Many

  /// One line that `SwarmProcesses` understands.
  private func tell(_ failure: String) {
    StandardStreams.write("failure \(failure.prefix { $0 != "\n" })\n")
  }

  private func runSwarm(_ count: UInt64) throws {
    if oneProcess { return runHere(count) }
    let processes = jobs ?? min(64, ProcessInfo.processInfo.activeProcessorCount)
    var swarm = SwarmProcesses(first: firstSeed, count: count, flags: commonFlags)
    let findings = try swarm.run(
      processes: processes, report: { StandardStreams.write($0 + "\n") })
    StandardStreams.write("\(count) runs from seed \(firstSeed), \(findings.count) failed\n")
    if powerLoss {
      let text = Simulator.Verdict.text(powerCuts: swarm.powerCuts)
      StandardStreams.write("power losses by what they fell into: \(text)\n")
    }
    guard let first = findings.first else { return try demandCuts(swarm.powerCuts) }
    let small = noShrink ? nil : try shrunk(first)
    throw CommandFailure(
      .failed, "\(findings.count) of \(count) runs failed; the first: \(first.failure)",
      details: ["replay: \(small ?? first.replay(commonFlags))"])
  }

  /// A kind of operation that hardly ever lost its power proves nothing.
  private func demandCuts(_ cuts: [Int]) throws {
    guard let leastCuts, let least = cuts.min(), least < leastCuts else { return }
    throw CommandFailure(
      .failed, "some kind of operation was cut only \(least) times, fewer than \(leastCuts)")
  }

  private func runHere(_ count: UInt64) {
    for seed in firstSeed..<(firstSeed + count) {
      StandardStreams.write("seed \(seed)\n")
      guard let simulator = try? simulator(seed) else { return }
      let verdict = simulator.run()
      if powerLoss {
        let cuts = verdict.powerCuts.map(String.init).joined(separator: ",")
        StandardStreams.write("\(SwarmProcesses.cutsWord)\(cuts)\n")
      }
      if let failure = verdict.failure { tell(failure) }
    }
  }

  /// The flags that many runs share.
  private var commonFlags: [String] {
    var flags: [String] = []
    if let members { flags += ["--members", "\(members)"] }
    if let steps { flags += ["--steps", "\(steps)"] }
    if powerLoss { flags.append("--power-loss") }
    return flags
  }

  /// The command of a smaller run that fails in the same way.
  private func shrunk(_ finding: SwarmProcesses.Finding) throws -> String {
    let simulator = try simulator(finding.seed)
    let kind = Shrinker.kind(of: finding.failure)
    // Each in a process of its own, for a trap ends it.
    var shrinker = Shrinker(simulator) { candidate in
      guard let failure = SwarmProcesses.failure(of: candidate.replay) else { return false }
      return Shrinker.kind(of: failure) == kind
    }
    shrinker.shrink(turns: SwarmProcesses.Finding.turnLimit)
    return shrinker.smallest.replay
  }
}
