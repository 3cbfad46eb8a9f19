/// The pages of a state file that hold nothing any more, and their way back to the file system.
final class FreePages {
  private let connection: Connection
  private let countFree: Statement
  private let countAll: Statement

  init(_ connection: Connection) throws(StorageError) {
    self.connection = connection
    countFree = try connection.prepare("PRAGMA freelist_count")
    countAll = try connection.prepare("PRAGMA page_count")
  }

  var count: Int { get throws(StorageError) { try number(countFree) } }

  /// Bytes of the pages that hold something.
  func usedBytes() throws(StorageError) -> UInt64 {
    UInt64(max(0, try number(countAll) - number(countFree))) * UInt64(Self.pageBytes)
  }

  private static let pageBytes = DatabaseFormat.state.pageSizes[0]

  /// Moves pages from the file's end into free ones and cuts it, up to `limit` pages, in a
  /// transaction of its own. Answers how many were given and how many are still to give.
  ///
  /// *Throws* `full` when there is no room even for that; nothing has changed then.
  func giveBack(
    limit: Int, isShort: Bool, alone gate: ReadGate
  ) throws(StorageError) -> (given: Int, rest: Int) {
    let surplus = FreePages.surplus(
      free: try count, of: try number(countAll), isShort: isShort)
    let given = min(surplus, limit)
    guard given > 0 else { return (0, 0) }
    try gate.alone { () throws(StorageError) in
      try connection.execute("PRAGMA incremental_vacuum(\(given))")
    }
    return (given, surplus - given)
  }

  /// Rows to come use free pages, so one for eight in use may stay, unless space is short.
  static func surplus(free: Int, of total: Int, isShort: Bool) -> Int {
    precondition(free <= total, "\(free) free pages of \(total)")
    return isShort ? free : max(0, free - (total - free) / 8)
  }

  private func number(_ statement: Statement) throws(StorageError) -> Int {
    defer { statement.reset() }
    return try statement.step() ? Int(statement.number(0)) : 0
  }
}
