/// Reduces one key's impossible history to the operations that contradict each other.
///
/// An operation is no part of the contradiction if the rest stays impossible when it is weakened: a
/// read left out, a write allowed to happen at any time or never. Weakening only ever allows more
/// orders, so what stays impossible was impossible without it.
struct Witness {
  private let operations: [History.Operation]
  private let stepLimit: Int

  init(_ operations: [History.Operation], stepLimit: Int) {
    self.operations = operations
    self.stepLimit = stepLimit
  }

  /// *Precondition*: the operations on this key are impossible.
  func violation(ofKey key: String) -> Violation {
    var values: [String: RegisterSearch.Value] = [:]
    var steps = operations.map { RegisterSearch.step(of: $0, &values) }
    var needed: [History.Operation] = []
    // Weakened writes make a search dear: few steps are enough to drop the many operations that
    // have nothing to do with it.
    let limit = min(stepLimit, 50_000)
    for number in operations.indices.reversed() {
      guard let step = steps[number] else { continue }
      steps[number] = Self.weakened(step)
      let search = RegisterSearch(steps: steps.compactMap(\.self), stepLimit: limit)
      guard search.result() != .impossible else { continue }
      steps[number] = step
      needed.append(operations[number])
    }
    return Violation(
      sentence: "no order of the \(needed.count) operations below on \(key) explains every answer",
      witness: needed)
  }

  /// The step without its claims; `nil`: nothing is left of it.
  private static func weakened(_ step: RegisterSearch.Step) -> RegisterSearch.Step? {
    switch step.effect {
    case .read, .removeNothing, .differ:
      return nil
    case .set, .remove, .clear:
      let effect: RegisterSearch.Step.Effect = step.effect == .remove ? .clear : step.effect
      return .init(effect: effect, invoked: .min, completed: nil)
    case .swap(_, let new):
      return .init(effect: .set(new), invoked: .min, completed: nil)
    }
  }
}
