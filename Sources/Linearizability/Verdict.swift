/// What a checker says of a history.
public enum Verdict: Hashable, Sendable {
  /// Some order of the operations explains every answer.
  case linearizable
  /// No order does.
  case violated(Violation)
  /// The step limit was reached on these keys; nothing was found against the others.
  case undecided(keys: [String])
}

/// Why a history cannot be.
public struct Violation: Hashable, Sendable {
  /// One sentence for people.
  public var sentence: String
  /// The operations that contradict each other, in order of invocation; none can be left out.
  public var witness: [History.Operation]

  public init(sentence: String, witness: [History.Operation]) {
    self.sentence = sentence
    self.witness = witness.sorted { $0.id < $1.id }
  }
}

extension Violation: CustomStringConvertible {
  /// The sentence, then one line an operation.
  public var description: String {
    ([sentence] + witness.map { "  " + $0.description }).joined(separator: "\n")
  }
}
