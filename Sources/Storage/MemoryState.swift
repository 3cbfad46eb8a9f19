public import KeyValue
public import Raft

/// A state file without a disk: flushes reach the disk when `maintain` or `sync` says so, and a
/// crash keeps any number of those since.
public final class MemoryState: StateStore {
  public let name: String
  public let generation: UInt64
  public var meta: StateMeta { current.meta }
  public var durableApplied: LogIndex { LogIndex(durable.meta.appliedIndex) }
  public var isCompactionHeld: Bool { holds > 0 }
  public var wantsMaintenance: Bool { false }
  public var usedBytes: UInt64 { UInt64(current.bytes) }
  public var hasGivenBackAll: Bool { true }
  private var current: Contents
  private var durable: Contents
  private var unsynced: [FlushBatch] = []
  private var holds = 0
  public let failure: StorageFailure

  /// Rows in number order, and what belongs to them.
  struct Contents {
    var rows: [Row] = []
    /// Ascending by id.
    var leases: [Lease] = []
    var meta = StateMeta()
    /// What the rows occupy, about.
    var bytes = 0

    /// Where the row with this number is, or would be.
    func position(of number: RowNumber) -> Int {
      var low = 0
      var high = rows.count
      while low < high {
        let middle = (low + high) / 2
        if rows[middle].number < number { low = middle + 1 } else { high = middle }
      }
      return low
    }

    mutating func take(_ batch: FlushBatch) {
      for row in batch.rows {
        precondition(
          row.number > rows.last?.number ?? 0, "row \(row.number) is not new")
        rows.append(row)
        bytes += row.memoryBytes
      }
      for number in batch.removed {
        let position = position(of: number)
        precondition(
          position < rows.count && rows[position].number == number, "row \(number) is not kept")
        bytes -= rows[position].memoryBytes
        rows.remove(at: position)
      }
      take(batch.leases, ended: batch.endedLeases)
      meta = batch.meta
    }

    private mutating func take(_ changed: [Lease], ended: [Int64]) {
      guard !(changed.isEmpty && ended.isEmpty) else { return }
      let gone = Set(changed.map(\.id) + ended)
      leases.removeAll { gone.contains($0.id) }
      leases = (leases + changed).sorted { $0.id < $1.id }
    }
  }

  init(generation: UInt64, contents: Contents, failure: StorageFailure) {
    self.generation = generation
    name = "state-\(generation).db"
    current = contents
    durable = contents
    self.failure = failure
  }

  public func scan(_ body: RowBody) throws(StorageError) {
    try failure.check()
    for row in current.rows {
      let verdict = row.key.withUnsafeBytes { key in
        row.value.withUnsafeBytes { value in
          Result { () throws(StoreDamage) in try body(row.head, key, value, StateDigest(of: row)) }
        }
      }
      if case .failure(let error) = verdict {
        throw failure.latch(.damaged(file: name, place: error.reason))
      }
    }
  }

  public func leases() throws(StorageError) -> [Lease] {
    try failure.check()
    return current.leases
  }

  public func rows(numbered numbers: [RowNumber]) throws -> [Row] {
    try failure.check()
    return try numbers.map { number throws(StorageError) in
      let position = current.position(of: number)
      guard position < current.rows.count, current.rows[position].number == number else {
        throw failure.latch(.damaged(file: name, place: "row \(number) is missing"))
      }
      return current.rows[position]
    }
  }

  func rows(from number: RowNumber, limit: Int) throws(StorageError) -> [Row] {
    try failure.check()
    return Array(current.rows[current.position(of: number)...].prefix(limit))
  }

  public func flush(_ batch: FlushBatch) throws(StorageError) {
    try failure.check()
    precondition(
      batch.meta.appliedIndex >= meta.appliedIndex,
      "applied goes back from \(meta.appliedIndex) to \(batch.meta.appliedIndex)")
    precondition(
      batch.removed.isEmpty || !isCompactionHeld, "rows are removed under a snapshot")
    current.take(batch)
    unsynced.append(batch)
  }

  public func maintain() throws(StorageError) { try sync() }

  public func giveBackAll() {}

  public func sync() throws(StorageError) {
    try failure.check()
    for batch in unsynced { durable.take(batch) }
    unsynced = []
  }

  public func openReader() throws(StorageError) -> any StateReader {
    MemoryStateReader(state: self)
  }

  public func openSnapshot() throws(StorageError) -> any SnapshotSource {
    try failure.check()
    holds += 1
    return MemorySnapshotSource(contents: current) { self.holds -= 1 }
  }

  public func close() throws(StorageError) {}

  /// What a power loss leaves: the durable state and this many of the flushes after it.
  func crash(keepingFlushes count: Int) -> Contents {
    var left = durable
    for batch in unsynced.prefix(count) { left.take(batch) }
    return left
  }

  /// Flushes that a crash may take.
  var unsyncedFlushes: Int { unsynced.count }
}

/// Reads a `MemoryState`.
final class MemoryStateReader: StateReader {
  let generation: UInt64
  private let state: MemoryState

  init(state: MemoryState) {
    self.state = state
    generation = state.generation
  }

  func rows(numbered numbers: [RowNumber]) throws -> [Row] { try state.rows(numbered: numbers) }

  func rows(from number: RowNumber, limit: Int) throws -> [Row] {
    try state.rows(from: number, limit: limit)
  }

  func inspect(from number: RowNumber, limit: Int) throws -> [Row]? {
    try state.rows(from: number, limit: limit)
  }

  func close() {}
}
