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
    guard let payload = try readIfPresent(kind) else {
      throw .damaged(file: connection.file, place: "its \(kind) record")
    }
    return payload
  }

  /// `nil`: there is none.
  func readIfPresent(_ kind: Record.Kind) throws(StorageError) -> [UInt8]? {
    get.bind(Int64(kind.rawValue), at: 1)
    defer { get.reset() }
    guard try get.step() else { return nil }
    guard let payload = Record.open(kind, Array(get.bytes(0))) else {
      throw .damaged(file: connection.file, place: "its \(kind) record")
    }
    return payload
  }

  /// Proves that no other records are there: one that may be absent has not been moved elsewhere.
  func checkCount(_ count: Int) throws(StorageError) {
    guard try connection.text("SELECT count(*) FROM record") == "\(count)" else {
      throw .damaged(file: connection.file, place: "its records")
    }
  }
}
