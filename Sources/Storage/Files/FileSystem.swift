/// The files of a member, and the SQLite VFS that sees the same files.
///
/// Conformers: `POSIXFileSystem`; `FaultyDisk` and `MemoryDisk` (`FaultyStorage`), which do wrong
/// when they are told to.
public protocol FileSystem: AnyObject, Sendable {
  /// The name of the registered VFS; `nil`: SQLite's own.
  var vfs: String? { get }

  /// Makes the directory and those above it; no error if it is there.
  func makeDirectory(_ path: String) throws(StorageError)
  func exists(_ path: String) -> Bool
  /// The names in the directory, sorted.
  func names(in directory: String) throws(StorageError) -> [String]
  /// Removes a file; no error if there is none.
  func remove(_ path: String) throws(StorageError)
  func rename(_ path: String, to newPath: String) throws(StorageError)
  /// Makes the directory's names durable.
  func syncDirectory(_ path: String) throws(StorageError)
  /// Opens a file for reading and writing, and makes it if there is none.
  func open(_ path: String) throws(StorageError) -> any DiskFile
  /// Keeps other processes from taking the same lock until it is released; `nil`: one has it.
  func lock(_ path: String) throws(StorageError) -> (any DiskLock)?
  /// What a process like this one may still write.
  func freeBytes(in directory: String) throws(StorageError) -> UInt64
}

/// A plain file beside SQLite's. It belongs to one thread at a time.
public protocol DiskFile: AnyObject {
  /// Up to `count` bytes; fewer where the file ends.
  func read(at offset: Int, count: Int) throws(StorageError) -> [UInt8]
  func write(_ bytes: [UInt8], at offset: Int) throws(StorageError)
  func sync() throws(StorageError)
  func size() throws(StorageError) -> Int
  /// Takes the space now, so that later writes find it. *Throws* `full`.
  func allocate(_ bytes: Int) throws(StorageError)
}

/// A lock that is held until it is released, or its process ends.
public protocol DiskLock: AnyObject {
  func release()
}

extension FileSystem {
  /// Writes what is in sight of a file once more, and syncs it; nothing if there is no file or it
  /// is empty.
  ///
  /// A process that was killed may have left writes unsynced, and after a failed sync the system
  /// goes on showing what the disk does not hold. What was written again and synced is there
  /// (Docs/Decisions/0005-what-a-start-believes.md).
  func settle(_ path: String) throws(StorageError) {
    guard exists(path) else { return }
    let file = try open(path)
    let size = try file.size()
    for offset in stride(from: 0, to: size, by: 1 << 20) {
      try file.write(file.read(at: offset, count: 1 << 20), at: offset)
    }
    if size > 0 { try file.sync() }
  }

  /// The whole file; `nil`: there is none.
  package func contents(of path: String) throws(StorageError) -> [UInt8]? {
    guard exists(path) else { return nil }
    let file = try open(path)
    return try file.read(at: 0, count: file.size())
  }
}
