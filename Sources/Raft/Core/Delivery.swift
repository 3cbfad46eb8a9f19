/// How far the state machine was fed, and how far it got (`lastApplied`, Raft §5.3).
struct Delivery: Hashable, Sendable {
  /// The last entry handed to the state machine in this boot, or what it stood at.
  var handedOver: LogIndex
  /// The last entry that it reported as applied.
  var applied: LogIndex
  /// Bytes of the entries in `(applied, handedOver]`.
  var unappliedBytes = 0
  /// The snapshot that it must move to before it is fed again.
  var installing: LogBase?
  /// The entries that are being read from disk for it.
  var fetching: LogFetch?

  init(applied: LogIndex) {
    handedOver = applied
    self.applied = applied
  }
}

/// How much of the log a crash of the state machine would need again.
struct Retention: Hashable, Sendable {
  /// Applied up to here would survive a crash.
  var durableApplied: LogIndex
  /// Bytes of the entries after the base and up to `durableApplied`.
  var bytesBehind = 0

  init(base: LogIndex) { durableApplied = base }
}
