import Linearizability
import Raft

/// One run: a storm drawn from the seed, then calm, then the demand that all is well.
///
/// A broken invariant inside the product traps and ends the process: print the seed before `run`.
public struct Simulator: Sendable {
  public let seed: UInt64
  /// `nil`: drawn from the seed.
  public let members: Int?
  /// Events of the storm.
  public let steps: Int

  /// Election timeouts within which a calm cluster has a leader that all follow.
  static let electionLimit = 40
  /// Election timeouts within which, after that, everything is applied everywhere.
  static let settleLimit = 400

  /// Election timeouts within which each member serves a calm cluster's clients.
  static let serviceLimit = 20

  public init(seed: UInt64, members: Int? = nil, steps: Int? = nil) {
    if let members { precondition((1...7).contains(members), "\(members) members") }
    self.seed = seed
    self.members = members
    self.steps = steps ?? 3_000
  }

  /// What came of a run.
  public struct Verdict: Hashable, Sendable {
    public var seed: UInt64
    public var members: Int
    /// What was violated, and after the first line the evidence; `nil`: nothing.
    public var failure: String?
    public var events: Int
    public var virtualTime: Duration
    public var operations: Int
    public var elections: Int
    public var crashes: Int
    public var snapshots: Int
    public var configurationChanges: Int
    /// The command that shows this run again.
    public var replay: String

    /// One line.
    public var summary: String {
      let outcome = failure == nil ? "passed" : "FAILED"
      return "seed \(seed) \(outcome): \(members) members, \(events) events, "
        + "\(virtualTime.nanoseconds / 1_000_000) ms, \(operations) operations, "
        + "\(elections) elections, \(crashes) crashes, \(snapshots) snapshots, "
        + "\(configurationChanges) configuration changes"
    }
  }

  /// Runs to the end or to the first violation. `trace` takes the whole story, a line at a time.
  public func run(trace: ((String) -> Void)? = nil) -> Verdict {
    var dice = SplitMix64(seed: seed)
    let weather = Weather.drawn(&dice, members: members)
    let spare = weather.faultWeights[.addLearner, default: 0] > 0 ? 2 : 0
    let world = World(seed: dice.next(), weather: weather, spareMembers: spare)
    world.trace = trace
    world.begin()
    world.storm(steps: steps)
    world.demandProgress()
    world.judgeHistory()
    return verdict(world)
  }

  private func verdict(_ world: World) -> Verdict {
    var replay = "quorate simulate --seed \(seed)"
    if let members { replay += " --members \(members)" }
    if steps != 3_000 { replay += " --steps \(steps)" }
    return Verdict(
      seed: seed, members: world.weather.members, failure: world.violation,
      events: world.events, virtualTime: world.now - .zero,
      operations: world.history.operations.count, elections: world.counts.elections,
      crashes: world.counts.crashes, snapshots: world.counts.snapshots,
      configurationChanges: world.counts.configurationChanges, replay: replay)
  }
}
