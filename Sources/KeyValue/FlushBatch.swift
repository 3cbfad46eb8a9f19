/// What the flusher writes in ONE transaction.
public struct FlushBatch: Hashable, Sendable {
  /// New rows, in number order.
  public var rows: [Row]
  /// Compacted rows that no live root needs, to be deleted, in ascending order. All of them were
  /// flushed before this batch was taken.
  public var removed: [RowNumber]
  /// The state after all of it: exactly the one at the end of entry `meta.appliedIndex`.
  public var meta: StateMeta

  public init(rows: [Row], removed: [RowNumber], meta: StateMeta) {
    self.rows = rows
    self.removed = removed
    self.meta = meta
  }
}
