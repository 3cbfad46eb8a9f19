extension Store {
  /// What to write next, about `limitBytes` of rows but at least one entry's; `nil`: nothing to
  /// write, or the last batch was not reported yet.
  public mutating func takeFlushBatch(limitBytes: Int) -> FlushBatch? {
    precondition(isWhole, "entry \(state.meta.appliedIndex + 1) is half applied")
    guard inFlight == nil else { return nil }
    var end = nextEnd(limitBytes)
    guard
      end.meta.appliedIndex > flushedEnd.meta.appliedIndex || !purged.isEmpty
        || state.meta.purgedRevision != flushedEnd.meta.purgedRevision
    else { return nil }
    // Purged rows were flushed long ago: what is true of them now was true at this end too.
    end.meta.purgedRevision = state.meta.purgedRevision
    end.meta.presentDigest = end.meta.digest - purgedDigest
    end.meta.rowCount = end.meta.lastRow - purgedCount
    let first = flushedEnd.meta.lastRow + 1
    let (changed, ended) = takeLeases(through: end.meta.appliedIndex)
    let batch = FlushBatch(
      rows: first > end.meta.lastRow ? [] : state.window.rows(first...end.meta.lastRow),
      removed: purged.sorted(), leases: changed, endedLeases: ended, meta: end.meta)
    settlingBlocks = Set(purged.map(BlockDigests.number))
    purged = []
    inFlight = end
    return batch
  }

  /// What became of each lease that has changed up to this entry.
  private mutating func takeLeases(through index: UInt64) -> (changed: [Lease], ended: [Int64]) {
    guard !leaseJournal.isEmpty else { return ([], []) }
    let count = leaseJournal.firstIndex { $0.index > index } ?? leaseJournal.count
    var fates: [Int64: Lease?] = [:]
    for change in leaseJournal[..<count] { fates[change.id] = .some(change.lease) }
    leaseJournal.removeFirst(count)
    return (
      fates.values.compactMap { $0 }.sorted { $0.id < $1.id },
      fates.filter { $0.value == nil }.keys.sorted()
    )
  }

  /// The batch taken last is in the table: readable by everybody, not necessarily durable.
  ///
  /// *Precondition*: `appliedIndex` is that batch's.
  public mutating func flushed(through appliedIndex: UInt64) {
    guard let end = inFlight, end.meta.appliedIndex == appliedIndex else {
      preconditionFailure(
        "flushed \(appliedIndex) instead of \(String(describing: inFlight?.meta.appliedIndex))")
    }
    flushedEnd = end
    inFlight = nil
    if !unsettledBlocks.isEmpty {
      // What was purged since the batch was taken is still in the table.
      let left = Set(purged.map(BlockDigests.number))
      unsettledBlocks.subtract(settlingBlocks.subtracting(left))
      settlingBlocks = []
    }
    boundaries.removeAll { $0.meta.appliedIndex <= appliedIndex }
    state.window.drop(through: end.meta.lastRow, keepingBytes: settings.recentLimitBytes)
  }

  /// Takes the batch that the flusher has for written, so that the last one begins behind it.
  public mutating func passOverFlight() {
    if let inFlight { flushed(through: inFlight.meta.appliedIndex) }
  }

  /// The furthest end of an entry that is within the limit, else the nearest.
  private func nextEnd(_ limitBytes: Int) -> Boundary {
    let now = Boundary(meta: state.meta, appliedBytes: appliedBytes)
    let limit = flushedEnd.appliedBytes + max(0, limitBytes)
    guard appliedBytes > limit, !boundaries.isEmpty else { return now }
    return boundaries.last { $0.appliedBytes <= limit } ?? boundaries[0]
  }
}
