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

/// Writes an arriving snapshot into the state file of the next generation.
final class StateFileSink: SnapshotSink {
  /// Chunks of one transaction.
  private static let transactionChunks = 64

  private let path: String
  private let generation: UInt64
  private let directory: String
  private let fileSystem: any FileSystem
  private let failure: StorageFailure
  private let arrival: SnapshotArrival
  private var reader = SnapshotReader()
  private var connection: Connection?
  private var insert: Statement?
  private var leaseRows: LeaseRows?
  private var pendingChunks = 0

  init(
    path: String, generation: UInt64, directory: String, on fileSystem: any FileSystem,
    failure: StorageFailure, arrival: SnapshotArrival
  ) throws(StorageError) {
    self.path = path
    self.generation = generation
    self.directory = directory
    self.fileSystem = fileSystem
    self.failure = failure
    self.arrival = arrival
    let connection = try StateFile.begin(at: path, on: fileSystem)
    self.connection = connection
    insert = try connection.prepare(RowTable.insert)
    leaseRows = try LeaseRows(connection)
  }

  func receive(_ chunk: [UInt8]) throws(StorageError) {
    let piece = try reader.take(chunk)
    try failure.guarding { () throws(StorageError) in
      let (connection, insert) = open
      if pendingChunks == 0 { try connection.execute("BEGIN IMMEDIATE") }
      for row in piece.rows { try RowTable.insert(row, with: insert) }
      try leaseRows?.write(piece.leases)
      pendingChunks += 1
      if pendingChunks == StateFileSink.transactionChunks { try commit(connection) }
    }
  }

  private var open: (Connection, Statement) {
    guard let connection, let insert else {
      preconditionFailure("the snapshot was finished or abandoned before")
    }
    return (connection, insert)
  }

  private func commit(_ connection: Connection) throws(StorageError) {
    try connection.execute("COMMIT")
    pendingChunks = 0
    // Not synced with each piece: `finish` syncs the whole, and before it nothing refers to it.
    _ = try connection.checkpoint(.passive)
  }

  func finish() throws(StorageError) -> StateMeta {
    let meta = try reader.finish()
    try failure.guarding { () throws(StorageError) in
      let (connection, _) = open
      if pendingChunks > 0 { try commit(connection) }
      (insert, leaseRows) = (nil, nil)
      self.connection = nil
      try StateFile.end(connection, meta: meta)
      try fileSystem.syncDirectory(directory)
      arrival.announce(
        generation: generation,
        last: EntryID(term: Term(meta.appliedTerm), index: LogIndex(meta.appliedIndex)))
    }
    return meta
  }

  func abandon() {
    (insert, leaseRows) = (nil, nil)
    guard let connection else { return }
    self.connection = nil
    connection.close()
    // A leftover is removed at the next start or arrival.
    for name in [path, path + "-wal", path + "-shm"] { try? fileSystem.remove(name) }
  }
}
