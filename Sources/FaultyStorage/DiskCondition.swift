/// How the whole disk of a member does, for experiments while it runs.
public enum DiskCondition: Hashable, Sendable {
  case sound
  /// Each sync takes so much longer.
  case slow(milliseconds: Int)
  /// No free space is told of, although every write still finds some.
  case nearlyFull
  /// No write finds space.
  case full
  /// Every sync fails, and what waited for it is lost.
  case failing
}

extension DiskCondition: CustomStringConvertible {
  public var description: String {
    switch self {
    case .sound: "sound"
    case .slow(let milliseconds): "slow, \(milliseconds) ms a sync"
    case .nearlyFull: "nearly full"
    case .full: "full"
    case .failing: "failing"
    }
  }

  fileprivate var fault: DiskFault? {
    switch self {
    case .sound, .nearlyFull: nil
    case .slow(let milliseconds): DiskFault(.stalled(milliseconds: milliseconds), of: .sync)
    case .full: DiskFault(.full, of: .write)
    case .failing: DiskFault(.forgotten, of: .sync)
    }
  }
}

extension FaultyDisk {
  /// Puts the disk into a condition; a fault that was armed before is taken back.
  public func enter(_ condition: DiskCondition) {
    update { state in
      state.condition = condition
      state.fault = condition.fault
    }
  }

  public var condition: DiskCondition { update { $0.condition } }
}
