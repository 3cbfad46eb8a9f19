import KeyValue

/// Reads rows by number through one connection.
final class RowReader {
  /// Rows of one read transaction.
  static let pieceRows = 128

  private let connection: Connection
  private let wanted: WantedRows
  private let select: Statement
  private let selectWanted: Statement
  private let begin: Statement
  private let commit: Statement

  init(_ connection: Connection) throws(StorageError) {
    self.connection = connection
    wanted = try WantedRows.make(on: connection)
    select = try connection.prepare("SELECT \(RowTable.columns) FROM row WHERE number = ?1")
    // The order of the tables is the order of the loops (sqlite.org/optoverview.html §8.2), so the
    // rows come as they are asked for.
    selectWanted = try connection.prepare(
      "SELECT \(RowTable.columns) FROM wanted CROSS JOIN row ON row.number = wanted.wanted")
    begin = try connection.prepare("BEGIN")
    commit = try connection.prepare("COMMIT")
  }

  /// Adds the rows of one piece, in the order of their numbers' list, each checked.
  func read(
    _ numbers: ArraySlice<RowNumber>, into rows: inout [Row]
  ) throws(StorageError) {
    guard numbers.count > 1 else {
      for number in numbers { rows.append(try row(number)) }
      return
    }
    try numbers.withUnsafeBufferPointer { numbers throws(StorageError) in
      var found = 0
      try wanted.holding(numbers) { () throws(StorageError) in
        try selectWanted.forEach { () throws(StorageError) in
          let row = try RowTable.row(by: selectWanted, in: connection.file)
          // The loop passes over numbers without a row.
          guard row.number == numbers[found] else { throw missing(numbers[found]) }
          rows.append(row)
          found += 1
        }
      }
      guard found == numbers.count else { throw missing(numbers[found]) }
    }
  }

  private func row(_ number: RowNumber) throws(StorageError) -> Row {
    var row: Row?
    let isThere = try select.first(number) { () throws(StorageError) in
      row = try RowTable.row(by: select, in: connection.file)
    }
    guard isThere, let row, row.number == number else { throw missing(number) }
    return row
  }

  private func missing(_ number: RowNumber) -> StorageError {
    .damaged(file: connection.file, place: "row \(number) is missing")
  }

  func transaction(_ body: () throws(StorageError) -> Void) throws(StorageError) {
    try begin.run()
    do {
      try body()
    } catch {
      // What is to be told is the first failure; the member stops for it.
      try? commit.run()
      throw error
    }
    try commit.run()
  }
}

/// A reading connection of a state file, for a thread of its own.
final class StateFileReader: StateReader {
  let generation: UInt64
  private let shared: StateShared
  private let connection: Connection
  private let reader: RowReader
  private var isTogether = false

  init(_ shared: StateShared) throws(StorageError) {
    self.shared = shared
    generation = shared.generation
    connection = try Connection(shared.path, .read, on: shared.fileSystem)
    reader = try RowReader(connection)
  }

  func rows(numbered numbers: [RowNumber]) throws -> [Row] {
    try shared.failure.guarding { () throws(StorageError) in
      var rows: [Row] = []
      rows.reserveCapacity(numbers.count)
      if isTogether {
        try reader.read(numbers[...], into: &rows)
        return rows
      }
      var rest = numbers[...]
      while !rest.isEmpty {
        let piece = rest.prefix(RowReader.pieceRows)
        try shared.gate.reading { () throws(StorageError) in try reader.read(piece, into: &rows) }
        rest = rest.dropFirst(piece.count)
      }
      return rows
    }
  }

  func together(_ body: () throws -> Void) throws {
    precondition(!isTogether, "a piece within a piece")
    isTogether = true
    defer { isTogether = false }
    var thrown: (any Error)?
    try shared.failure.guarding { () throws(StorageError) in
      try shared.gate.reading { () throws(StorageError) in
        try reader.transaction {
          do { try body() } catch { thrown = error }
        }
      }
    }
    if let thrown { throw thrown }
  }

  func close() { connection.close() }
}
