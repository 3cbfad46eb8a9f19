package import Member
import Foundation
import Raft
package import Replica
package import Storage
package import Transport

/// What the lanes, the replica's loop and the search for a place are told by the flags.
package struct HostSettings: Sendable {
  package var name: String
  package var dataDirectory: String
  package var initialCluster: InitialCluster
  /// The store is there already: without a data directory this member joins it, and with one the
  /// list of members is only where to ask.
  package var joins: Bool
  /// A member that was wiped asks for a new place by itself.
  package var rejoins: Bool
  /// Forget which entry ended this member, and try to apply it once more.
  package var appliesAgain: Bool
  package var replica: ReplicaSettings
  package var storage: StorageSettings
  package var scrub: ScrubPace
  /// The link switch and the lab's disk are there.
  package var isLab: Bool
  /// A kill is a power loss: the next start takes back what was not synced.
  package var isDiskVolatile: Bool
  /// Where clients are told to reach this member.
  package var advertisedClientURLs: [String]
  /// What a request of the member itself waits.
  package var requestTimeout: Duration

  package init(
    name: String, dataDirectory: String, initialCluster: InitialCluster, joins: Bool,
    rejoins: Bool, appliesAgain: Bool, replica: ReplicaSettings, storage: StorageSettings,
    scrub: ScrubPace, isLab: Bool, isDiskVolatile: Bool, advertisedClientURLs: [String],
    requestTimeout: Duration
  ) {
    self.name = name
    self.dataDirectory = dataDirectory
    self.initialCluster = initialCluster
    self.joins = joins
    self.rejoins = rejoins
    self.appliesAgain = appliesAgain
    self.replica = replica
    self.storage = storage
    self.scrub = scrub
    self.isLab = isLab
    self.isDiskVolatile = isDiskVolatile
    self.advertisedClientURLs = advertisedClientURLs
    self.requestTimeout = requestTimeout
  }

  /// Whether the data directory is a member's already.
  package var hasDirectory: Bool {
    FileManager.default.fileExists(atPath: dataDirectory + "/raft.db")
  }

  /// A session is given up after three election timeouts of silence.
  package var transport: TransportSettings {
    var transport = TransportSettings()
    transport.idleTimeout = replica.raft.electionTimeout * 3
    return transport
  }

  /// What is in flight at a SIGTERM may take so long.
  var shutdownTimeout: Duration { replica.raft.electionTimeout * 2 }
}
