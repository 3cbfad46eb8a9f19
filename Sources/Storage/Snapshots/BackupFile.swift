import Base
public import KeyValue

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A state in a file by itself, as a member's snapshot stream brings it, proved before it is
/// believed: its hash, if it has one; its structure; each row and lease; and that none is missing.
public final class BackupFile {
  public let path: String
  public let meta: StateMeta
  /// How many keys are alive.
  public private(set) var keyCount = 0
  /// Bytes of the database, the hash behind it left out.
  public let sizeBytes: Int64
  private let connection: Connection
  private let allRows: Statement
  private let hasLeases: Bool

  /// The pages of a database are a multiple of this; what is left over behind them is the hash.
  private static let unit = 512

  /// `skipsHash`: for a copy of a state file, which has none behind it.
  ///
  /// *Throws* `damaged` or `unknownFormat`, with what is wrong.
  public init(
    at path: String, skipsHash: Bool, on fileSystem: POSIXFileSystem = POSIXFileSystem()
  ) throws(StorageError) {
    self.path = path
    let bytes = try BackupBytes(path)
    let isWhole = bytes.size % Self.unit == SHA256.length
    if isWhole {
      sizeBytes = Int64(bytes.size - SHA256.length)
    } else {
      guard bytes.size % Self.unit == 0, bytes.size > 0 else {
        throw .damaged(file: path, place: "its length, \(bytes.size) bytes, is that of no snapshot")
      }
      sizeBytes = Int64(bytes.size)
    }
    if !skipsHash { try Self.checkHash(of: bytes, isWhole: isWhole, path) }
    let head = try bytes.read(at: 0, count: min(100, bytes.size))
    _ = try DatabaseFormat.state.checkHeader(head, of: path)
    connection = try Connection(path, .read, on: fileSystem)
    let statements = try DatabaseFormat.state.checkOwnSchema(of: connection)
    hasLeases = statements == DatabaseFormat.state.schema.count
    try DatabaseFormat.state.checkStructure(of: connection)
    allRows = try connection.prepare("SELECT \(RowTable.columns) FROM row ORDER BY number")
    meta = try StateFile.meta(on: connection)
    keyCount = try verified().readView.keyCount
  }

  deinit { connection.close() }

  private static func checkHash(
    of bytes: BackupBytes, isWhole: Bool, _ path: String
  ) throws(StorageError) {
    guard isWhole else {
      throw .damaged(
        file: path,
        place: "it has no hash behind it; a copy of a state file is read with "
          + "--skip-hash-check")
    }
    var hash = SHA256()
    let end = bytes.size - SHA256.length
    for offset in stride(from: 0, to: end, by: 1 << 20) {
      hash.update(try bytes.read(at: offset, count: min(1 << 20, end - offset)))
    }
    let (found, expected) = (hash.finish(), try bytes.read(at: end, count: SHA256.length))
    guard found == expected else {
      throw .damaged(
        file: path,
        place: "its SHA-256 is \(hexadecimal(found)) and should be \(hexadecimal(expected))")
    }
  }

  /// The store that the file describes, built from all of it.
  private func verified() throws(StorageError) -> Store {
    var loader = StoreLoader(meta: meta, generation: 1)
    for lease in try leases() { loader.add(lease) }
    let path = path
    try forEachRow { (found) throws(StorageError) in
      do throws(StoreDamage) {
        try loader.add(found.head, key: found.key, digest: found.digest)
      } catch {
        throw .damaged(file: path, place: error.reason)
      }
    }
    do throws(StoreDamage) {
      return try loader.finish()
    } catch {
      throw .damaged(file: path, place: error.reason)
    }
  }

  /// The leases, ascending by id.
  func leases() throws(StorageError) -> [Lease] {
    hasLeases ? try LeaseRows(connection).all() : []
  }

  /// Each row in the order of the numbers.
  func forEachRow(_ body: (RowTable.Found) throws(StorageError) -> Void) throws(StorageError) {
    let (rows, path) = (allRows, path)
    try rows.forEach { () throws(StorageError) in
      try body(try RowTable.found(by: rows, in: path))
    }
  }
}

/// A file that is only read, and may lie where nothing can be written.
private final class BackupBytes {
  let size: Int
  private let path: String
  private let descriptor: Int32

  init(_ path: String) throws(StorageError) {
    self.path = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw .failed(file: path, action: "open", reason: String(cString: strerror(errno)))
    }
    var facts = stat()
    guard fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw .failed(file: path, action: "open", reason: "it is no file")
    }
    size = Int(facts.st_size)
  }

  deinit { close(descriptor) }

  func read(at offset: Int, count: Int) throws(StorageError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      let got = bytes.withUnsafeMutableBytes { buffer in
        pread(descriptor, buffer.baseAddress! + done, count - done, off_t(offset + done))
      }
      if got < 0, errno == EINTR { continue }
      guard got > 0 else {
        throw .failed(
          file: path, action: "read",
          reason: got == 0 ? "it has become shorter" : String(cString: strerror(errno)))
      }
      done += got
    }
    return bytes
  }
}
