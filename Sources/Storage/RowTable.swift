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

  /// A copy of the row under a statement's cursor. What is checked is the copy, so that nothing
  /// that becomes of the original meanwhile gets into an answer.
  ///
  /// *Throws* `damaged` if the row is not the one that was written.
  static func row(by statement: Statement, in file: String) throws(StorageError) -> Row {
    let head = RowTable.head(by: statement)
    let row = Row(
      number: head.number, modRevision: head.modRevision, subRevision: head.subRevision,
      key: copy(statement.bytes(6)), value: copy(statement.bytes(7)),
      createRevision: head.createRevision, version: head.version, lease: head.lease)
    guard statement.number(8) == Int64(bitPattern: StateDigest(of: row).checksum) else {
      throw .damaged(file: file, place: "row \(head.number)")
    }
    return row
  }

  private static func copy(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    guard !bytes.isEmpty else { return [] }
    return [UInt8](unsafeUninitializedCapacity: bytes.count) { copy, count in
      UnsafeMutableRawBufferPointer(copy).copyMemory(from: bytes)
      count = bytes.count
    }
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
