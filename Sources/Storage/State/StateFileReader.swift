import KeyValue

/// Reads rows by number through one connection.
final class RowReader {
  /// Rows of one piece.
  static let pieceRows = 128

  private let connection: Connection
  private let wanted: WantedRows
  private let select: Statement
  private let selectWanted: Statement
  private let selectFrom: Statement

  init(_ connection: Connection) throws(StorageError) {
    self.connection = connection
    wanted = try WantedRows.make(on: connection)
    select = try connection.prepare("SELECT \(RowTable.columns) FROM row WHERE number = ?1")
    // The order of the tables is the order of the loops (sqlite.org/optoverview.html §8.2), so the
    // rows come as they are asked for.
    selectWanted = try connection.prepare(
      "SELECT \(RowTable.columns) FROM wanted CROSS JOIN row ON row.number = wanted.wanted")
    selectFrom = try connection.prepare(
      "SELECT \(RowTable.columns) FROM row WHERE number >= ?1 ORDER BY number LIMIT ?2")
  }

  /// Adds the rows of one piece, in the order of their numbers' list, each checked.
  func read(
    _ numbers: ArraySlice<RowNumber>, into rows: inout [Row]
  ) throws(StorageError) {
    try visit(numbers) { head, key, value in rows.append(Row(head, key: key, value: value)) }
  }

  /// Shows the rows of one piece, in the order of their numbers' list, each checked.
  func visit(
    _ numbers: ArraySlice<RowNumber>, _ body: RowVisitor
  ) throws(StorageError) {
    guard numbers.count > 1 else {
      for number in numbers { try visit(number, body) }
      return
    }
    try numbers.withUnsafeBufferPointer { numbers throws(StorageError) in
      var found = 0
      try wanted.holding(numbers) { () throws(StorageError) in
        try selectWanted.forEach { () throws(StorageError) in
          // The loop passes over numbers without a row.
          guard selectWanted.number(0) == numbers[found] else { throw missing(numbers[found]) }
          try RowTable.show(by: selectWanted, in: connection.file, body)
          found += 1
        }
      }
      guard found == numbers.count else { throw missing(numbers[found]) }
    }
  }

  private func visit(_ number: RowNumber, _ body: RowVisitor) throws(StorageError) {
    let isThere = try select.first(number) { () throws(StorageError) in
      guard select.number(0) == number else { throw missing(number) }
      try RowTable.show(by: select, in: connection.file, body)
    }
    guard isThere else { throw missing(number) }
  }

  /// The first rows with numbers from `number` on, in order, each checked.
  func rows(from number: RowNumber, limit: Int) throws(StorageError) -> [Row] {
    var rows: [Row] = []
    selectFrom.bind(number, at: 1)
    selectFrom.bind(Int64(limit), at: 2)
    try selectFrom.forEach { () throws(StorageError) in
      rows.append(try RowTable.row(by: selectFrom, in: connection.file))
    }
    return rows
  }

  private func missing(_ number: RowNumber) -> StorageError {
    .damaged(file: connection.file, place: "row \(number) is missing")
  }
}

/// A reading connection of a state file, for a thread of its own.
final class StateFileReader: StateReader {
  let generation: UInt64
  private let shared: StateShared
  private let connection: Connection
  private let reader: RowReader
  private let transaction: StandingTransaction

  init(_ shared: StateShared) throws(StorageError) {
    self.shared = shared
    generation = shared.generation
    connection = try Connection(shared.path, .read, on: shared.fileSystem)
    reader = try RowReader(connection)
    transaction = try StandingTransaction(connection)
  }

  func rows(numbered numbers: [RowNumber]) throws -> [Row] {
    var rows: [Row] = []
    rows.reserveCapacity(numbers.count)
    try visit(numbered: numbers) { head, key, value in
      rows.append(Row(head, key: key, value: value))
    }
    return rows
  }

  func visit(numbered numbers: [RowNumber], _ body: RowVisitor) throws {
    try shared.failure.guarding { () throws(StorageError) in
      var rest = numbers[...]
      while !rest.isEmpty {
        let piece = rest.prefix(RowReader.pieceRows)
        try shared.gate.reading(in: transaction) { () throws(StorageError) in
          try reader.visit(piece, body)
        }
        rest = rest.dropFirst(piece.count)
      }
    }
  }

  func rows(from number: RowNumber, limit: Int) throws -> [Row] {
    precondition(limit <= RowReader.pieceRows, "\(limit) rows in one transaction")
    return try shared.failure.guarding { () throws(StorageError) in
      var rows: [Row] = []
      try shared.gate.reading(in: transaction) { () throws(StorageError) in
        rows = try reader.rows(from: number, limit: limit)
      }
      return rows
    }
  }

  func inspect(from number: RowNumber, limit: Int) throws -> [Row]? {
    precondition(limit <= RowReader.pieceRows, "\(limit) rows in one transaction")
    var rows: [Row]?
    try shared.failure.guarding { () throws(StorageError) in
      // It comes by now and then for as long as there are readers, whether anybody writes or not.
      try shared.gate.endStanding()
      try shared.gate.reading { () throws(StorageError) in
        do throws(StorageError) {
          rows = try reader.rows(from: number, limit: limit)
        } catch {
          guard case .damaged = error else { throw error }
        }
      }
    }
    return rows
  }

  func close() { shared.gate.leave(transaction) { connection.close() } }
}
