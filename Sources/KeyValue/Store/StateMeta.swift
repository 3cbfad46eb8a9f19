/// The state beside the rows; it changes in the same transaction as they do.
public struct StateMeta: Hashable, Sendable {
  /// The last entry of the log that this state contains; zero: none.
  public var appliedIndex: UInt64
  public var appliedTerm: UInt64
  /// The store's revision; one in an empty store, as in etcd.
  public var revision: Int64
  /// The last revision that a client compacted; −1: none, as in etcd.
  public var compactRevision: Int64
  /// Physical compaction has removed everything superseded at or before this revision; −1: none.
  public var purgedRevision: Int64
  /// The highest row number ever given out.
  public var lastRow: RowNumber
  /// How many rows the table holds.
  public var rowCount: Int64
  /// Over every row ever written: equal on all members at equal applied index, whatever each of
  /// them has compacted physically.
  public var digest: StateDigest
  /// Over the rows that the table holds: a scan of the table gives the same, or it is damaged.
  public var presentDigest: StateDigest
  public var leases: LeaseMeta
  /// Those that are raised, ascending.
  public var alarms: [Alarm]

  public init(
    appliedIndex: UInt64 = 0, appliedTerm: UInt64 = 0, revision: Int64 = 1,
    compactRevision: Int64 = -1, purgedRevision: Int64 = -1, lastRow: RowNumber = 0,
    rowCount: Int64 = 0, digest: StateDigest = StateDigest(),
    presentDigest: StateDigest = StateDigest(), leases: LeaseMeta = LeaseMeta(),
    alarms: [Alarm] = []
  ) {
    self.appliedIndex = appliedIndex
    self.appliedTerm = appliedTerm
    self.revision = revision
    self.compactRevision = compactRevision
    self.purgedRevision = purgedRevision
    self.lastRow = lastRow
    self.rowCount = rowCount
    self.digest = digest
    self.presentDigest = presentDigest
    self.leases = leases
    self.alarms = alarms
  }
}
