import CSQLite

/// A prepared statement; positions of parameters count from one, of columns from zero.
///
/// It is finalized with its connection, which prepares a handful of them in its life.
final class Statement {
  private let handle: OpaquePointer
  private unowned let connection: Connection

  init(_ handle: OpaquePointer, of connection: Connection) {
    self.handle = handle
    self.connection = connection
  }

  func bind(_ number: Int64, at position: Int32) {
    precondition(connection.isOpen, "\(connection.file) is used after it was closed")
    let code = sqlite3_bind_int64(handle, position, number)
    precondition(code == SQLITE_OK, "parameter \(position) does not exist: \(code)")
  }

  func bind(_ bytes: [UInt8], at position: Int32) throws(StorageError) {
    let code = bytes.withUnsafeBytes { buffer in
      // An empty array has no address, and SQLite takes that for NULL.
      buffer.isEmpty
        ? sqlite3_bind_zeroblob(handle, position, 0)
        : quorate_sqlite3_bind_copy(handle, position, buffer.baseAddress, Int32(buffer.count))
    }
    guard code == SQLITE_OK else { throw connection.error(code, "write to") }
  }

  /// Whether there is a (further) row.
  func step() throws(StorageError) -> Bool {
    precondition(connection.isOpen, "\(connection.file) is used after it was closed")
    let code = sqlite3_step(handle)
    switch code {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    default:
      defer { sqlite3_reset(handle) }
      throw connection.error(code, sqlite3_stmt_readonly(handle) == 0 ? "write to" : "read")
    }
  }

  /// Runs `body` at each row, without what `step` does for every single one, and resets.
  func forEach(_ body: () throws(StorageError) -> Void) throws(StorageError) {
    precondition(connection.isOpen, "\(connection.file) is used after it was closed")
    defer { sqlite3_reset(handle) }
    while true {
      let code = sqlite3_step(handle)
      if code == SQLITE_DONE { return }
      guard code == SQLITE_ROW else { throw connection.error(code, "read") }
      try body()
    }
  }

  /// Runs it with `number` for its one parameter, for one row at most, and resets. Answers whether
  /// there was one.
  func first(
    _ number: Int64, _ body: () throws(StorageError) -> Void
  ) throws(StorageError) -> Bool {
    bind(number, at: 1)
    defer { sqlite3_reset(handle) }
    let code = sqlite3_step(handle)
    if code == SQLITE_DONE { return false }
    guard code == SQLITE_ROW else { throw connection.error(code, "read") }
    try body()
    return true
  }

  /// Runs it to its end and makes it ready for the next time.
  func run() throws(StorageError) {
    while try step() {}
    reset()
  }

  /// Ends the statement's read transaction.
  func reset() {
    precondition(connection.isOpen, "\(connection.file) is used after it was closed")
    sqlite3_reset(handle)
  }

  func number(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

  /// The column's bytes, good until the next step.
  func bytes(_ column: Int32) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      start: sqlite3_column_blob(handle, column), count: Int(sqlite3_column_bytes(handle, column)))
  }

  func text(_ column: Int32) -> String {
    sqlite3_column_text(handle, column).map { String(cString: $0) } ?? ""
  }
}
