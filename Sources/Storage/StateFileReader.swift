import KeyValue

/// Reads rows by number through one connection.
final class RowReader {
  /// Rows of one read transaction.
  static let pieceRows = 64

  private let connection: Connection
  private let select: Statement

  init(_ connection: Connection) throws(StorageError) {
    self.connection = connection
    select = try connection.prepare("SELECT \(RowTable.columns) FROM row WHERE number = ?1")
  }

  func rows(numbered numbers: some Collection<RowNumber>) throws(StorageError) -> [Row] {
    var rows: [Row] = []
    rows.reserveCapacity(numbers.count)
    for number in numbers {
      select.bind(number, at: 1)
      defer { select.reset() }
      guard try select.step() else {
        throw .damaged(file: connection.file, place: "row \(number) is missing")
      }
      rows.append(try RowTable.found(by: select, in: connection.file).row)
    }
    return rows
  }

  /// The rows of one piece in one transaction: they are checked one by one, so it only saves locks.
  func piece(_ numbers: some Collection<RowNumber>) throws(StorageError) -> [Row] {
    try connection.execute("BEGIN")
    let rows = try rows(numbered: numbers)
    try connection.execute("COMMIT")
    return rows
  }
}

/// A reading connection of a state file, for a thread of its own.
final class StateFileReader: StateReader {
  let generation: UInt64
  private let shared: StateShared
  private let connection: Connection
  private let reader: RowReader

  init(_ shared: StateShared) throws(StorageError) {
    self.shared = shared
    generation = shared.generation
    connection = try Connection(shared.path, .read, on: shared.fileSystem)
    reader = try RowReader(connection)
  }

  func rows(numbered numbers: [RowNumber]) throws -> [Row] {
    try shared.failure.guarding { () throws(StorageError) in
      var rows: [Row] = []
      var rest = numbers[...]
      while !rest.isEmpty {
        let piece = rest.prefix(RowReader.pieceRows)
        rows += try shared.gate.reading { () throws(StorageError) in try reader.piece(piece) }
        rest = rest.dropFirst(piece.count)
      }
      return rows
    }
  }

  func close() { connection.close() }
}
