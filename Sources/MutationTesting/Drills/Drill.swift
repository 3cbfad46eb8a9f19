/// A part of the product alone, driven through its public door, with one demand. Each ends well
/// with the product as it is.
enum Drill: String, CaseIterable, Hashable, Sendable {
  case repeatedVote = "a vote asked for twice"
  case frames = "bent frames"
  case stores = "three stores, one log"
  case leases = "late words on leases"
  case watches = "watches of one hub"
  case powerLoss = "power loss at every operation"
  case failingDisk = "a failing sync"
  case fullDisk = "a full disk"
  case damage = "a bent WAL"
  case remains = "what a lost commit has left"

  /// What a drill found, and after how many of its steps.
  struct Ending: Hashable, Sendable {
    /// `nil`: all that was demanded.
    var finding: String?
    var steps: Int
  }

  func run() -> Ending {
    do {
      switch self {
      case .repeatedVote: return VoteDrill.run()
      case .frames: return FrameDrill.run()
      case .stores: return try StoreDrill.run()
      case .leases: return try LeaseDrill.run()
      case .watches: return try WatchDrill.run()
      case .powerLoss: return try PowerLossDrill.run()
      case .failingDisk: return try FailingDiskDrill.run()
      case .fullDisk: return try FullDiskDrill.run()
      case .damage: return try DamageDrill.run()
      case .remains: return try RemainsDrill.run()
      }
    } catch {
      return Ending(finding: "\(rawValue) could not be played: \(error)", steps: 0)
    }
  }
}
