public import KeyValue
public import Raft

/// `state-<generation>.db`: rows and meta, written by one connection of one thread.
///
/// A rollback journal with `synchronous=FULL`: a flush is durable when it returns, and each page is
/// written once, for rows are added at the end, where there is nothing to roll back. Readers are
/// kept out for the length of a commit (Docs/Decisions/0020-a-rollback-journal.md).
public final class StateFile: StateStore {
  public var name: String { shared.path }
  public var generation: UInt64 { shared.generation }
  public var failure: StorageFailure { shared.failure }
  public var isCompactionHeld: Bool { shared.isHeld }
  public private(set) var meta: StateMeta
  public var durableApplied: LogIndex { LogIndex(meta.appliedIndex) }
  public private(set) var wantsMaintenance = false
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
    try StateFile.end(connection, meta: StateMeta(), on: fileSystem)
  }

  /// A new file without a meta row: no state yet. Nothing of it is synced, nor whole after a crash,
  /// before `end`; until then nothing refers to it.
  static func begin(
    at path: String, on fileSystem: any FileSystem
  ) throws(StorageError) -> Connection {
    for leftover in [path, path + "-wal", path + "-shm", path + "-journal"] {
      try fileSystem.remove(leftover)
    }
    let connection = try Connection(path, .create, on: fileSystem)
    try connection.execute("PRAGMA journal_mode = OFF")
    try connection.execute("PRAGMA synchronous = OFF")
    try DatabaseFormat.state.create(on: connection) {}
    return connection
  }

  /// The meta row, and everything onto the disk.
  static func end(
    _ connection: Connection, meta: StateMeta, on fileSystem: any FileSystem
  ) throws(StorageError) {
    let put = try connection.prepare(StateFile.putMeta)
    try StateFile.write(meta, with: put)
    connection.close()
    try fileSystem.open(connection.file).sync()
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
    // What ends a flush is the wiped head of its journal: in sight, it must be on the disk. The WAL
    // is one of an earlier build.
    for suffix in ["-journal", "-wal"] { try shared.fileSystem.settle(path + suffix) }
    connection = try Connection(path, .write, on: shared.fileSystem)
    guard try connection.text("PRAGMA journal_mode = PERSIST") == "persist" else {
      throw .failed(file: path, action: "end the WAL of", reason: "it is in use")
    }
    connection.wait(forLockMilliseconds: settings.lockMilliseconds)
    try connection.execute("PRAGMA journal_size_limit = \(StateFile.journalBytes)")
    try connection.execute("PRAGMA synchronous = FULL")
    try connection.execute("PRAGMA cache_size = -2048")
    // The file changes in commits alone, which readers stay out of.
    try connection.execute("PRAGMA cache_spill = OFF")
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
  }

  /// What stays of the journal between flushes.
  private static let journalBytes = 1 << 20

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
      try whenUnlocked { () throws(StorageError) in
        do throws(StorageError) {
          try write(batch)
        } catch .full where reserve.release() {
          try write(batch)
        }
      }
      meta = batch.meta
    }
  }

  /// Runs a transaction again for as long as another process, which reads the file, keeps its
  /// commit out. Between two tries our own readers get their turn.
  private func whenUnlocked(_ body: () throws(StorageError) -> Void) throws(StorageError) {
    for _ in 1..<settings.lockTries {
      do throws(StorageError) {
        return try body()
      } catch {
        guard case .failed(_, _, reason: let reason) = error, reason == Connection.lockedOut else {
          throw error
        }
      }
    }
    try body()
  }

  private func write(_ batch: FlushBatch) throws(StorageError) {
    let gate = shared.gate
    try connection.transaction(
      committing: { (commit) throws(StorageError) in try gate.alone(commit) }
    ) { () throws(StorageError) in
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

  /// Gives free pages back, some at a time.
  public func maintain() throws(StorageError) {
    try failure.guarding { () throws(StorageError) in
      do throws(StorageError) {
        try whenUnlocked { () throws(StorageError) in
          let (_, rest) = try freePages.giveBack(
            limit: settings.vacuumPages, isShort: reserve.isShort || !hasGivenBackAll,
            alone: shared.gate)
          wantsMaintenance = rest > 0
          if rest == 0 { hasGivenBackAll = true }
        }
      } catch .full {
        // No room even to make room: after the next removal perhaps.
        wantsMaintenance = false
        hasGivenBackAll = true
      }
      usedBytes = try freePages.usedBytes()
    }
  }

  public func giveBackAll() {
    hasGivenBackAll = false
    wantsMaintenance = true
  }

  public func sync() throws(StorageError) { try failure.check() }

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
    try failure.check()
  }
}
