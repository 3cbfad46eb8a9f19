import CSQLite

/// One SQLite connection: used by one thread at a time, closed without a word to the disk.
///
/// *Throws* errors that are not latched yet; its owner knows which of them end the store.
final class Connection {
  enum Purpose {
    /// Makes the file; it must not exist.
    case create
    /// The one connection that writes and checkpoints the file.
    case write
    /// Reads beside the writer.
    case read
  }

  /// The file's path.
  let file: String
  /// Frames in the WAL after the last commit on this connection.
  private(set) var walFrames = 0
  private var handle: OpaquePointer?
  /// Begin and commit, once a transaction was asked for.
  private var transactionStatements: (Statement, Statement)?
  /// Keeps the VFS alive as long as SQLite may call it.
  private let fileSystem: any FileSystem

  init(_ file: String, _ purpose: Purpose, on fileSystem: any FileSystem) throws(StorageError) {
    self.file = file
    self.fileSystem = fileSystem
    var flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX
    if purpose == .create { flags |= SQLITE_OPEN_CREATE }
    let code = sqlite3_open_v2(file, &handle, flags, fileSystem.vfs)
    guard code == SQLITE_OK else { throw error(code, "open") }
    sqlite3_extended_result_codes(handle, 1)
    wait(forLockMilliseconds: 2_000)
    // A checkpoint on close would sync again after a sync that failed; `finish` asks for it.
    quorate_sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    quorate_sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1)
    quorate_sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    // It takes the place of SQLite's own automatic checkpoint; a pragma about that would take
    // it away again.
    let context = Unmanaged.passUnretained(self).toOpaque()
    sqlite3_wal_hook(
      handle,
      { context, _, _, frames in
        Unmanaged<Connection>.fromOpaque(context!).takeUnretainedValue().walFrames = Int(frames)
        return SQLITE_OK
      }, context)
    try execute("PRAGMA temp_store = MEMORY")
    // Debian builds SQLite so that what is deleted is overwritten with zeros: each page of the log
    // would be written twice more.
    try execute("PRAGMA secure_delete = OFF")
    if purpose == .read {
      try execute("PRAGMA query_only = ON")
      // Pages where the system has them, and of each only what a row needs: every row that is
      // read proves itself, and nothing is written from what a reader sees (Docs/Storage.md).
      try execute("PRAGMA cell_size_check = OFF")
      try execute("PRAGMA mmap_size = \(Connection.mappedBytes)")
    } else {
      try execute("PRAGMA cell_size_check = ON")
      try execute("PRAGMA mmap_size = 0")
    }
  }

  /// Runs `body` while this connection maps what it reads, as readers do. For a check of the whole
  /// file, before anything is written.
  func mapped(_ body: () throws(StorageError) -> Void) throws(StorageError) {
    try execute("PRAGMA mmap_size = \(Connection.mappedBytes)")
    try body()
    try execute("PRAGMA mmap_size = 0")
  }

  /// What is mapped of a file at most, as far as SQLite was built to; the rest it reads.
  private static let mappedBytes = 1 << 40

  deinit { close() }

  /// Finalizes its statements too: they are of no use afterwards.
  func close() {
    guard let handle else { return }
    sqlite3_wal_hook(handle, nil, nil)
    while let statement = sqlite3_next_stmt(handle, nil) { sqlite3_finalize(statement) }
    let code = sqlite3_close(handle)
    precondition(code == SQLITE_OK, "a connection to \(file) cannot be closed: \(code)")
    self.handle = nil
  }

  var isOpen: Bool { handle != nil }

  /// How long a call waits while another process holds a lock on the file.
  func wait(forLockMilliseconds milliseconds: Int32) {
    sqlite3_busy_timeout(handle, milliseconds)
  }

  /// The reason of an error: the file was locked for as long as a call waits.
  static let lockedOut = "another process holds it locked"

  func execute(_ sql: String) throws(StorageError) {
    let code = sqlite3_exec(handle, sql, nil, nil, nil)
    guard code == SQLITE_OK else { throw error(code, "execute “\(sql)” on") }
  }

  /// Adds a table of our own making; `release` is called with `context` when the connection
  /// closes.
  func create(
    table name: String, _ methods: UnsafePointer<sqlite3_module>,
    context: UnsafeMutableRawPointer,
    release: @escaping @convention(c) (UnsafeMutableRawPointer?) -> Void
  ) throws(StorageError) {
    let code = sqlite3_create_module_v2(handle, name, methods, context, release)
    guard code == SQLITE_OK else { throw error(code, "make “\(name)” on") }
  }

  func prepare(_ sql: String) throws(StorageError) -> Statement {
    var statement: OpaquePointer?
    let code = sqlite3_prepare_v3(
      handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
    guard code == SQLITE_OK, let statement else { throw error(code, "prepare “\(sql)” on") }
    return Statement(statement, of: self)
  }

  /// Everything in `body`, or nothing. `committing` runs the commit that it is given.
  func transaction(
    committing: (() throws(StorageError) -> Void) throws(StorageError) -> Void = {
      (commit) throws(StorageError) in try commit()
    },
    _ body: () throws(StorageError) -> Void
  ) throws(StorageError) {
    let (begin, commit) = try boundaries()
    try begin.run()
    do {
      try body()
      try committing { () throws(StorageError) in try commit.run() }
    } catch {
      // Some errors have rolled back already; a failing rollback changes nothing more.
      if sqlite3_get_autocommit(handle) == 0 { try? execute("ROLLBACK") }
      throw error
    }
  }

  private func boundaries() throws(StorageError) -> (Statement, Statement) {
    if let transactionStatements { return transactionStatements }
    let statements = (try prepare("BEGIN IMMEDIATE"), try prepare("COMMIT"))
    transactionStatements = statements
    return statements
  }

  /// The first row's first column as text; `nil`: no row.
  func text(_ sql: String) throws(StorageError) -> String? {
    let statement = try prepare(sql)
    defer { statement.reset() }
    return try statement.step() ? statement.text(0) : nil
  }

  enum Checkpoint { case passive, truncate }

  /// Moves frames from the WAL into the file; whether all of them were moved and are synced.
  ///
  /// *Throws* what ends the store. A full disk or a reader in the way only answers false: the
  /// frames stay in the WAL.
  func checkpoint(_ kind: Checkpoint) throws(StorageError) -> Bool {
    let mode =
      switch kind {
      case .passive: SQLITE_CHECKPOINT_PASSIVE
      case .truncate: SQLITE_CHECKPOINT_TRUNCATE
      }
    var frames: Int32 = 0
    var moved: Int32 = 0
    let code = sqlite3_wal_checkpoint_v2(handle, nil, mode, &frames, &moved)
    switch code & 0xFF {
    case SQLITE_OK:
      guard frames == moved else { return false }
      walFrames = 0
      return true
    case SQLITE_BUSY, SQLITE_FULL:
      return false
    default:
      throw error(code, "checkpoint")
    }
  }

  /// From here on a commit is one write to the WAL. *Precondition*: the only connection of its
  /// file, each of whose commits ends with a sync; the WAL was opened by a first read.
  func gatherWrites() throws(StorageError) { WALBuffer.insert(before: try walFile()) }

  /// The WAL's open file.
  private func walFile() throws(StorageError) -> UnsafeMutablePointer<sqlite3_file> {
    var file: UnsafeMutablePointer<sqlite3_file>?
    let code = sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file)
    guard code == SQLITE_OK, let file, file.pointee.pMethods != nil else {
      throw error(code, "find the WAL of")
    }
    return file
  }

  /// Rows changed by the last statement.
  var changes: Int { Int(sqlite3_changes(handle)) }

  /// What of a commit it was that failed; `nil`: the code does not tell.
  private static func failedAction(_ code: Int32) -> String? {
    guard code & 0xFF == SQLITE_IOERR else { return nil }
    return switch code >> 8 {
    case 3: "write to"
    case 4, 5: "sync"
    case 6: "cut"
    default: nil
    }
  }

  /// Says what the last call ran into.
  func error(_ code: Int32, _ action: String) -> StorageError {
    let message = handle.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
    let system = handle.map { sqlite3_system_errno($0) } ?? 0
    switch code & 0xFF {
    case SQLITE_FULL:
      return .full(file: file)
    case SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_ERROR, SQLITE_MISMATCH, SQLITE_CONSTRAINT:
      // Our own statements are right, so an error in one of them is an error in the schema.
      return .damaged(file: file, place: "\(message) (could not \(action) it)")
    case SQLITE_BUSY:
      return .failed(file: file, action: action, reason: Self.lockedOut)
    case SQLITE_CANTOPEN, SQLITE_READONLY, SQLITE_PERM:
      return .unwritable(path: file, reason: message)
    default:
      return .failed(
        file: file, action: Self.failedAction(code) ?? action,
        reason: "\(message) (SQLite \(code)" + (system == 0 ? ")" : ", errno \(system))"))
    }
  }
}
