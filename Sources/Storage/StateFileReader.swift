import KeyValue

/// Reads rows by number through one connection.
final class RowReader {
  /// Rows of one read transaction.
  static let pieceRows = 64

  private let connection: Connection
  private let select: Statement
  private let begin: Statement
  private let commit: Statement

  init(_ connection: Connection) throws(StorageError) {
    self.connection = connection
    select = try connection.prepare("SELECT \(RowTable.columns) FROM row WHERE number = ?1")
    begin = try connection.prepare("BEGIN")
    commit = try connection.prepare("COMMIT")
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
    guard numbers.count > 1 else { return try rows(numbered: numbers) }
    var rows: [Row] = []
    try transaction { () throws(StorageError) in rows = try self.rows(numbered: numbers) }
    return rows
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
      if isTogether { return try reader.rows(numbered: numbers) }
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
