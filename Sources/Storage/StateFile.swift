public import KeyValue
public import Raft

#if Mutants
  import Mutants
#endif

/// `state-<generation>.db`: rows and meta, written by one connection of one thread.
///
/// WAL with `synchronous=NORMAL`: a flush is not durable by itself; the log replays what a power
/// loss takes, because it is cut only up to `durableApplied`.
public final class StateFile: StateStore {
  public var name: String { shared.path }
  public var generation: UInt64 { shared.generation }
  public var failure: StorageFailure { shared.failure }
  public var isCompactionHeld: Bool { shared.isHeld }
  public private(set) var meta: StateMeta
  public private(set) var durableApplied: LogIndex
  public private(set) var wantsTending = false
  public private(set) var usedBytes: UInt64 = 0
  public private(set) var hasGivenBackAll = true
  private let shared: StateShared
  private let connection: Connection
  private let reserve: Reserve
  private let settings: StorageSettings
  private let insertRow: Statement
  private let deleteRow: Statement
  private let putMeta: Statement
  private let allRows: Statement
  private let leaseRows: LeaseRows
  private let freePages: FreePages
  private let reader: RowReader

  /// Makes a file that holds nothing, or what `fill` puts in, synced; the directory's sync is the
  /// caller's.
  static func create(
    at path: String, on fileSystem: any FileSystem
  ) throws(StorageError) {
    let connection = try StateFile.begin(at: path, on: fileSystem)
    try StateFile.end(connection, meta: StateMeta())
  }

  /// A new file without a meta row: no state yet.
  static func begin(
    at path: String, on fileSystem: any FileSystem
  ) throws(StorageError) -> Connection {
    for leftover in [path, path + "-wal", path + "-shm", path + "-journal"] {
      try fileSystem.remove(leftover)
    }
    let connection = try Connection(path, .create, on: fileSystem)
    try connection.execute("PRAGMA synchronous = NORMAL")
    try DatabaseFormat.state.create(on: connection) {}
    return connection
  }

  /// The meta row, and everything onto the disk. `isAlone`: the file shall need no other beside it
  /// to be read, ever.
  static func end(
    _ connection: Connection, meta: StateMeta, isAlone: Bool = false
  ) throws(StorageError) {
    let put = try connection.prepare(StateFile.putMeta)
    try StateFile.write(meta, with: put)
    guard try connection.checkpoint(.truncate) else { throw .full(file: connection.file) }
    if isAlone {
      guard try connection.text("PRAGMA journal_mode = DELETE") == "delete" else {
        throw .failed(file: connection.file, action: "end the WAL of", reason: "it is in use")
      }
    }
    connection.close()
  }

  private static let putMeta = "INSERT OR REPLACE INTO meta(id, body) VALUES (1, ?1)"

  private static func write(_ meta: StateMeta, with put: Statement) throws(StorageError) {
    var bytes: [UInt8] = []
    meta.encode(into: &bytes)
    try put.bind(Record.seal(.meta, bytes), at: 1)
    try put.run()
  }

  /// *Throws* `damaged` if the meta row is not what was written.
  static func meta(on connection: Connection) throws(StorageError) -> StateMeta {
    let get = try connection.prepare("SELECT body FROM meta WHERE id = 1")
    defer { get.reset() }
    guard try get.step(), let bytes = Record.open(.meta, Array(get.bytes(0))) else {
      throw .damaged(file: connection.file, place: "its meta record")
    }
    var cursor = ByteCursor(bytes)
    guard let meta = StateMeta(from: &cursor), cursor.remaining == 0 else {
      throw .damaged(file: connection.file, place: "its meta record")
    }
    return meta
  }

  /// Opens the file and checks its structure and meta; the rows are for `scan`.
  init(
    opening shared: StateShared, reserve: Reserve, settings: StorageSettings
  ) throws(StorageError) {
    self.shared = shared
    self.reserve = reserve
    self.settings = settings
    let path = shared.path
    try DatabaseFormat.state.checkHeader(of: path, on: shared.fileSystem)
    try shared.fileSystem.settle(path + "-wal")
    connection = try Connection(path, .write, on: shared.fileSystem)
    try connection.execute("PRAGMA synchronous = NORMAL")
    try connection.execute("PRAGMA cache_size = -2048")
    try DatabaseFormat.state.upgrade(connection)
    try DatabaseFormat.state.checkSchema(of: connection)
    // The scan proves every page in use, at half the cost. Free pages it does not see, and a
    // wrong one of them would be written over.
    freePages = try FreePages(connection)
    if try freePages.count > 0 {
      try DatabaseFormat.state.checkStructure(of: connection)
    }
    insertRow = try connection.prepare(RowTable.insert)
    deleteRow = try connection.prepare("DELETE FROM row WHERE number = ?1")
    putMeta = try connection.prepare(StateFile.putMeta)
    allRows = try connection.prepare("SELECT \(RowTable.columns) FROM row ORDER BY number")
    leaseRows = try LeaseRows(connection)
    reader = try RowReader(connection)
    let meta = try StateFile.meta(on: connection)
    self.meta = meta
    usedBytes = try freePages.usedBytes()
    durableApplied = .zero
    // What the last run left in the WAL becomes durable here, unless a foreign reader is in the
    // way; then the next checkpoint says so.
    if try connection.checkpoint(.truncate) { durableApplied = LogIndex(meta.appliedIndex) }
  }

  public func scan(_ body: RowBody) throws(StorageError) {
    try failure.guarding { () throws(StorageError) in
      let (rows, name) = (allRows, name)
      var previous: RowNumber = 0
      try connection.mapped { () throws(StorageError) in
        try rows.forEach { () throws(StorageError) in
          let found = try RowTable.found(by: rows, in: name)
          guard found.head.number > previous else {
            throw .damaged(file: name, place: "row \(found.head.number) after row \(previous)")
          }
          previous = found.head.number
          do throws(StoreDamage) {
            try body(found.head, found.key, found.value, found.digest)
          } catch {
            throw .damaged(file: name, place: error.reason)
          }
        }
      }
    }
  }

  public func leases() throws(StorageError) -> [Lease] {
    try failure.guarding { () throws(StorageError) in try leaseRows.all() }
  }

  public func rows(numbered numbers: [RowNumber]) throws -> [Row] {
    try failure.guarding { () throws(StorageError) in
      var rows: [Row] = []
      rows.reserveCapacity(numbers.count)
      try reader.read(numbers[...], into: &rows)
      return rows
    }
  }

  public func flush(_ batch: FlushBatch) throws(StorageError) {
    try failure.guarding { () throws(StorageError) in
      precondition(
        batch.meta.appliedIndex >= meta.appliedIndex,
        "applied goes back from \(meta.appliedIndex) to \(batch.meta.appliedIndex)")
      precondition(
        batch.removed.isEmpty || !isCompactionHeld, "rows are removed under a snapshot")
      do throws(StorageError) {
        try write(batch)
      } catch .full where reserve.release() {
        try write(batch)
      }
      meta = batch.meta
    }
  }

  private func write(_ batch: FlushBatch) throws(StorageError) {
    #if Mutants
      if Mutant.writesIndexApart.isPlanted {
        try connection.transaction { () throws(StorageError) in
          try StateFile.write(batch.meta, with: putMeta)
        }
      }
    #endif
    try connection.transaction { () throws(StorageError) in
      for row in batch.rows { try RowTable.insert(row, with: insertRow) }
      for number in batch.removed {
        deleteRow.bind(number, at: 1)
        try deleteRow.run()
        guard connection.changes == 1 else {
          throw .damaged(file: name, place: "row \(number) is missing")
        }
      }
      try leaseRows.write(batch.leases, ended: batch.endedLeases)
      try StateFile.write(batch.meta, with: putMeta)
    }
  }

  /// Gives free pages back, and checkpoints once enough pages wait; above the WAL's limit
  /// new reads wait until the WAL begins anew.
  public func tend() throws(StorageError) {
    try failure.guarding { () throws(StorageError) in
      let isShorter = try giveBack()
      usedBytes = try freePages.usedBytes()
      guard connection.walFrames >= settings.checkpointPages || isShorter else { return }
      let isDone =
        connection.walFrames < settings.walLimitPages
        ? try connection.checkpoint(.passive)
        : try shared.gate.alone { () throws(StorageError) in try connection.checkpoint(.restart) }
      if isDone { durableApplied = LogIndex(meta.appliedIndex) }
      // A reader in the way only puts off when the file gets shorter.
      if isShorter { hasGivenBackAll = true }
    }
  }

  public func giveBackAll() {
    hasGivenBackAll = false
    wantsTending = true
  }

  /// Whether the file has just given all that it is to give: a checkpoint makes it shorter.
  private func giveBack() throws(StorageError) -> Bool {
    do throws(StorageError) {
      let (given, rest) = try freePages.giveBack(
        limit: settings.vacuumPages, isShort: reserve.isShort || !hasGivenBackAll)
      wantsTending = rest > 0
      // Also where nothing was to be given: whoever asked for all waits for a checkpoint.
      return rest == 0 && (given > 0 || !hasGivenBackAll)
    } catch .full {
      // No room even to make room: after the next checkpoint or removal perhaps.
      wantsTending = false
      hasGivenBackAll = true
      return false
    }
  }

  public func sync() throws(StorageError) {
    try failure.guarding { () throws(StorageError) in
      guard durableApplied.number < meta.appliedIndex else { return }
      try connection.syncWAL()
      durableApplied = LogIndex(meta.appliedIndex)
    }
  }

  public func openReader() throws(StorageError) -> any StateReader {
    try failure.guarding { () throws(StorageError) in try StateFileReader(shared) }
  }

  public func openSnapshot() throws(StorageError) -> any SnapshotSource {
    try failure.guarding { () throws(StorageError) in
      try StateFileSnapshot(meta: meta, leases: leaseRows.all(), shared)
    }
  }

  public func close() throws(StorageError) {
    defer { connection.close() }
    try failure.guarding { () throws(StorageError) in
      _ = try connection.checkpoint(.truncate)
    }
  }
}
