import CSQLite
import KeyValue

/// The row numbers that are asked for, as a table for SQLite to walk through (`wanted`), so that
/// one run of one statement reads many rows: to begin and end one costs a third of finding a row.
///
/// It belongs to one connection, which keeps it alive, and to one running statement at a time.
final class WantedRows {
  /// What is still to come of the list.
  private struct Rest {
    var next: UnsafePointer<RowNumber>?
    var count = 0
  }

  /// The table as SQLite sees it, and behind that what ours needs to know.
  private struct Table {
    var base: sqlite3_vtab
    var list: UnsafeMutablePointer<Rest>
    var rest: UnsafeMutablePointer<Rest>
  }

  private let methods = UnsafeMutablePointer<sqlite3_module>.allocate(capacity: 1)
  private let list = UnsafeMutablePointer<Rest>.allocate(capacity: 1)
  private let rest = UnsafeMutablePointer<Rest>.allocate(capacity: 1)

  /// *Throws* if the connection has a table of that name.
  static func make(on connection: Connection) throws(StorageError) -> WantedRows {
    let wanted = WantedRows()
    try connection.create(
      table: "wanted", wanted.methods, context: Unmanaged.passRetained(wanted).toOpaque()
    ) { Unmanaged<WantedRows>.fromOpaque($0!).release() }
    return wanted
  }

  private init() {
    list.initialize(to: Rest())
    rest.initialize(to: Rest())
    // Without a way to create one, the table is there by itself and nowhere in the schema.
    methods.initialize(to: sqlite3_module())
    methods.pointee.xConnect = { connection, context, _, _, made, _ in
      WantedRows.connect(connection, context!, made!)
    }
    methods.pointee.xDisconnect = { base in
      UnsafeMutableRawPointer(base!).assumingMemoryBound(to: Table.self).deallocate()
      return SQLITE_OK
    }
    methods.pointee.xBestIndex = { _, plan in
      plan!.pointee.estimatedCost = 1
      return SQLITE_OK
    }
    methods.pointee.xOpen = { _, cursor in
      let made = UnsafeMutablePointer<sqlite3_vtab_cursor>.allocate(capacity: 1)
      made.initialize(to: sqlite3_vtab_cursor())
      cursor!.pointee = made
      return SQLITE_OK
    }
    methods.pointee.xClose = { cursor in
      cursor!.deallocate()
      return SQLITE_OK
    }
    methods.pointee.xFilter = { cursor, _, _, _, _ in
      let table = WantedRows.table(under: cursor!)
      table.pointee.rest.pointee = table.pointee.list.pointee
      return SQLITE_OK
    }
    methods.pointee.xNext = { cursor in
      let rest = WantedRows.table(under: cursor!).pointee.rest
      rest.pointee.next! += 1
      rest.pointee.count -= 1
      return SQLITE_OK
    }
    methods.pointee.xEof = { cursor in
      WantedRows.table(under: cursor!).pointee.rest.pointee.count == 0 ? 1 : 0
    }
    methods.pointee.xColumn = { cursor, answer, _ in
      sqlite3_result_int64(
        answer, WantedRows.table(under: cursor!).pointee.rest.pointee.next!.pointee)
      return SQLITE_OK
    }
    methods.pointee.xRowid = { cursor, number in
      number!.pointee = WantedRows.table(under: cursor!).pointee.rest.pointee.next!.pointee
      return SQLITE_OK
    }
  }

  deinit {
    methods.deallocate()
    list.deallocate()
    rest.deallocate()
  }

  private static func connect(
    _ connection: OpaquePointer?, _ context: UnsafeMutableRawPointer,
    _ made: UnsafeMutablePointer<UnsafeMutablePointer<sqlite3_vtab>?>
  ) -> Int32 {
    let code = sqlite3_declare_vtab(connection, "CREATE TABLE wanted(wanted INTEGER)")
    guard code == SQLITE_OK else { return code }
    let wanted = Unmanaged<WantedRows>.fromOpaque(context).takeUnretainedValue()
    let table = UnsafeMutablePointer<Table>.allocate(capacity: 1)
    table.initialize(to: Table(base: sqlite3_vtab(), list: wanted.list, rest: wanted.rest))
    made.pointee = UnsafeMutableRawPointer(table).assumingMemoryBound(to: sqlite3_vtab.self)
    return SQLITE_OK
  }

  private static func table(
    under cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>
  ) -> UnsafeMutablePointer<Table> {
    UnsafeMutableRawPointer(cursor.pointee.pVtab).assumingMemoryBound(to: Table.self)
  }

  /// Runs `body` while the table holds these numbers, in their order.
  func holding<Result>(
    _ numbers: UnsafeBufferPointer<RowNumber>, _ body: () throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    precondition(list.pointee.next == nil, "two lists at once")
    list.pointee = Rest(next: numbers.baseAddress, count: numbers.count)
    defer {
      list.pointee = Rest()
      rest.pointee = Rest()
    }
    return try body()
  }
}
