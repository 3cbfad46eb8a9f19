import Base

extension Weather {
  /// In one seed of four, founders that are cut off, killed and lose their disks while their store
  /// forms.
  mutating func drawForming(_ dice: inout SplitMix64) {
    guard dice.chance(1, in: 4) else { return }
    formingFaults = Span(.zero, .milliseconds([1, 5, 50][dice.index(below: 3)]))
  }

  /// Turns of the weather before the storm.
  static let formingTurns = 60
}
