extension Store {
  /// Prepares up to `limitRows` compacted rows for removal with the next flush batch. True: call
  /// again, there may be more; false: nothing to do until the next flush, or until a root older
  /// than the compaction is gone.
  ///
  /// Works toward the compact revision that is already in the table, so that the table never lacks
  /// a row which its own meta calls readable. Not to be called while a snapshot of the table is
  /// being read.
  ///
  /// *Throws* only what `reading` throws; the member stops.
  public mutating func scrub(limitRows: Int, reading: any RowReading) throws -> Bool {
    precondition(isWhole, "entry \(state.meta.appliedIndex + 1) is half applied")
    precondition(limitRows > 0, "a scrub of \(limitRows) rows")
    let walk = scrubWalk ?? ScrubWalk(target: flushedEnd.meta.compactRevision, next: [])
    let target = walk.target
    guard target > state.meta.scrubbedRevision, !isRootInUse(before: target) else { return false }

    let found = state.index.trimmable(from: walk.next, asOf: target, limit: limitRows)
    var next = found.next
    var removed: [RowNumber] = []
    for key in found.keys {
      let budget = limitRows - removed.count
      removed += state.index.trim(key, asOf: target, limit: budget)
      if removed.count == limitRows {
        // The key may have more versions than the budget.
        next = key
        break
      }
    }
    try remove(removed, reading)
    scrubWalk = next.map { ScrubWalk(target: target, next: $0) }
    if scrubWalk == nil { state.meta.scrubbedRevision = target }
    return scrubWalk != nil
  }

  /// There is more to scrub now, or there will be once older roots are gone and the compaction is
  /// in the table.
  public var needsScrub: Bool { state.meta.compactRevision > state.meta.scrubbedRevision }

  /// The rows are hashed before they go: the digest of what remains is a difference.
  private mutating func remove(_ numbers: [RowNumber], _ reading: any RowReading) throws {
    guard !numbers.isEmpty else { return }
    var source = RowSource(taking: &cache, table: reading)
    defer { cache = source.cache }
    let rows: [Row]
    do throws(ReadFailure) {
      rows = try source.rows(numbers, window: state.window)
    } catch {
      isWhole = false
      throw error.world
    }
    for row in rows {
      let digest = StateDigest(of: row)
      scrubbedDigest = scrubbedDigest + digest
      blocks.remove(row.number, digest)
      unsettledBlocks.insert(BlockDigests.number(of: row.number))
    }
    scrubbedCount += Int64(rows.count)
    scrubbed += numbers
    state.meta.presentDigest = state.meta.digest - scrubbedDigest
    state.meta.rowCount = state.meta.lastRow - scrubbedCount
  }

  /// Whether a root may still read what compaction at `revision` removes.
  private mutating func isRootInUse(before revision: Int64) -> Bool {
    var inUse: [(compactRevision: Int64, hold: RootHold)] = []
    while var older = olderHolds.popLast() {
      if !isKnownUniquelyReferenced(&older.hold) { inUse.append(older) }
    }
    olderHolds = inUse.reversed()
    return olderHolds.contains { $0.compactRevision < revision }
  }
}

/// A scrub under way: all keys before `next` are done for `target`.
struct ScrubWalk: Sendable {
  /// A later compaction waits for the next walk.
  var target: Int64
  var next: [UInt8]
}
