/// What a database file of ours looks like from outside, checked before SQLite opens it, and its
/// schema, checked before anything is read.
struct DatabaseFormat {
  /// `PRAGMA application_id`: tells the file to `file(1)` and to us. "Quor" and "Quos".
  let application: UInt32
  let version: UInt32
  /// What files of earlier versions look like, the oldest first.
  let earlier: [Earlier]
  /// The last root page of the schema, which a file that can shrink keeps in its header; zero: the
  /// file does not shrink.
  let largestRoot: UInt32
  /// It is changed by a WAL; else with a rollback journal.
  let writesAhead: Bool
  /// Bytes of a page: of a new file, then of files that earlier builds made.
  let pageSizes: [Int]
  /// The statements that make the schema, in the order in which they are run.
  let schema: [String]

  /// A file that an earlier build made.
  struct Earlier {
    let version: UInt32
    let largestRoot: UInt32
    /// Its schema: so many statements of the present one, then some that are gone.
    let statements: Int
    var gone: [String] = []
  }

  /// A commit writes whole pages, and most commits are small.
  static let log = DatabaseFormat(
    application: 0x5175_6F72, version: 2,
    earlier: [Earlier(version: 1, largestRoot: 0, statements: 1, gone: [LogUpgrade.table])],
    largestRoot: 0, writesAhead: true, pageSizes: [1024, 4096],
    schema: ["CREATE TABLE record(kind INTEGER PRIMARY KEY, body BLOB NOT NULL)"])

  static let state = DatabaseFormat(
    application: 0x5175_6F73, version: 4,
    earlier: [
      Earlier(version: 1, largestRoot: 4, statements: 3),
      // The meta ends before the alarms.
      Earlier(version: 2, largestRoot: 5, statements: 4),
      // It has a WAL.
      Earlier(version: 3, largestRoot: 5, statements: 4),
    ], largestRoot: 5, writesAhead: false, pageSizes: [4096],
    schema: [
      "CREATE TABLE meta(id INTEGER PRIMARY KEY, body BLOB NOT NULL)",
      """
      CREATE TABLE row(number INTEGER PRIMARY KEY, mod_revision INTEGER NOT NULL, \
      sub_revision INTEGER NOT NULL, create_revision INTEGER NOT NULL, version INTEGER NOT NULL, \
      lease INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, checksum INTEGER NOT NULL)
      """,
      // The live keys, for people with `sqlite3 -readonly`.
      """
      CREATE VIEW current AS SELECT CAST(key AS TEXT) AS key, CAST(value AS TEXT) AS value, \
      create_revision, mod_revision, version, lease FROM row WHERE version > 0 AND number IN \
      (SELECT max(number) FROM row GROUP BY key)
      """,
      """
      CREATE TABLE lease(id INTEGER PRIMARY KEY, granted_ttl INTEGER NOT NULL, \
      renewed_at INTEGER NOT NULL, expiry INTEGER NOT NULL, checksum INTEGER NOT NULL)
      """,
    ])

  /// Makes the file: header, schema and what `fill` adds are one transaction.
  func create(
    on connection: Connection, _ fill: () throws(StorageError) -> Void
  ) throws(StorageError) {
    try connection.execute("PRAGMA page_size = \(pageSizes[0])")
    try connection.execute("PRAGMA auto_vacuum = \(largestRoot == 0 ? "NONE" : "INCREMENTAL")")
    try connection.execute("PRAGMA encoding = 'UTF-8'")
    if writesAhead { try connection.execute("PRAGMA journal_mode = WAL") }
    try connection.transaction { () throws(StorageError) in
      try connection.execute("PRAGMA application_id = \(application)")
      try connection.execute("PRAGMA user_version = \(version)")
      for statement in schema { try connection.execute(statement) }
      try fill()
    }
  }

  /// Checks what SQLite itself would take for another meaning instead of for damage: the bytes of
  /// the file's head (https://www.sqlite.org/fileformat2.html §1.3). Answers the page size.
  @discardableResult
  func checkHeader(of file: String, on fileSystem: any FileSystem) throws(StorageError) -> Int {
    guard fileSystem.exists(file) else { throw .damaged(file: file, place: "it is missing") }
    let head = try fileSystem.open(file).read(at: 0, count: 100)
    return try checkHeader(head, of: file)
  }

  /// As above, with the head at hand. Answers the page size.
  func checkHeader(_ head: [UInt8], of file: String) throws(StorageError) -> Int {
    guard head.count == 100 else { throw .damaged(file: file, place: "its header is short") }
    func number(_ offset: Int) -> UInt32 {
      head[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }
    let before = earlier.first { $0.version == number(60) }
    // The two bytes that say how a file is changed; earlier builds had a WAL for all.
    let journals: [[UInt8]] = writesAhead ? [[2, 2]] : [[1, 1], [2, 2]]
    let root = before?.largestRoot ?? largestRoot
    let isSound =
      head.starts(with: Array("SQLite format 3\0".utf8))
      && pageSizes.contains(Int(number(16) >> 16))
      && journals.contains(Array(head[18..<20]))
      && Array(head[20..<24]) == [0, 64, 32, 32]
      && number(44) == 4  // the schema's own format
      && number(48) == 0 && number(52) == root  // no default cache size; auto-vacuum
      && number(56) == 1  // UTF-8
      && number(64) == (largestRoot == 0 ? 0 : 1) && number(68) == application
      && head[72..<92].allSatisfy { $0 == 0 }
    guard isSound else { throw .damaged(file: file, place: "its header, bytes 0 to 99") }
    guard number(60) == version || before != nil else {
      throw .unknownFormat(file: file, found: Int(number(60)), newest: Int(version))
    }
    return Int(number(16) >> 16)
  }

  /// Which earlier version made the file; `nil`: the present one.
  func earlier(of connection: Connection) throws(StorageError) -> Earlier? {
    let found = try connection.text("PRAGMA user_version")
    return earlier.first { "\($0.version)" == found }
  }

  /// Adds what a file of an earlier version lacks, in one transaction.
  func upgrade(_ connection: Connection) throws(StorageError) {
    guard let before = try earlier(of: connection) else { return }
    try checkSchema(of: connection, as: before)
    try connection.transaction { () throws(StorageError) in
      for statement in schema.dropFirst(before.statements) { try connection.execute(statement) }
      try connection.execute("PRAGMA user_version = \(version)")
    }
  }

  /// Checks that the schema is ours to the letter.
  func checkSchema(of connection: Connection) throws(StorageError) {
    try checkSchema(of: connection, as: nil)
  }

  /// Checks that the schema is that of the version which the file names, and answers how many
  /// statements of ours it has.
  func checkOwnSchema(of connection: Connection) throws(StorageError) -> Int {
    let before = try earlier(of: connection)
    try checkSchema(of: connection, as: before)
    return before?.statements ?? schema.count
  }

  private func checkSchema(
    of connection: Connection, as before: Earlier?
  ) throws(StorageError) {
    let expected = before.map { schema.prefix($0.statements) + $0.gone } ?? schema[...]
    let found = try connection.text(
      "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_schema ORDER BY rowid)")
    guard found == expected.joined(separator: ";") else {
      throw .damaged(file: connection.file, place: "its schema")
    }
  }

  /// Checks every page in use, and that no free page is one of them.
  func checkStructure(of connection: Connection) throws(StorageError) {
    let verdict = try connection.text("PRAGMA quick_check(1)")
    guard verdict == "ok" else {
      throw .damaged(file: connection.file, place: verdict ?? "its structure")
    }
  }
}
