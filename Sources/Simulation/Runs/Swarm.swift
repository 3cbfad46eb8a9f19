/// Many seeds in turn, in one process. Who has several cores starts several processes with
/// different first seeds.
public struct Swarm: Sendable {
  public var firstSeed: UInt64
  public var count: UInt64
  public var members: Int?
  public var steps: Int?

  public init(firstSeed: UInt64, count: UInt64, members: Int? = nil, steps: Int? = nil) {
    self.firstSeed = firstSeed
    self.count = count
    self.members = members
    self.steps = steps
  }

  /// What came of all runs.
  public struct Summary: Hashable, Sendable {
    public var runs = 0
    public var failures: [Simulator.Verdict] = []
    public var events = 0
    public var virtualTime = Duration.zero
    public var operations = 0
    /// Events that watchers got.
    public var watchedEvents = 0
  }

  /// Runs every seed. `announce` is told each seed before it runs, for a trap ends the process;
  /// `report` what came of it; it answers whether to go on.
  public func run(
    announce: (UInt64) -> Void, report: (Simulator.Verdict) -> Bool
  ) -> Summary {
    var summary = Summary()
    for seed in firstSeed..<(firstSeed + count) {
      announce(seed)
      let verdict = Simulator(seed: seed, members: members, steps: steps).run()
      summary.runs += 1
      summary.events += verdict.events
      summary.virtualTime += verdict.virtualTime
      summary.operations += verdict.operations
      summary.watchedEvents += verdict.watchedEvents
      if verdict.failure != nil { summary.failures.append(verdict) }
      guard report(verdict) else { break }
    }
    return summary
  }
}
