import CSQLite

/// SQLite's own VFS with a `FaultyDisk` before it: every call passes through unless the disk's
/// fault strikes (https://www.sqlite.org/vfs.html, "VFS shims").
enum FaultyVFS {
  nonisolated(unsafe) private static let methods = makeMethods()
  nonisolated(unsafe) private static let real = sqlite3_vfs_find(nil)!

  static func register(_ disk: FaultyDisk) -> VFSRegistration {
    // The calls that touch no file keep the real VFS's functions.
    var raw = real.pointee
    raw.iVersion = 2
    raw.szOsFile = Int32(OpenFile.length) + real.pointee.szOsFile
    raw.pNext = nil
    raw.xOpen = { FaultyVFS.open($0, $1, $2, $3, $4) }
    raw.xDelete = { vfs, path, isSynced in
      let failure = FaultyVFS.disk(vfs).strike(.names, String(cString: path!))
      if let failure, failure.conduct.extent != .whole {
        return failure.answer(failing: SQLITE_IOERR | 10 << 8)
      }
      let code = FaultyVFS.real.pointee.xDelete(FaultyVFS.real, path, isSynced)
      if code == SQLITE_OK { try? FaultyVFS.disk(vfs).journal?.forget(String(cString: path!)) }
      return code
    }
    raw.xAccess = { FaultyVFS.real.pointee.xAccess(FaultyVFS.real, $1, $2, $3) }
    raw.xFullPathname = { FaultyVFS.real.pointee.xFullPathname(FaultyVFS.real, $1, $2, $3) }
    raw.xRandomness = { FaultyVFS.real.pointee.xRandomness(FaultyVFS.real, $1, $2) }
    raw.xSleep = { FaultyVFS.real.pointee.xSleep(FaultyVFS.real, $1) }
    raw.xCurrentTime = { FaultyVFS.real.pointee.xCurrentTime(FaultyVFS.real, $1) }
    raw.xCurrentTimeInt64 = { FaultyVFS.real.pointee.xCurrentTimeInt64(FaultyVFS.real, $1) }
    raw.xGetLastError = { FaultyVFS.real.pointee.xGetLastError(FaultyVFS.real, $1, $2) }
    return VFSRegistration("quorate-faulty", for: disk, raw)
  }

  /// Whose file it is, for the fault.
  private final class Owner {
    let disk: FaultyDisk
    let path: String

    init(_ disk: FaultyDisk, _ path: String) {
      self.disk = disk
      self.path = path
    }
  }

  /// SQLite's file object; the real VFS's own lies behind it.
  private struct OpenFile {
    var base: sqlite3_file
    var owner: UnsafeMutableRawPointer?

    /// Rounded up, so that what lies behind is aligned.
    static var length: Int { (MemoryLayout<OpenFile>.size + 15) / 16 * 16 }
  }

  private static func disk(_ vfs: UnsafeMutablePointer<sqlite3_vfs>?) -> FaultyDisk {
    VFSRegistration.disk(of: vfs)
  }

  private static func owner(_ file: UnsafeMutablePointer<sqlite3_file>?) -> Owner {
    let open = UnsafeMutableRawPointer(file!).assumingMemoryBound(to: OpenFile.self)
    return Unmanaged.fromOpaque(open.pointee.owner!).takeUnretainedValue()
  }

  /// The real VFS's file behind ours.
  private static func behind(
    _ file: UnsafeMutablePointer<sqlite3_file>?
  ) -> UnsafeMutablePointer<sqlite3_file> {
    (UnsafeMutableRawPointer(file!) + OpenFile.length).assumingMemoryBound(to: sqlite3_file.self)
  }

  private static func realMethods(
    _ file: UnsafeMutablePointer<sqlite3_file>?
  ) -> sqlite3_io_methods { behind(file).pointee.pMethods.pointee }

  private static func open(
    _ vfs: UnsafeMutablePointer<sqlite3_vfs>?, _ path: UnsafePointer<CChar>?,
    _ file: UnsafeMutablePointer<sqlite3_file>?, _ flags: Int32,
    _ outFlags: UnsafeMutablePointer<Int32>?
  ) -> Int32 {
    let target = UnsafeMutableRawPointer(file!).assumingMemoryBound(to: OpenFile.self)
    target.initialize(to: OpenFile(base: sqlite3_file(pMethods: nil), owner: nil))
    let disk = disk(vfs)
    let name = path.map { String(cString: $0) } ?? ""
    if flags & SQLITE_OPEN_CREATE != 0, !disk.exists(name),
      let failure = disk.strike(.names, name), failure.conduct.extent != .whole
    {
      return SQLITE_CANTOPEN
    }
    let code = real.pointee.xOpen(real, path, behind(file), flags, outFlags)
    // Without methods SQLite does not close a file; the real one has undone what it began.
    guard code == SQLITE_OK else { return code }
    target.pointee.owner = Unmanaged.passRetained(Owner(disk, name)).toOpaque()
    target.pointee.base.pMethods = UnsafePointer(methods)
    return SQLITE_OK
  }

  /// Runs one operation as the disk's fault has it.
  private static func operate(
    _ file: UnsafeMutablePointer<sqlite3_file>?, _ operation: DiskFault.Operation,
    failing code: Int32, botched: () -> Void = {}, _ body: () -> Int32
  ) -> Int32 {
    let owner = owner(file)
    guard let failure = owner.disk.strike(operation, owner.path) else { return body() }
    switch failure.conduct.extent {
    case .nothing: break
    case .botched: botched()
    case .whole: return body()
    }
    return failure.answer(failing: code)
  }

  /// Notes what a write, or a cut, is about to replace, if the disk wants to know; false: that
  /// failed.
  private static func note(
    _ file: UnsafeMutablePointer<sqlite3_file>?, _ range: Range<Int>
  ) -> Bool {
    let owner = owner(file)
    guard let journal = owner.disk.journal else { return true }
    let (methods, behind) = (realMethods(file), behind(file))
    var size: sqlite3_int64 = 0
    guard methods.xFileSize(behind, &size) == SQLITE_OK else { return false }
    let end = min(range.upperBound, max(Int(size), range.lowerBound))
    let range = range.lowerBound..<(range.upperBound == .max ? end : range.upperBound)
    do {
      try journal.note(owner.path, range, size: Int(size)) { offset, count in
        var bytes = [UInt8](repeating: 0, count: count)
        // No more is asked for than is there.
        _ = methods.xRead(behind, &bytes, Int32(count), sqlite3_int64(offset))
        return bytes
      }
      return true
    } catch {
      return false
    }
  }

  private static func makeMethods() -> UnsafeMutablePointer<sqlite3_io_methods> {
    var methods = sqlite3_io_methods()
    methods.iVersion = 3
    addBytes(to: &methods)
    addLocks(to: &methods)
    let pointer = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
    pointer.initialize(to: methods)
    return pointer
  }

  private static func addBytes(to methods: inout sqlite3_io_methods) {
    methods.xClose = { file in
      let code = FaultyVFS.realMethods(file).xClose(FaultyVFS.behind(file))
      let open = UnsafeMutableRawPointer(file!).assumingMemoryBound(to: OpenFile.self)
      Unmanaged<Owner>.fromOpaque(open.pointee.owner!).release()
      open.pointee.owner = nil
      return code
    }
    methods.xRead = { file, target, count, offset in
      FaultyVFS.operate(file, .read, failing: SQLITE_IOERR | 1 << 8) {
        FaultyVFS.realMethods(file).xRead(FaultyVFS.behind(file), target, count, offset)
      }
    }
    methods.xWrite = { file, source, count, offset in
      FaultyVFS.operate(
        file, .write, failing: SQLITE_IOERR | 3 << 8,
        botched: {
          _ = FaultyVFS.realMethods(file).xWrite(FaultyVFS.behind(file), source, count / 2, offset)
        }
      ) {
        guard FaultyVFS.note(file, Int(offset)..<Int(offset) + Int(count)) else {
          return SQLITE_IOERR | 3 << 8
        }
        return FaultyVFS.realMethods(file).xWrite(FaultyVFS.behind(file), source, count, offset)
      }
    }
    methods.xTruncate = { file, size in
      FaultyVFS.operate(file, .truncate, failing: SQLITE_IOERR | 6 << 8) {
        guard FaultyVFS.note(file, Int(size)..<Int.max) else { return SQLITE_IOERR | 6 << 8 }
        return FaultyVFS.realMethods(file).xTruncate(FaultyVFS.behind(file), size)
      }
    }
    methods.xSync = { file, flags in
      FaultyVFS.operate(file, .sync, failing: SQLITE_IOERR | 4 << 8) {
        let code = FaultyVFS.realMethods(file).xSync(FaultyVFS.behind(file), flags)
        guard code == SQLITE_OK else { return code }
        let owner = FaultyVFS.owner(file)
        do {
          try owner.disk.journal?.forget(owner.path)
        } catch {
          return SQLITE_IOERR | 4 << 8
        }
        return code
      }
    }
    methods.xFileSize = { file, size in
      FaultyVFS.operate(file, .read, failing: SQLITE_IOERR | 7 << 8) {
        FaultyVFS.realMethods(file).xFileSize(FaultyVFS.behind(file), size)
      }
    }
    methods.xFileControl = { FaultyVFS.realMethods($0).xFileControl(FaultyVFS.behind($0), $1, $2) }
    methods.xSectorSize = { FaultyVFS.realMethods($0).xSectorSize(FaultyVFS.behind($0)) }
    methods.xDeviceCharacteristics = {
      FaultyVFS.realMethods($0).xDeviceCharacteristics(FaultyVFS.behind($0))
    }
  }

  private static func addLocks(to methods: inout sqlite3_io_methods) {
    methods.xLock = { FaultyVFS.realMethods($0).xLock(FaultyVFS.behind($0), $1) }
    methods.xUnlock = { FaultyVFS.realMethods($0).xUnlock(FaultyVFS.behind($0), $1) }
    methods.xCheckReservedLock = {
      FaultyVFS.realMethods($0).xCheckReservedLock(FaultyVFS.behind($0), $1)
    }
    methods.xShmMap = { FaultyVFS.realMethods($0).xShmMap(FaultyVFS.behind($0), $1, $2, $3, $4) }
    methods.xShmLock = { FaultyVFS.realMethods($0).xShmLock(FaultyVFS.behind($0), $1, $2, $3) }
    methods.xShmBarrier = { FaultyVFS.realMethods($0).xShmBarrier(FaultyVFS.behind($0)) }
    methods.xShmUnmap = { FaultyVFS.realMethods($0).xShmUnmap(FaultyVFS.behind($0), $1) }
    // SQLite reads through a map, and never writes through one.
    methods.xFetch = { file, offset, count, page in
      FaultyVFS.operate(file, .read, failing: SQLITE_IOERR | 1 << 8) {
        FaultyVFS.realMethods(file).xFetch(FaultyVFS.behind(file), offset, count, page)
      }
    }
    methods.xUnfetch = { FaultyVFS.realMethods($0).xUnfetch(FaultyVFS.behind($0), $1, $2) }
  }
}
