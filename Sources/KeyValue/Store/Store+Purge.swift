extension Store {
  /// Prepares up to `limitRows` compacted rows for removal with the next flush batch. True: call
  /// again, there may be more; false: nothing to do until the next flush, or until a read view
  /// older than the compaction is gone.
  ///
  /// Works toward the compact revision that is already in the table, so that the table never lacks
  /// a row which its own meta calls readable. Not to be called while a snapshot of the table is
  /// being read.
  ///
  /// *Throws* only what `reading` throws; the member stops.
  public mutating func purge(limitRows: Int, reading: any RowReading) throws -> Bool {
    precondition(isWhole, "entry \(state.meta.appliedIndex + 1) is half applied")
    precondition(limitRows > 0, "a purge of \(limitRows) rows")
    let target = purgeWalk?.target ?? flushedEnd.meta.compactRevision
    guard target > state.meta.purgedRevision, !isViewInUse(before: target) else { return false }
    // Taken out: a second owner would make each change copy all that is gathered.
    var walk = purgeWalk.take() ?? PurgeWalk(target: target)
    if walk.gathers(upTo: limitRows * Self.rowsGathered) {
      gather(&walk, limitRows: limitRows * Self.gatherPace)
    } else {
      try remove(walk.take(limitRows), reading)
    }
    purgeWalk = walk.isDone ? nil : walk
    if walk.isDone { state.meta.purgedRevision = walk.target }
    return purgeWalk != nil
  }

  /// Of rows that a call may remove: how many are gathered before the first is.
  private static let rowsGathered = 1_024
  /// The same: how many are gathered in a call, which takes no reading.
  private static let gatherPace = 4

  /// Takes rows out of the index alone.
  private mutating func gather(_ walk: inout PurgeWalk, limitRows: Int) {
    let found = state.index.trimmable(from: walk.next ?? [], asOf: walk.target, limit: limitRows)
    walk.next = found.next
    var removed: [RowNumber] = []
    for key in found.keys {
      removed += state.index.trim(key, asOf: walk.target, limit: limitRows - removed.count)
      if removed.count == limitRows {
        // The key may have more versions than the budget.
        walk.next = key
        break
      }
    }
    walk.add(removed)
  }

  /// There is more to purge now, or there will be once older read views are gone and the compaction
  /// is in the table.
  public var needsPurge: Bool { state.meta.compactRevision > state.meta.purgedRevision }

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
      purgedDigest = purgedDigest + digest
      blocks.remove(row.number, digest)
      unsettledBlocks.insert(BlockDigests.number(of: row.number))
    }
    purgedCount += Int64(rows.count)
    purged += numbers
    state.meta.presentDigest = state.meta.digest - purgedDigest
    state.meta.rowCount = state.meta.lastRow - purgedCount
  }

  /// Whether a read view may still read what compaction at `revision` removes.
  private mutating func isViewInUse(before revision: Int64) -> Bool {
    var inUse: [(compactRevision: Int64, hold: ReadViewHold)] = []
    while var older = olderHolds.popLast() {
      if !isKnownUniquelyReferenced(&older.hold) { inUse.append(older) }
    }
    olderHolds = inUse.reversed()
    return olderHolds.contains { $0.compactRevision < revision }
  }
}

/// A purge under way. It looks at the keys in their order, but rows leave the table in the order of
/// their numbers, in which they lie there: twelve that share a page are one page to write.
struct PurgeWalk: Sendable {
  /// A later compaction waits for the next walk.
  let target: Int64
  /// All keys before it have been looked at; `nil`: all keys.
  var next: [UInt8]? = []
  /// Rows that no read view shows, by the block that they lie in.
  private var found: [Int64: [RowNumber]] = [:]
  private var count = 0
  /// The blocks that are yet to go, the first one last; none while rows are gathered.
  private var order: [Int64] = []

  init(target: Int64) { self.target = target }

  var isDone: Bool { next == nil && count == 0 }

  /// Whether to look for more rows before any is removed.
  func gathers(upTo limit: Int) -> Bool { next != nil && order.isEmpty && count < limit }

  mutating func add(_ numbers: [RowNumber]) {
    for number in numbers { found[BlockDigests.number(of: number), default: []].append(number) }
    count += numbers.count
  }

  /// The first rows of those that are left, ascending.
  mutating func take(_ limit: Int) -> [RowNumber] {
    if order.isEmpty { order = found.keys.sorted(by: >) }
    var taken: [RowNumber] = []
    while taken.count < limit, let block = order.popLast() {
      let numbers = found.removeValue(forKey: block)?.sorted() ?? []
      let fitting = min(numbers.count, limit - taken.count)
      taken += numbers[..<fitting]
      guard fitting < numbers.count else { continue }
      found[block] = Array(numbers[fitting...])
      order.append(block)
    }
    count -= taken.count
    return taken
  }
}
