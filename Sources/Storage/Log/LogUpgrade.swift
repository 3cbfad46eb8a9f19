import Raft

/// Moves the log of a `raft.db` of format 1, which had it in a table, into segments.
enum LogUpgrade {
  static let table = "CREATE TABLE log(first INTEGER PRIMARY KEY, body BLOB NOT NULL)"

  /// Writes all entries into `log`, and then, in one transaction, makes the file one of format 2; a
  /// file that is one already is left alone. `record`: what it says of its files from then on.
  ///
  /// *Throws* `damaged` with the place.
  static func run(
    on connection: Connection, into log: EntryLog, _ record: BaseRecord
  ) throws(StorageError) {
    guard try DatabaseFormat.log.earlier(of: connection) != nil else { return }
    let entries = try entries(in: connection)
    // What an upgrade that was cut short has left goes; then it is as if there were no log.
    try log.begin(with: entries)
    let records = try RecordTable(connection)
    try connection.transaction { () throws(StorageError) in
      try connection.execute("DROP TABLE log")
      try connection.execute("PRAGMA user_version = \(DatabaseFormat.log.version)")
      try records.write(.base, record.encoded())
    }
  }

  /// Each row: format, count, then length, CRC-32C and bytes of each entry from `first` on.
  private static func entries(in connection: Connection) throws(StorageError) -> [Entry] {
    let rows = try connection.prepare("SELECT first, body FROM log ORDER BY first")
    defer { rows.reset() }
    var entries: [Entry] = []
    while try rows.step() {
      let first = UInt64(bitPattern: rows.number(0))
      guard let row = decode(Array(rows.bytes(1))), row[0].index.number == first,
        entries.last?.index.next ?? row[0].index == row[0].index
      else { throw .damaged(file: connection.file, place: "log row \(first)") }
      entries += row
    }
    return entries
  }

  private static func decode(_ bytes: [UInt8]) -> [Entry]? {
    var cursor = ByteCursor(bytes)
    guard cursor.number(UInt8.self) == 1, let count = cursor.number(UInt32.self), count > 0
    else { return nil }
    var entries: [Entry] = []
    for _ in 0..<count {
      guard let length = cursor.number(UInt32.self), let checksum = cursor.number(UInt32.self),
        let slice = cursor.take(Int(length)), slice.checksum == checksum,
        let entry = try? Entry(decoding: Array(slice)),
        entry.index == entries.last?.index.next ?? entry.index
      else { return nil }
      entries.append(entry)
    }
    return cursor.remaining == 0 ? entries : nil
  }
}
