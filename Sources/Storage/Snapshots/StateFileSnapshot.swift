import KeyValue
import Raft

/// Sends a state file's rows up to the last flush at its beginning, each piece in a short
/// transaction: later flushes only add rows with higher numbers, and none is removed meanwhile.
final class StateFileSnapshot: SnapshotSource {
  let meta: StateMeta
  private let shared: StateShared
  private let connection: Connection
  private let select: Statement
  private var writer: SnapshotWriter
  private var lastRow: RowNumber = 0
  private var isClosed = false

  /// `leases`: as of the same flush. They change in place, so they are read at once.
  init(meta: StateMeta, leases: [Lease], _ shared: StateShared) throws(StorageError) {
    self.meta = meta
    self.shared = shared
    writer = SnapshotWriter(meta: meta, leases: leases)
    connection = try Connection(shared.path, .read, on: shared.fileSystem)
    select = try connection.prepare(
      """
      SELECT \(RowTable.columns) FROM row WHERE number > ?1 AND number <= ?2 ORDER BY number
      """)
    shared.hold()
  }

  deinit { close() }

  func next(limitBytes: Int) throws(StorageError) -> [UInt8]? {
    precondition(!isClosed, "a closed snapshot is read")
    return try shared.failure.guarding { () throws(StorageError) in
      if !writer.hasBegun { return writer.head() }
      if let chunk = writer.leaseChunk(limitBytes) { return chunk }
      let hasRows = try shared.gate.reading { () throws(StorageError) in
        try fill(limitBytes)
      }
      return hasRows ? writer.chunk() : writer.end()
    }
  }

  /// Whether there was at least one row more.
  private func fill(_ limitBytes: Int) throws(StorageError) -> Bool {
    select.bind(lastRow, at: 1)
    select.bind(meta.lastRow, at: 2)
    defer { select.reset() }
    var hasRows = false
    while try select.step() {
      let row = try RowTable.row(by: select, in: shared.path)
      guard writer.wants(row, limitBytes) else { break }
      writer.add(row)
      lastRow = row.number
      hasRows = true
    }
    return hasRows
  }

  func close() {
    guard !isClosed else { return }
    isClosed = true
    connection.close()
    shared.release()
  }
}

/// Writes an arriving snapshot into a state file of its own, to which nothing refers until the log
/// installs it. It belongs to one thread.
final class StateFileSink: SnapshotSink {
  private let path: String
  private let fileSystem: any FileSystem
  private let failure: StorageFailure
  private let arrivals: SnapshotArrivals
  private let writer: StateFileWriter

  init(
    path: String, on fileSystem: any FileSystem, failure: StorageFailure,
    arrivals: SnapshotArrivals
  ) throws(StorageError) {
    self.path = path
    self.fileSystem = fileSystem
    self.failure = failure
    self.arrivals = arrivals
    writer = try StateFileWriter(at: path, on: fileSystem)
  }

  func receive(_ chunk: [UInt8]) throws(StorageError) {
    let piece = try writer.take(chunk)
    try failure.guardingSpare { () throws(StorageError) in try writer.write(piece) }
  }

  func finish() throws(StorageError) -> StateMeta {
    let meta = try writer.check()
    try failure.guardingSpare { () throws(StorageError) in try writer.finish(meta) }
    arrivals.announce(
      path, last: EntryID(term: Term(meta.appliedTerm), index: LogIndex(meta.appliedIndex)))
    return meta
  }

  func abandon() {
    writer.abandon()
    // A leftover is removed at the next start.
    if arrivals.withdraw(path) { try? fileSystem.remove(path) }
  }
}
