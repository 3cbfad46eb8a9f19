public import Raft

/// One member without its store: what it does with what clients, peers, the disk and time bring.
///
/// It wraps a `RaftCore` and has the same shape: one door, values in, values out.
public struct ReplicaCore: Sendable {
  public let id: MemberID
  public let boot: Boot
  public let settings: ReplicaSettings

  /// Starts from what was recovered. `seed` is new in each boot.
  public init(
    id: MemberID, boot: Boot, settings: ReplicaSettings, recovered: Recovered, seed: UInt64,
    now: Instant
  ) {
    self.id = id
    self.boot = boot
    self.settings = settings
  }

  public mutating func step(_ input: ReplicaInput) -> ReplicaEffects {
    ReplicaEffects()
  }
}
