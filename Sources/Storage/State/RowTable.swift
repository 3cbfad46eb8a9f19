import KeyValue

/// The rows of a state file as columns, with a checksum over all of them: 64 bits of the hash that
/// the state's digest is made of, so that one pass over a row proves both.
enum RowTable {
  static let columns =
    "number, mod_revision, sub_revision, create_revision, version, lease, key, value, checksum"
  static let insert = "INSERT INTO row(\(columns)) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"

  static func insert(_ row: Row, with statement: Statement) throws(StorageError) {
    statement.bind(row.number, at: 1)
    statement.bind(row.modRevision, at: 2)
    statement.bind(row.subRevision, at: 3)
    statement.bind(row.createRevision, at: 4)
    statement.bind(row.version, at: 5)
    statement.bind(row.lease, at: 6)
    try statement.bind(row.key, at: 7)
    try statement.bind(row.value, at: 8)
    statement.bind(Int64(bitPattern: StateDigest(of: row).checksum), at: 9)
    try statement.run()
  }

  /// The row under a statement's cursor; its bytes are good until the next step.
  struct Found {
    let head: RowHead
    let key: UnsafeRawBufferPointer
    let value: UnsafeRawBufferPointer
    let digest: StateDigest
  }

  /// The row under a statement's cursor.
  ///
  /// *Throws* `damaged` if the row is not the one that was written.
  static func row(by statement: Statement, in file: String) throws(StorageError) -> Row {
    var row: Row?
    try show(by: statement, in: file) { head, key, value in
      row = Row(head, key: key, value: value)
    }
    guard let row else { preconditionFailure("a sound row was not shown") }
    return row
  }

  /// Shows `body` a copy of the row under a statement's cursor. What is checked is the copy, so
  /// that nothing that becomes of the original meanwhile gets into an answer.
  ///
  /// *Throws* `damaged` if the row is not the one that was written.
  static func show(
    by statement: Statement, in file: String, _ body: RowVisitor
  ) throws(StorageError) {
    let head = RowTable.head(by: statement)
    let key = statement.bytes(6)
    let value = statement.bytes(7)
    let isSound = withUnsafeTemporaryAllocation(
      byteCount: key.count + value.count, alignment: 1
    ) { copy in
      let keyCopy = UnsafeMutableRawBufferPointer(rebasing: copy[..<key.count])
      let valueCopy = UnsafeMutableRawBufferPointer(rebasing: copy[key.count...])
      keyCopy.copyBytes(from: key)
      valueCopy.copyBytes(from: value)
      let (key, value) = (UnsafeRawBufferPointer(keyCopy), UnsafeRawBufferPointer(valueCopy))
      let digest = StateDigest(of: head, key: key, value: value)
      guard statement.number(8) == Int64(bitPattern: digest.checksum) else { return false }
      body(head, key, value)
      return true
    }
    guard isSound else { throw .damaged(file: file, place: "row \(head.number)") }
  }

  private static func head(by statement: Statement) -> RowHead {
    RowHead(
      number: statement.number(0), modRevision: statement.number(1),
      subRevision: statement.number(2), createRevision: statement.number(3),
      version: statement.number(4), lease: statement.number(5))
  }

  /// *Throws* `damaged` if the row is not the one that was written.
  static func found(by statement: Statement, in file: String) throws(StorageError) -> Found {
    let head = RowTable.head(by: statement)
    // A column whose type has changed gives another value, or one that means the same.
    let key = statement.bytes(6)
    let value = statement.bytes(7)
    let digest = StateDigest(of: head, key: key, value: value)
    guard statement.number(8) == Int64(bitPattern: digest.checksum) else {
      throw .damaged(file: file, place: "row \(head.number)")
    }
    return Found(head: head, key: key, value: value, digest: digest)
  }
}
