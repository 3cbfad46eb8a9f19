public import Replica

extension QuorumPolicy {
  /// As `--on-quorum-loss` writes it.
  public var flagValue: String {
    switch self {
    case .readOnly: "read-only"
    case .halt: "halt"
    case .wait: "wait"
    }
  }

  /// `nil`: no such policy.
  public init?(flagValue: String) {
    guard let policy = Self.allCases.first(where: { $0.flagValue == flagValue }) else { return nil }
    self = policy
  }
}
