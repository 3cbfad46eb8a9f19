import Storage
import Base

/// A file of a `MemoryDisk`: what a reader sees, what would survive, and the changes between.
///
/// `@unchecked Sendable`: its disk's lock protects it.
final class MemoryFile: @unchecked Sendable {
  private enum Change {
    case write(offset: Int, bytes: [UInt8])
    case truncate(Int)
  }

  /// A write reaches the disk whole or not at all in pieces of this size.
  private static let sector = 512

  private(set) var bytes: [UInt8] = []
  private var durable: [UInt8] = []
  private var unsynced: [Change] = []
  /// SQLite's wal-index; it lives only as long as the machine.
  let sharedMemory = SharedMemory()
  /// Who has it open through the VFS.
  var handles: [MemoryFileHandle] = []

  init(_ bytes: [UInt8] = []) {
    self.bytes = bytes
    durable = bytes
  }

  func read(at offset: Int, count: Int) -> ArraySlice<UInt8> {
    guard offset < bytes.count else { return [] }
    return bytes[offset..<min(bytes.count, offset + count)]
  }

  func write(_ source: UnsafeRawBufferPointer, at offset: Int) {
    MemoryFile.write(source, at: offset, in: &bytes)
    unsynced.append(.write(offset: offset, bytes: Array(source)))
  }

  func truncate(to size: Int) {
    MemoryFile.truncate(&bytes, to: size)
    unsynced.append(.truncate(size))
  }

  func sync() {
    for change in unsynced { MemoryFile.apply(change, to: &durable) }
    unsynced = []
  }

  /// What was written since the last sync stays in sight and is never made durable.
  func forgetUnsynced() { unsynced = [] }

  /// Returns to the durable bytes and, with dice, to some of the sectors written since.
  func crash(_ dice: inout SplitMix64?) {
    for change in unsynced where dice != nil {
      switch change {
      case .truncate(let size):
        if dice!.chance(1, in: 2) { MemoryFile.truncate(&durable, to: size) }
      case .write(let offset, let bytes):
        var start = 0
        while start < bytes.count {
          let boundary = (offset + start) / MemoryFile.sector * MemoryFile.sector
          let end = min(bytes.count, boundary + MemoryFile.sector - offset)
          if dice!.chance(1, in: 2) {
            bytes[start..<end].withUnsafeBytes {
              MemoryFile.write($0, at: offset + start, in: &durable)
            }
          }
          start = end
        }
      }
    }
    unsynced = []
    bytes = durable
    close()
  }

  /// Whoever had it open is gone.
  func close() {
    handles = []
    sharedMemory.forget()
  }

  /// *Precondition*: the file has that bit.
  func flip(bit: Int) {
    bytes[bit / 8] ^= 1 << UInt8(bit % 8)
    // What is not synced yet may still overwrite it, as on a disk.
    if bit / 8 < durable.count { durable[bit / 8] ^= 1 << UInt8(bit % 8) }
  }

  private static func apply(_ change: Change, to bytes: inout [UInt8]) {
    switch change {
    case .truncate(let size): truncate(&bytes, to: size)
    case .write(let offset, let added):
      added.withUnsafeBytes { write($0, at: offset, in: &bytes) }
    }
  }

  private static func write(
    _ source: UnsafeRawBufferPointer, at offset: Int, in bytes: inout [UInt8]
  ) {
    let end = offset + source.count
    if bytes.count < end { bytes += [UInt8](repeating: 0, count: end - bytes.count) }
    bytes.withUnsafeMutableBytes { target in
      UnsafeMutableRawBufferPointer(rebasing: target[offset..<end]).copyMemory(from: source)
    }
  }

  private static func truncate(_ bytes: inout [UInt8], to size: Int) {
    if bytes.count > size {
      bytes.removeLast(bytes.count - size)
    } else {
      bytes += [UInt8](repeating: 0, count: size - bytes.count)
    }
  }
}

/// The regions of a file's wal-index. Those of before a crash stay allocated until the end, for a
/// connection of that time may still hold their addresses.
final class SharedMemory {
  private var regions: [UnsafeMutableRawPointer] = []
  private var forgotten: [UnsafeMutableRawPointer] = []

  deinit {
    for region in regions + forgotten { region.deallocate() }
  }

  /// `nil`: there is none yet, and it is not to be made.
  func region(_ number: Int, bytes: Int, makes: Bool) -> UnsafeMutableRawPointer? {
    while regions.count <= number {
      guard makes else { return nil }
      let region = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
      region.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
      regions.append(region)
    }
    return regions[number]
  }

  func forget() {
    forgotten += regions
    regions = []
  }
}

/// One opening of a `MemoryFile` by SQLite, with the locks that it holds.
///
/// `@unchecked Sendable`: its disk's lock protects it.
final class MemoryFileHandle: @unchecked Sendable {
  let disk: MemoryDisk
  let file: MemoryFile
  let path: String
  /// Which life of the disk it was opened in; after a crash it fails.
  let life: Int
  /// `SQLITE_LOCK_NONE … EXCLUSIVE`.
  var lockLevel: Int32 = 0
  /// Slots of the wal-index that it holds, a bit each.
  var sharedSlots: UInt32 = 0
  var exclusiveSlots: UInt32 = 0
  let isRemovedOnClose: Bool
  /// Its first sync also makes its directory's names durable, as SQLite's unix VFS does for it.
  var syncsDirectory: Bool

  init(
    disk: MemoryDisk, file: MemoryFile, path: String, life: Int, isRemovedOnClose: Bool,
    syncsDirectory: Bool
  ) {
    self.disk = disk
    self.file = file
    self.path = path
    self.life = life
    self.isRemovedOnClose = isRemovedOnClose
    self.syncsDirectory = syncsDirectory
  }
}
