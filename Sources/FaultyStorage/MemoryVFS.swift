import Base
import CSQLite

/// A `MemoryDisk` as a VFS of SQLite (https://www.sqlite.org/vfs.html). Time stands still in it
/// and its dice are seeded, so that a run repeats itself.
enum MemoryVFS {
  /// The wal-index's slots are checked as a file system would; the methods are the same for all.
  nonisolated(unsafe) private static let methods = makeMethods()

  static func register(_ disk: MemoryDisk) -> VFSRegistration {
    var raw = sqlite3_vfs()
    raw.iVersion = 2
    raw.szOsFile = Int32(MemoryLayout<OpenFile>.size)
    raw.mxPathname = 1024
    raw.xOpen = { MemoryVFS.open($0, $1, $2, $3, $4) }
    raw.xDelete = { vfs, path, isSynced in
      MemoryVFS.disk(vfs).removeName(String(cString: path!), isSynced: isSynced != 0)
    }
    raw.xAccess = { vfs, path, _, answer in
      answer?.pointee = MemoryVFS.disk(vfs).exists(String(cString: path!)) ? 1 : 0
      return SQLITE_OK
    }
    raw.xFullPathname = { _, path, room, target in
      let bytes = Array(String(cString: path!).utf8CString)
      guard bytes.count <= room else { return SQLITE_CANTOPEN }
      target?.update(from: bytes, count: bytes.count)
      return SQLITE_OK
    }
    raw.xRandomness = { _, count, target in
      var dice = SplitMix64(seed: UInt64(count))
      for index in 0..<Int(count) { target?[index] = CChar(truncatingIfNeeded: dice.next()) }
      return count
    }
    raw.xSleep = { _, microseconds in microseconds }
    raw.xCurrentTime = { _, days in
      days?.pointee = 2_451_544.5
      return SQLITE_OK
    }
    raw.xCurrentTimeInt64 = { _, milliseconds in
      milliseconds?.pointee = 211_813_444_800_000
      return SQLITE_OK
    }
    raw.xGetLastError = { _, _, _ in 0 }
    return VFSRegistration("quorate-memory", for: disk, raw)
  }

  /// SQLite's file object, with ours behind it.
  private struct OpenFile {
    var base: sqlite3_file
    var handle: UnsafeMutableRawPointer?
  }

  private static func disk(_ vfs: UnsafeMutablePointer<sqlite3_vfs>?) -> MemoryDisk {
    VFSRegistration.disk(of: vfs)
  }

  private static func open(
    _ vfs: UnsafeMutablePointer<sqlite3_vfs>?, _ path: UnsafePointer<CChar>?,
    _ file: UnsafeMutablePointer<sqlite3_file>?, _ flags: Int32,
    _ outFlags: UnsafeMutablePointer<Int32>?
  ) -> Int32 {
    let target = UnsafeMutableRawPointer(file!).assumingMemoryBound(to: OpenFile.self)
    // No methods: SQLite must not close what was never open.
    target.initialize(to: OpenFile(base: sqlite3_file(pMethods: nil), handle: nil))
    let name = path.map { String(cString: $0) }
    guard let handle = disk(vfs).openHandle(name, flags) else { return SQLITE_CANTOPEN }
    target.pointee.handle = Unmanaged.passRetained(handle).toOpaque()
    target.pointee.base.pMethods = UnsafePointer(methods)
    outFlags?.pointee = flags
    return SQLITE_OK
  }

  private static func handle(_ file: UnsafeMutablePointer<sqlite3_file>?) -> MemoryFileHandle {
    let open = UnsafeMutableRawPointer(file!).assumingMemoryBound(to: OpenFile.self)
    return Unmanaged.fromOpaque(open.pointee.handle!).takeUnretainedValue()
  }

  private static func makeMethods() -> UnsafeMutablePointer<sqlite3_io_methods> {
    var methods = sqlite3_io_methods()
    methods.iVersion = 2
    addBytes(to: &methods)
    addLocks(to: &methods)
    addSharedMemory(to: &methods)
    let pointer = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
    pointer.initialize(to: methods)
    return pointer
  }

  private static func addBytes(to methods: inout sqlite3_io_methods) {
    methods.xClose = { file in
      let open = UnsafeMutableRawPointer(file!).assumingMemoryBound(to: OpenFile.self)
      let handle = Unmanaged<MemoryFileHandle>.fromOpaque(open.pointee.handle!).takeRetainedValue()
      open.pointee.handle = nil
      handle.disk.closeHandle(handle)
      return SQLITE_OK
    }
    methods.xRead = { file, target, count, offset in
      let handle = MemoryVFS.handle(file)
      return handle.disk.operate(handle, .read, failing: SQLITE_IOERR | 1 << 8) {
        let buffer = UnsafeMutableRawBufferPointer(start: target, count: Int(count))
        let found = handle.file.read(at: Int(offset), count: Int(count))
        found.withUnsafeBytes { buffer.copyMemory(from: $0) }
        guard found.count < buffer.count else { return SQLITE_OK }
        // SQLite wants zeroes behind a short read.
        for index in found.count..<buffer.count { buffer[index] = 0 }
        return SQLITE_IOERR | 2 << 8
      }
    }
    methods.xWrite = { file, source, count, offset in
      let handle = MemoryVFS.handle(file)
      let bytes = UnsafeRawBufferPointer(start: source, count: Int(count))
      return handle.disk.write(handle, bytes, at: Int(offset))
    }
    methods.xTruncate = { file, size in
      let handle = MemoryVFS.handle(file)
      return handle.disk.operate(handle, .truncate, failing: SQLITE_IOERR | 6 << 8) {
        handle.file.truncate(to: Int(size))
        return SQLITE_OK
      }
    }
    methods.xSync = { file, _ in
      let handle = MemoryVFS.handle(file)
      return handle.disk.sync(handle)
    }
    methods.xFileSize = { file, size in
      let handle = MemoryVFS.handle(file)
      return handle.disk.operate(handle, .read, failing: SQLITE_IOERR | 7 << 8) {
        size?.pointee = sqlite3_int64(handle.file.bytes.count)
        return SQLITE_OK
      }
    }
    methods.xFileControl = { _, _, _ in SQLITE_NOTFOUND }
    methods.xSectorSize = { _ in 4096 }
    methods.xDeviceCharacteristics = { _ in SQLITE_IOCAP_POWERSAFE_OVERWRITE }
  }

  private static func addLocks(to methods: inout sqlite3_io_methods) {
    methods.xLock = { file, level in
      let handle = MemoryVFS.handle(file)
      var code = SQLITE_OK
      handle.disk.withLock(handle.life) { _ in
        let others = handle.file.handles.filter { $0 !== handle }
        let highest = others.map(\.lockLevel).max() ?? SQLITE_LOCK_NONE
        let isFree =
          switch level {
          case SQLITE_LOCK_SHARED: highest < SQLITE_LOCK_PENDING
          case SQLITE_LOCK_RESERVED: highest < SQLITE_LOCK_RESERVED
          default: highest == SQLITE_LOCK_NONE
          }
        code = isFree ? SQLITE_OK : SQLITE_BUSY
        if isFree { handle.lockLevel = max(handle.lockLevel, level) }
      }
      return code
    }
    methods.xUnlock = { file, level in
      let handle = MemoryVFS.handle(file)
      handle.disk.withLock(handle.life) { _ in
        handle.lockLevel = min(handle.lockLevel, level)
      }
      return SQLITE_OK
    }
    methods.xCheckReservedLock = { file, answer in
      let handle = MemoryVFS.handle(file)
      handle.disk.withLock(handle.life) { _ in
        let isReserved = handle.file.handles.contains { $0.lockLevel >= SQLITE_LOCK_RESERVED }
        answer?.pointee = isReserved ? 1 : 0
      }
      return SQLITE_OK
    }
  }

  private static func addSharedMemory(to methods: inout sqlite3_io_methods) {
    methods.xShmMap = { file, region, bytes, makes, answer in
      let handle = MemoryVFS.handle(file)
      handle.disk.withLock(handle.life) { isAlive in
        answer?.pointee =
          isAlive
          ? handle.file.sharedMemory.region(Int(region), bytes: Int(bytes), makes: makes != 0)
          : nil
      }
      return SQLITE_OK
    }
    methods.xShmLock = { file, first, count, flags in
      let handle = MemoryVFS.handle(file)
      let slots: UInt32 = ((1 << UInt32(count)) - 1) << UInt32(first)
      var code = SQLITE_OK
      handle.disk.withLock(handle.life) { _ in
        if flags & SQLITE_SHM_UNLOCK != 0 {
          handle.sharedSlots &= ~slots
          handle.exclusiveSlots &= ~slots
          return
        }
        let isExclusive = flags & SQLITE_SHM_EXCLUSIVE != 0
        let isTaken = handle.file.handles.contains { other in
          other !== handle
            && (other.exclusiveSlots & slots != 0
              || (isExclusive && other.sharedSlots & slots != 0))
        }
        if isTaken {
          code = SQLITE_BUSY
        } else if isExclusive {
          handle.exclusiveSlots |= slots
        } else {
          handle.sharedSlots |= slots
        }
      }
      return code
    }
    methods.xShmBarrier = { file in
      // The lock is a full barrier.
      let handle = MemoryVFS.handle(file)
      handle.disk.withLock(handle.life) { _ in }
    }
    methods.xShmUnmap = { file, isRemoved in
      let handle = MemoryVFS.handle(file)
      handle.disk.withLock(handle.life) { isAlive in
        handle.sharedSlots = 0
        handle.exclusiveSlots = 0
        if isRemoved != 0, isAlive { handle.file.sharedMemory.forget() }
      }
      return SQLITE_OK
    }
  }
}
