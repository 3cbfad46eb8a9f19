/// A story led by hand, with what it demands in the end. Each ends well with the product as it is,
/// and is the end of a mutant that no storm finds in time (Docs/Testing.md).
public struct Story: Sendable {
  public let name: String
  /// Leads the scenario; the sentence says what was demanded in vain.
  private let scenario: @Sendable () -> Scenario
  private let tell: @Sendable (Scenario) -> String?

  init(
    _ name: String, _ scenario: @escaping @Sendable () -> Scenario,
    tell: @escaping @Sendable (Scenario) -> String?
  ) {
    self.name = name
    self.scenario = scenario
    self.tell = tell
  }

  public static func named(_ name: String) -> Story? { all.first { $0.name == name } }

  /// What went wrong first, and how many events had passed by then.
  public struct Ending: Hashable, Sendable {
    /// An invariant's sentence or the story's own; `nil`: all went well.
    public var finding: String?
    public var events: Int
    /// The story, a line an event that matters.
    public var trace: String
  }

  public func run() -> Ending {
    let scenario = scenario()
    let demand = tell(scenario)
    return Ending(
      finding: scenario.violation ?? demand, events: scenario.world.events,
      trace: scenario.takeTrace())
  }
}
