/// What the weather can do to a cluster. The names are those of the dice that draw how often each
/// strikes.
public enum Fault: String, CaseIterable, Hashable, Sendable {
  // A process ends, sleeps, or is told to end.
  case crash, powerLoss, crashAll, pause, terminate
  // Links are cut, and whole again.
  case partition, isolate, oneWay, bridge, ring, quorumLoss, constrainedElection, chained, flap
  case heal
  // A disk is slow, full or broken, or lost.
  case slowDisk, stalledDisk, fullDisk, failingDisk, bitFlip, wipe, powerCut
  // A clock goes ahead.
  case clockJump
  // What an operator does at the leader.
  case transfer, addLearner, promote, remove, replaceVoters
  // What clients ask of any member.
  case join, leave, succeed

  /// Clients ask for these, in place of what an operator does at the leader itself.
  static let membership: [Fault] = [.join, .leave, .succeed]
  static let directChanges: [Fault] = [.addLearner, .promote, .remove, .replaceVoters]

  /// It strikes files, so there must be some.
  var needsFiles: Bool {
    switch self {
    case .fullDisk, .failingDisk, .bitFlip, .powerCut: true
    case .crash, .powerLoss, .crashAll, .pause, .terminate, .partition, .isolate, .oneWay,
      .bridge, .ring, .quorumLoss, .constrainedElection, .chained, .flap, .heal, .slowDisk,
      .stalledDisk, .wipe, .clockJump, .transfer, .addLearner, .promote, .remove, .replaceVoters,
      .join, .leave, .succeed:
      false
    }
  }

  /// How a storm comes by it: in one of `seeds` storms, and then with a weight up to `weight`;
  /// `nil`: not by itself.
  var commonness: (seeds: UInt64, weight: UInt64)? {
    switch self {
    case .crash, .powerLoss, .crashAll, .pause, .partition, .isolate, .oneWay, .bridge, .ring,
      .slowDisk, .heal, .transfer, .addLearner, .promote, .remove, .replaceVoters:
      (seeds: 3, weight: 5)
    case .quorumLoss, .constrainedElection, .chained, .flap, .clockJump, .stalledDisk, .fullDisk,
      .failingDisk, .bitFlip, .wipe, .terminate, .powerCut:
      (seeds: 4, weight: 3)
    case .join, .leave, .succeed: nil
    }
  }
}
