/// Reading what happened, revision by revision: for watches that memory does not serve any more.
extension ReadView {
  /// The changes from a revision on: a bounded piece. Rows that were superseded at or before the
  /// compacted revision may be gone, so what begins there or later has no gap.
  ///
  /// *Throws* only what `reading` throws, and `CommandError.compacted` as a result.
  public func changes(
    _ request: ChangeRequest, cache: inout RowCache, reading: any ChangeReading
  ) throws -> Result<ChangePiece, CommandError> {
    guard request.from >= meta.compactRevision else { return .failure(.compacted) }
    guard request.from <= revision else {
      return .success(ChangePiece(from: request.from, through: revision, changes: []))
    }
    var walk = ChangeWalk(request, in: state, reading: reading)
    var changes = try walk.rows().map { ChangePiece.Change(row: $0, previous: nil) }
    try addPrevious(to: &changes, request, cache: &cache, reading: reading)
    return .success(
      ChangePiece(from: request.from, through: walk.through, changes: changes))
  }

  /// As in etcd, a pair that compaction has made unreadable is left out, and what is created has
  /// none before it, not even if its revision deleted the key first (etcd watch.go sendLoop).
  private func addPrevious(
    to changes: inout [ChangePiece.Change], _ request: ChangeRequest, cache: inout RowCache,
    reading: any ChangeReading
  ) throws {
    let wanted = request.interests.filter(\.previousPairs).map { KeyBounds($0.range) }
    guard !wanted.isEmpty else { return }
    var slots: [Int] = []
    var numbers: [RowNumber] = []
    for (slot, change) in changes.enumerated() {
      let before = change.row.modRevision - 1
      guard change.row.createRevision != change.row.modRevision, before >= meta.compactRevision,
        wanted.contains(where: { $0.holds(change.row.key) }),
        let version = state.index.version(of: change.row.key, at: before)
      else { continue }
      slots.append(slot)
      numbers.append(version.number)
    }
    var source = RowSource(taking: &cache, table: reading)
    defer { cache = source.cache }
    do throws(ReadFailure) {
      let rows = try source.rows(numbers, window: state.window)
      for (slot, row) in zip(slots, rows) { changes[slot].previous = row }
    } catch {
      throw error.world
    }
  }
}

extension KeyBounds {
  func holds(_ key: [UInt8]) -> Bool {
    guard ByteOrder.compare(lower, key) <= 0 else { return false }
    return upper.map { ByteOrder.compare(key, $0) < 0 } ?? true
  }
}

/// A walk through the rows from a revision on, first those that only the table has.
private struct ChangeWalk {
  /// Rows of one read of the table.
  private static let stride = 128

  let request: ChangeRequest
  let state: StoreState
  let reading: any ChangeReading
  let bounds: [KeyBounds]
  /// Everything up to here was looked at.
  private(set) var through: Int64
  private var looked = 0
  private var bytes = 0
  private var last: Int64

  init(_ request: ChangeRequest, in state: StoreState, reading: any ChangeReading) {
    self.request = request
    self.state = state
    self.reading = reading
    bounds = request.interests.map { KeyBounds($0.range) }
    through = state.meta.revision
    last = request.from
  }

  /// The rows of interest, whole revisions only.
  mutating func rows() throws -> [Row] {
    var found: [Row] = []
    var next = try firstRow()
    let stride = min(Self.stride, request.limitRows)
    while next < state.window.first {
      let rows = try reading.rows(from: next, limit: stride)
      // The table may hold rows that the window holds as well.
      for row in rows where row.number < state.window.first {
        guard take(row, into: &found) else { return found }
      }
      let end = rows.count < stride ? nil : rows.last.map { $0.number + 1 }
      next = min(end ?? state.window.first, state.window.first)
    }
    while let row = state.window.row(next) {
      guard take(row, into: &found) else { return found }
      next += 1
    }
    return found
  }

  /// False: the piece is full, and the row begins the next one.
  private mutating func take(_ row: Row, into found: inout [Row]) -> Bool {
    if row.modRevision > last {
      if looked >= request.limitRows || bytes >= request.limitBytes {
        through = row.modRevision - 1
        return false
      }
      last = row.modRevision
    }
    looked += 1
    if bounds.contains(where: { $0.holds(row.key) }) {
      found.append(row)
      bytes += row.memoryBytes
    }
    return true
  }

  /// The number of the first row of the revision or a later one: rows ascend in both.
  private func firstRow() throws -> RowNumber {
    if let row = state.window.row(state.window.first), row.modRevision < request.from {
      return search(from: state.window.first, to: state.window.next) { number in
        state.window.row(number)
      }
    }
    return try search(from: 1, to: state.window.first) { number in
      try reading.rows(from: number, limit: 1).first
    }
  }

  /// `end` when none of the rows before it qualifies. `row`: the first at or after a number.
  private func search(
    from start: RowNumber, to end: RowNumber, _ row: (RowNumber) throws -> Row?
  ) rethrows -> RowNumber {
    var (low, high) = (start, end)
    while low < high {
      let middle = low + (high - low) / 2
      guard let row = try row(middle), row.number < high else {
        high = middle
        continue
      }
      if row.modRevision < request.from { low = row.number + 1 } else { high = middle }
    }
    return low
  }
}
