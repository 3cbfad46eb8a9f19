import Raft

/// The rows of `raft.db`, through prepared statements.
final class LogTable {
  let records: RecordTable
  private let connection: Connection
  private let insert: Statement
  private let deleteFrom: Statement
  private let deleteBefore: Statement
  private let rowAtOrBefore: Statement
  private let rowsFrom: Statement

  init(_ connection: Connection) throws(StorageError) {
    self.connection = connection
    records = try RecordTable(connection)
    insert = try connection.prepare("INSERT OR REPLACE INTO log(first, body) VALUES (?1, ?2)")
    deleteFrom = try connection.prepare("DELETE FROM log WHERE first >= ?1")
    // The row that holds the entry after ?1 stays, and with it perhaps a few before it.
    deleteBefore = try connection.prepare(
      """
      DELETE FROM log WHERE first < \
      (SELECT first FROM log WHERE first <= ?1 + 1 ORDER BY first DESC LIMIT 1)
      """)
    rowAtOrBefore = try connection.prepare(
      "SELECT first, body FROM log WHERE first <= ?1 ORDER BY first DESC LIMIT 1")
    rowsFrom = try connection.prepare(
      "SELECT first, body FROM log WHERE first >= ?1 ORDER BY first")
  }

  /// Carries out the edit inside the caller's transaction; `baseRecord` goes with a new base.
  func apply(_ edit: LogEdit, baseRecord: [UInt8]) throws(StorageError) {
    if let first = edit.truncateFrom { try truncate(from: first) }
    var rest = edit.entries[...]
    while let first = rest.first {
      let (bytes, count) = LogRow.encode(rest)
      insert.bind(Int64(first.index.number), at: 1)
      try insert.bind(bytes, at: 2)
      try insert.run()
      rest = rest.dropFirst(count)
    }
    if let state = edit.hardState { try records.write(.hardState, state.encoded()) }
    if let base = edit.base {
      try records.write(.base, baseRecord)
      deleteBefore.bind(Int64(base.last.index.number), at: 1)
      try deleteBefore.run()
    }
  }

  private func truncate(from first: LogIndex) throws(StorageError) {
    if first.number > 1, let row = try row(atOrBefore: first.previous),
      let tail = row.last, tail.index >= first
    {
      let kept = row.prefix { $0.index < first }
      let (bytes, count) = LogRow.encode(kept)
      precondition(count == kept.count, "\(kept.count) entries of one row fit into \(count)")
      insert.bind(Int64(row[0].index.number), at: 1)
      try insert.bind(bytes, at: 2)
      try insert.run()
    }
    deleteFrom.bind(Int64(first.number), at: 1)
    try deleteFrom.run()
  }

  /// Every entry after the base, checked for gaps; `nil`: not formed, so there may be none.
  func all(after base: EntryID?) throws(StorageError) -> [Entry] {
    var found: [Entry] = []
    rowsFrom.bind(0, at: 1)
    defer { rowsFrom.reset() }
    var previous: EntryID?
    while try rowsFrom.step() {
      let row = try decode(rowsFrom)
      guard let base, row[0].index <= base.index.next || previous != nil else {
        throw .damaged(
          file: connection.file, place: "entries before \(row[0].index.number) are missing")
      }
      if let previous, row[0].index != previous.index.next || row[0].term < previous.term {
        throw .damaged(
          file: connection.file, place: "entry \(previous.index.number + 1) of the log")
      }
      for entry in row {
        if entry.index > base.index { found.append(entry) }
        guard entry.index != base.index || entry.id == base else {
          throw .damaged(file: connection.file, place: "entry \(entry.index.number) of the log")
        }
      }
      previous = row[row.count - 1].id
    }
    guard previous?.index ?? base?.index ?? .zero >= base?.index ?? .zero else {
      throw .damaged(file: connection.file, place: "the end of the log is missing")
    }
    return found
  }

  /// The id of the entry in this slot; `nil`: not kept.
  func id(at index: LogIndex) throws(StorageError) -> EntryID? {
    try row(atOrBefore: index)?.first { $0.index == index }?.id
  }

  /// *Precondition*: the first entry of the wish is kept.
  func entries(_ wish: LogFetch) throws(StorageError) -> [Entry] {
    guard let start = try row(atOrBefore: wish.first)?[0].index else { throw missing(wish.first) }
    var found: [Entry] = []
    var bytes = 0
    rowsFrom.bind(Int64(start.number), at: 1)
    defer { rowsFrom.reset() }
    while try rowsFrom.step() {
      for entry in try decode(rowsFrom) where entry.index >= wish.first {
        guard entry.index <= wish.last else { return found }
        bytes += entry.approximateLength
        if !found.isEmpty, bytes > wish.limitBytes { return found }
        guard entry.index.number == wish.first.number + UInt64(found.count) else {
          throw missing(entry.index.previous)
        }
        found.append(entry)
      }
    }
    guard !found.isEmpty else { throw missing(wish.first) }
    return found
  }

  private func missing(_ index: LogIndex) -> StorageError {
    .damaged(file: connection.file, place: "entry \(index.number) of the log is missing")
  }

  private func row(atOrBefore index: LogIndex) throws(StorageError) -> [Entry]? {
    rowAtOrBefore.bind(Int64(index.number), at: 1)
    defer { rowAtOrBefore.reset() }
    return try rowAtOrBefore.step() ? decode(rowAtOrBefore) : nil
  }

  private func decode(_ statement: Statement) throws(StorageError) -> [Entry] {
    let first = LogIndex(UInt64(bitPattern: statement.number(0)))
    do {
      return try LogRow.decode(Array(statement.bytes(1)), first: first)
    } catch {
      throw .damaged(file: connection.file, place: error.place)
    }
  }
}

/// The single records of `raft.db`.
final class RecordTable {
  private let connection: Connection
  private let put: Statement
  private let get: Statement

  init(_ connection: Connection) throws(StorageError) {
    self.connection = connection
    put = try connection.prepare("INSERT OR REPLACE INTO record(kind, body) VALUES (?1, ?2)")
    get = try connection.prepare("SELECT body FROM record WHERE kind = ?1")
  }

  func write(_ kind: Record.Kind, _ payload: [UInt8]) throws(StorageError) {
    put.bind(Int64(kind.rawValue), at: 1)
    try put.bind(Record.seal(kind, payload), at: 2)
    try put.run()
  }

  func read(_ kind: Record.Kind) throws(StorageError) -> [UInt8] {
    get.bind(Int64(kind.rawValue), at: 1)
    defer { get.reset() }
    guard try get.step(), let payload = Record.open(kind, Array(get.bytes(0))) else {
      throw .damaged(file: connection.file, place: "its \(kind) record")
    }
    return payload
  }
}
