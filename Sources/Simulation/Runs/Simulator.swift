import Base
import Linearizability
import Raft

/// One run: a storm drawn from the seed, then calm, then the demand that all is well.
///
/// A broken invariant inside the product traps and ends the process: print the seed before `run`.
public struct Simulator: Hashable, Sendable {
  public let seed: UInt64
  /// `nil`: drawn from the seed.
  public let members: Int?
  /// Events of the storm.
  public var steps: Int
  public let kind: Kind
  /// What is left out of the run.
  public var reduction: Reduction

  /// What a run is about.
  public enum Kind: Hashable, Sendable {
    case storm
    /// All members lose power at once, at an operation of one of their disks, again and again.
    case powerLoss
  }

  /// Election timeouts within which a calm cluster has a leader that all follow.
  static let electionLimit = 40
  /// Election timeouts within which, after that, everything is applied everywhere.
  static let settleLimit = 400

  /// Election timeouts within which a sound majority takes a write, whatever lasting fault the
  /// others have (Docs/Architecture.md, *What must never happen*).
  static let lastingLimit = 10
  /// Election timeouts within which each member serves a calm cluster's clients.
  static let serviceLimit = 20

  public init(
    seed: UInt64, members: Int? = nil, steps: Int? = nil, kind: Kind = .storm,
    reduction: Reduction = Reduction()
  ) {
    self.reduction = reduction
    self.kind = kind
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
    /// Whether the members had files.
    public var usesFiles: Bool
    /// Power losses of all members, by the operation that they fell into (`DiskPoint`).
    public var powerCuts: [Int]
    /// Members that stopped because of their disks, and those that an operator replaced.
    public var diskStops: Int
    public var replacements: Int
    /// Members that ended in order, when they were told to.
    public var drains: Int
    /// Events that were brought to those who watch.
    public var watchedEvents: Int
    /// Turns of the weather.
    public var turns: Int
    /// The same, in words, for one run or many; those that never happened too.
    public static func text(powerCuts: [Int]) -> String {
      zip(DiskPoint.allCases, powerCuts).map { "\($0) \($1)" }.joined(separator: ", ")
    }

    /// The command that shows this run again.
    public var replay: String

    /// One line.
    public var summary: String {
      let outcome = failure == nil ? "passed" : "FAILED"
      return "seed \(seed) \(outcome): \(members) members, \(events) events, "
        + "\(virtualTime.nanoseconds / 1_000_000) ms, \(operations) operations, "
        + "\(elections) elections, \(crashes) crashes, \(snapshots) snapshots, "
        + "\(configurationChanges) configuration changes"
        + (usesFiles ? ", on files" : "")
        + (powerCuts.contains { $0 > 0 } ? ", \(powerCuts.reduce(0, +)) power losses" : "")
        + (diskStops > 0 ? ", \(diskStops) disk stops" : "")
        + (replacements > 0 ? ", \(replacements) replaced" : "")
    }
  }

  /// Runs to the end or to the first violation. `trace` takes the whole story, a line at a time.
  /// `watch` is shown it as events, for a `Diagram`.
  public func run(
    trace: ((String) -> Void)? = nil, watch: ((TraceEvent) -> Void)? = nil
  ) -> Verdict {
    let (weather, spare) = drawWeather()
    var dice = SplitMix64(seed: seed, for: "world")
    let world = World(seed: dice.next(), weather: weather, spareMembers: spare)
    world.allowedTurns = reduction.turns
    (world.trace, world.watch) = (trace, watch)
    world.begin(starting: weather.formingFaults == nil ? nil : [])
    world.formUnderFaults()
    world.storm(steps: steps)
    world.demandProgress()
    world.judgeHistory()
    return verdict(world)
  }

  private func drawWeather() -> (Weather, spareMembers: Int) {
    var weather = Weather.drawn(seed: seed, members: members)
    if kind == .powerLoss { weather.failPower(seed: seed) }
    if let members { weather.members = members }
    reduction.apply(to: &weather)
    if weather.introducesMembers { return (weather, 4) }
    return (weather, weather.faultWeights[.addLearner, default: 0] > 0 ? 2 : 0)
  }

  /// The members of the run, with those that may join.
  public var positions: Int {
    let (weather, spare) = drawWeather()
    return weather.members + spare
  }

  /// Whether something befalls the founders of the run while their store forms.
  public var formsUnderFaults: Bool {
    drawWeather().0.formingFaults != nil
  }

  /// Whether clients of the run change the members.
  public var changesMembers: Bool { drawWeather().0.introducesMembers }

  /// The command that shows this run.
  public var replay: String {
    var replay = "quorate simulate --seed \(seed)"
    if let members { replay += " --members \(members)" }
    if kind == .powerLoss { replay += " --power-loss" }
    if steps != 3_000 { replay += " --steps \(steps)" }
    return replay + reduction.flags
  }

  private func verdict(_ world: World) -> Verdict {
    return Verdict(
      seed: seed, members: world.weather.members, failure: world.violation,
      events: world.events, virtualTime: world.now - .zero,
      operations: world.history.operations.count, elections: world.counts.elections,
      crashes: world.counts.crashes, snapshots: world.counts.snapshots,
      configurationChanges: world.counts.configurationChanges,
      usesFiles: world.weather.usesFiles, powerCuts: world.counts.powerCuts,
      diskStops: world.counts.diskStops, replacements: world.counts.replacements,
      drains: world.counts.drains, watchedEvents: world.counts.watchedEvents,
      turns: world.weatherTurns, replay: replay)
  }
}
