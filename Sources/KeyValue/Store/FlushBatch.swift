/// What the flusher writes in ONE transaction.
public struct FlushBatch: Hashable, Sendable {
  /// New rows, in number order.
  public var rows: [Row]
  /// Compacted rows that no live read view needs, to be deleted, in ascending order. All of them
  /// were flushed before this batch was taken.
  public var removed: [RowNumber]
  /// Leases that are new or have changed, ascending by id.
  public var leases: [Lease]
  /// Leases that have ended, ascending. Some may never have been flushed.
  public var endedLeases: [Int64]
  /// The state after all of it: exactly the one at the end of entry `meta.appliedIndex`.
  public var meta: StateMeta

  public init(
    rows: [Row], removed: [RowNumber], leases: [Lease] = [], endedLeases: [Int64] = [],
    meta: StateMeta
  ) {
    self.rows = rows
    self.removed = removed
    self.leases = leases
    self.endedLeases = endedLeases
    self.meta = meta
  }
}
