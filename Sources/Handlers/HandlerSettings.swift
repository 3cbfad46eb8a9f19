package import Member
package import Replica
package import Services

/// What the handlers of clients' calls are told by the flags.
package struct HandlerSettings: Sendable {
  package var name: String
  /// How many members founded the store.
  package var founders: Int
  package var replica: ReplicaSettings
  package var requests: RequestLimits
  package var watches: WatchSettings
  package var locks: LockSettings
  /// What a request waits when its client names no deadline.
  package var requestTimeout: Duration

  package init(
    name: String, founders: Int, replica: ReplicaSettings, requests: RequestLimits,
    watches: WatchSettings, locks: LockSettings, requestTimeout: Duration
  ) {
    self.name = name
    self.founders = founders
    self.replica = replica
    self.requests = requests
    self.watches = watches
    self.locks = locks
    self.requestTimeout = requestTimeout
  }
}
