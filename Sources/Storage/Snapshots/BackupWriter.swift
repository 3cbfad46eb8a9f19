public import KeyValue

/// Writes a state into a file by itself, for whoever keeps it outside: rows, leases and meta as in
/// a state file, without a WAL (Docs/Decisions/0017-a-snapshot-is-a-state-file.md).
///
/// The source is read in short transactions. It stays its owner's, who closes it.
public final class BackupWriter {
  /// The file while it is wanted.
  public let path: String
  public let meta: StateMeta
  private let source: any SnapshotSource
  private let writer: StateFileWriter
  private let fileSystem: any FileSystem

  /// Chunks that one step writes.
  private static let stepChunks = 16
  private static let chunkBytes = 64 << 10
  private static let prefix = "backup-"

  /// `number` tells backups apart that one process makes at a time.
  ///
  /// *Throws* when the file cannot be made.
  public init(
    in directory: String, number: UInt64, of source: any SnapshotSource,
    on fileSystem: any FileSystem
  ) throws(StorageError) {
    path = "\(directory)/\(Self.prefix)\(number).db"
    self.source = source
    self.fileSystem = fileSystem
    meta = source.meta
    writer = try StateFileWriter(at: path, on: fileSystem)
  }

  /// A bounded piece of the work; true: all is done.
  ///
  /// *Throws* what the source threw, which ends the member, or `failing` for what the file did.
  public func step() throws(BackupFailure) -> Bool {
    for _ in 0..<Self.stepChunks {
      let chunk: [UInt8]?
      do throws(StorageError) {
        chunk = try source.next(limitBytes: Self.chunkBytes)
      } catch {
        throw .source(error)
      }
      do throws(StorageError) {
        guard let chunk else {
          try writer.finish(try writer.check())
          return true
        }
        try writer.write(try writer.take(chunk))
      } catch {
        throw .file(error)
      }
    }
    return false
  }

  /// Removes the file. Harmless when repeated.
  public func remove() {
    writer.abandon()
    for suffix in ["", "-wal", "-shm", "-journal"] { try? fileSystem.remove(path + suffix) }
  }

  /// Whether a file of a data directory is what an earlier process left of a backup.
  static func isLeftover(_ name: String) -> Bool { name.hasPrefix(prefix) }
}

/// Why a backup did not come about.
public enum BackupFailure: Error, Hashable, Sendable {
  /// The state could not be read: the member's own files are at fault.
  case source(StorageError)
  /// The copy could not be written. Nothing of the member has changed.
  case file(StorageError)
}
