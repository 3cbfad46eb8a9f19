import KeyValue
import Testing

/// A table of rows as the state file is one: whole batches or nothing, and no row that a read view
/// needs may be missing.
final class Table: ChangeReading {
  struct Lost: Error {}

  private(set) var rows: [RowNumber: Row] = [:]
  private(set) var leases: [Int64: Lease] = [:]
  private(set) var meta = StateMeta()
  /// Every read fails while this is set.
  var isBroken = false
  private(set) var reads = 0

  func rows(numbered numbers: [RowNumber]) throws -> [Row] {
    reads += 1
    guard !isBroken else { throw Lost() }
    return try numbers.map { number in
      guard let row = rows[number] else {
        Issue.record("row \(number) was removed too early, or never flushed")
        throw Lost()
      }
      return row
    }
  }

  func rows(from number: RowNumber, limit: Int) throws -> [Row] {
    guard !isBroken else { throw Lost() }
    return Array(inOrder.filter { $0.number >= number }.prefix(limit))
  }

  func write(_ batch: FlushBatch) {
    #expect(batch.rows.map(\.number) == batch.rows.indices.map { meta.lastRow + 1 + Int64($0) })
    for row in batch.rows { rows[row.number] = row }
    for number in batch.removed {
      #expect(rows.removeValue(forKey: number) != nil, "row \(number) was not there")
    }
    for lease in batch.leases { leases[lease.id] = lease }
    for id in batch.endedLeases { leases[id] = nil }
    meta = batch.meta
    #expect(meta.leases.count == Int64(leases.count))
    let leaseDigest = leases.values.reduce(StateDigest()) { $0 + StateDigest(of: $1) }
    #expect(meta.leases.digest == leaseDigest)
    #expect(meta.rowCount == Int64(rows.count))
    #expect(meta.presentDigest == rows.values.reduce(StateDigest()) { $0 + StateDigest(of: $1) })
  }

  var inOrder: [Row] { rows.values.sorted { $0.number < $1.number } }

  /// What a member does at its start.
  func load(settings: StoreSettings = StoreSettings()) throws -> Store {
    var loader = StoreLoader(meta: meta, generation: 1, settings: settings)
    for lease in leases.values { loader.add(lease) }
    for row in inOrder { try loader.add(row) }
    return try loader.finish()
  }
}

extension Store {
  /// Applies the next entry.
  mutating func run(_ command: Command, _ table: Table) throws -> Applied {
    try apply(index: meta.appliedIndex + 1, term: 1, command, reading: table)
  }

  /// Flushes one batch, if there is one.
  mutating func flush(to table: Table, limitBytes: Int = .max / 2) {
    guard let batch = takeFlushBatch(limitBytes: limitBytes) else { return }
    table.write(batch)
    flushed(through: batch.meta.appliedIndex)
  }
}

extension Row {
  /// `key=value@mod` and what a life adds: short enough to read in a table.
  var text: String {
    let parts = [key, value].map { String(decoding: $0, as: UTF8.self) }
    return "\(parts[0])=\(parts[1])@\(modRevision)"
  }
}
