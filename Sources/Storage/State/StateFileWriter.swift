import KeyValue

/// Makes a state file of the chunks of a snapshot. Until `finish` returns it is no state file: it
/// has no meta.
final class StateFileWriter {
  /// Chunks of one transaction.
  private static let transactionChunks = 64

  private let path: String
  private let fileSystem: any FileSystem
  private let file: any DiskFile
  private var reader = SnapshotReader()
  private var connection: Connection?
  private var insert: Statement?
  private var leaseRows: LeaseRows?
  private var pendingChunks = 0

  init(at path: String, on fileSystem: any FileSystem) throws(StorageError) {
    self.path = path
    self.fileSystem = fileSystem
    let connection = try StateFile.begin(at: path, on: fileSystem)
    self.connection = connection
    file = try fileSystem.open(path)
    insert = try connection.prepare(RowTable.insert)
    leaseRows = try LeaseRows(connection)
  }

  /// What the next chunk brings. *Throws* `snapshotRefused` if it is not the one that must follow.
  func take(_ chunk: [UInt8]) throws(StorageError) -> SnapshotReader.Piece {
    try reader.take(chunk)
  }

  func write(_ piece: SnapshotReader.Piece) throws(StorageError) {
    guard let connection, let insert else {
      preconditionFailure("the snapshot was finished or abandoned before")
    }
    if pendingChunks == 0 { try connection.execute("BEGIN IMMEDIATE") }
    for row in piece.rows { try RowTable.insert(row, with: insert) }
    try leaseRows?.write(piece.leases)
    pendingChunks += 1
    if pendingChunks == Self.transactionChunks { try commit(connection) }
  }

  private func commit(_ connection: Connection) throws(StorageError) {
    try connection.execute("COMMIT")
    pendingChunks = 0
    // Not for the file's sake: all of it at the end would hold up every other sync of the disk.
    try file.sync()
  }

  /// The snapshot's meta. *Throws* `snapshotRefused` if a chunk is missing.
  func check() throws(StorageError) -> StateMeta { try reader.finish() }

  /// Completes and syncs the file; the directory's sync is the caller's.
  func finish(_ meta: StateMeta) throws(StorageError) {
    guard let connection else {
      preconditionFailure("the snapshot was finished or abandoned before")
    }
    if pendingChunks > 0 { try commit(connection) }
    (insert, leaseRows) = (nil, nil)
    self.connection = nil
    try StateFile.end(connection, meta: meta, on: fileSystem)
  }

  /// Drops what was written. Harmless when repeated, and after `finish`.
  func abandon() {
    (insert, leaseRows) = (nil, nil)
    guard let connection else { return }
    self.connection = nil
    connection.close()
    // A leftover is removed at the next start.
    try? fileSystem.remove(path)
  }
}
