/// What a walk through a scope has seen.
public struct Exploration: Sendable {
  public var scope: Scope
  /// Different states, members' names aside.
  public var states = 0
  /// How many moves the farthest of them is away from the first.
  public var depth = 0
  /// States of that depth that were not expanded yet.
  public var frontier = 0
  /// Moves made, new states or not.
  public var moves = 0
  /// Different states of a single member, and steps that a real core took.
  public var memberStates = 0
  public var steps = 0
  /// Nothing new is left within the scope.
  public var isComplete = false
  public var violation: Violation?
  /// The shortest way to the violation, a line each move and each member that it changed.
  public var story: [String] = []

  /// `12 moves deep: 34,865 states`, and what it took to see them.
  public var summary: String {
    "\(depth) moves deep: \(states) states, \(moves) moves, \(memberStates) states of one member"
  }

  public var verdict: String {
    if let violation { return "\(violation.invariant.rawValue) broken" }
    return isComplete ? "complete, nothing wrong" : "not to its end, nothing wrong so far"
  }
}
