public import Storage
public import Base
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What writes that are not synced yet have replaced, in a file beside each file, so that they can
/// be taken back after their process was killed: a kill is a power loss then.
///
/// `unsynced/<name>` holds one record a write: where, how long the file was, and the sectors as
/// they were. It is empty while all of `<name>` is synced.
final class UndoJournal: Sendable {
  /// A disk writes a sector whole or not at all.
  fileprivate static let sector = 512

  private let directory: String
  /// The descriptors of the journals in use, by the name of their file.
  private let journals = Mutex<[String: Int32]>([:])

  /// *Throws* if the directory cannot be made.
  init(in directory: String) throws(StorageError) {
    self.directory = directory + "/unsynced"
    try POSIXFileSystem().makeDirectory(self.directory)
  }

  deinit {
    for descriptor in journals.withLock({ $0.values }) { _ = close(descriptor) }
  }

  /// To be called before each write to a file, and before it is cut (`range`: what goes). `size`:
  /// of the file; `read` answers so many of its bytes from an offset on.
  func note(
    _ path: String, _ range: Range<Int>, size: Int, read: (_ offset: Int, _ count: Int) -> [UInt8]
  ) throws(StorageError) {
    let start = range.lowerBound / Self.sector * Self.sector
    let end = (range.upperBound + Self.sector - 1) / Self.sector * Self.sector
    var writer = ByteWriter()
    writer.write(UInt64(start))
    writer.write(UInt64(end))
    writer.write(UInt64(size))
    writer.write(counted: start < size ? read(start, min(end, size) - start) : [])
    let record = writer.bytes
    let descriptor = try journal(of: path)
    let written = record.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    guard written == record.count else {
      throw .failed(file: path, action: "note", reason: String(cString: strerror(errno)))
    }
  }

  /// Everything written to the file so far is on the disk, or the file is gone.
  func forget(_ path: String) throws(StorageError) {
    guard ftruncate(try journal(of: path), 0) == 0 else {
      throw .failed(file: path, action: "forget", reason: String(cString: strerror(errno)))
    }
  }

  private func journal(of path: String) throws(StorageError) -> Int32 {
    let name = String(path.split(separator: "/").last ?? "")
    let descriptor = journals.withLock { journals in
      if let descriptor = journals[name] { return descriptor }
      let descriptor = open(
        directory + "/" + name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
      if descriptor >= 0 { journals[name] = descriptor }
      return descriptor
    }
    guard descriptor >= 0 else {
      throw .failed(file: path, action: "note", reason: String(cString: strerror(errno)))
    }
    return descriptor
  }
}

/// What a power loss took from a directory whose writes were noted.
public struct PowerLoss: Hashable, Sendable {
  /// Sectors that were written and not synced: those that reached the disk all the same, and those
  /// that did not.
  public private(set) var kept = 0
  public private(set) var lost = 0

  /// Takes back what the process before this one had not synced: all of it, or of each sector what
  /// the dice say. Names of files are durable at once.
  public static func strike(
    in directory: String, dice: inout SplitMix64
  ) throws(StorageError) -> PowerLoss {
    var loss = PowerLoss()
    let files = POSIXFileSystem()
    let place = directory + "/unsynced"
    guard files.exists(place) else { return loss }
    let keepsSome = dice.chance(1, in: 2)
    for name in try files.names(in: place) {
      let journal = place + "/" + name
      let records = Unsynced(try files.contents(of: journal) ?? [])
      if files.exists(directory + "/" + name) {
        try loss.undo(records, in: directory + "/" + name) {
          keepsSome && dice.chance(1, in: 2)
        }
      }
      guard truncate(journal, 0) == 0 else {
        throw .failed(file: journal, action: "cut", reason: String(cString: strerror(errno)))
      }
    }
    return loss
  }

  private mutating func undo(
    _ unsynced: Unsynced, in path: String, keeps: () -> Bool
  ) throws(StorageError) {
    guard var size = unsynced.durableSize else { return }
    let file = try POSIXFileSystem().open(path)
    let present = try file.size()
    for (start, old) in unsynced.sectors.sorted(by: { $0.key < $1.key }) {
      let isThere = start < present
      if keeps() {
        kept += 1
        if isThere { size = max(size, min(present, start + UndoJournal.sector)) }
      } else {
        lost += 1
        if !old.isEmpty { try file.write(Array(old), at: start) }
      }
    }
    guard truncate(path, off_t(size)) == 0 else {
      throw .failed(file: path, action: "cut", reason: String(cString: strerror(errno)))
    }
    try file.sync()
  }
}

/// One file's records: its sectors as they were at its last sync.
private struct Unsynced {
  /// By their offset; shorter where the file ended.
  var sectors: [Int: ArraySlice<UInt8>] = [:]
  /// `nil`: nothing was written since.
  var durableSize: Int?

  /// A record that was cut short belongs to a write that did not begin.
  init(_ bytes: [UInt8]) {
    var reader = ByteReader(bytes)
    while let start = try? reader.readUInt64(), let end = try? reader.readUInt64(),
      let size = try? reader.readUInt64(), let old = try? reader.readCounted()
    {
      durableSize = durableSize ?? Int(size)
      for offset in stride(from: Int(start), to: Int(end), by: UndoJournal.sector)
      where sectors[offset] == nil {
        sectors[offset] = old.dropFirst(offset - Int(start)).prefix(UndoJournal.sector)
      }
    }
  }
}
