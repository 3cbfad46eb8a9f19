package import Base
package import KeyValue
package import Raft
import Replica
package import Storage

extension ReplicaLoop {
  /// What a member begins with.
  package struct Start: Sendable {
    var identity: Identity
    var boot: Boot
    /// `nil`: the store has not formed.
    var recovered: Recovered?
    /// Of the state as it was found.
    var leases: LeaseImage
    var upkeep: UpkeepFacts
    /// Applying this entry ended the process twice: no replica, no peers, only reads of what is
    /// there. `nil`: it did not.
    var poisoned: LogIndex?
    /// When the process began to look at its files.
    var startedAt: Instant

    package init(
      identity: Identity, boot: Boot, recovered: Recovered?, leases: LeaseImage,
      upkeep: UpkeepFacts, poisoned: LogIndex?, startedAt: Instant
    ) {
      self.identity = identity
      self.boot = boot
      self.recovered = recovered
      self.leases = leases
      self.upkeep = upkeep
      self.poisoned = poisoned
      self.startedAt = startedAt
    }
  }
}
