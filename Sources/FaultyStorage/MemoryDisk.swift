public import Storage
import Base
import CSQLite
import Synchronization

/// A disk that exists only in memory and keeps, over a crash, exactly what was synced: bytes by
/// file, names by directory. SQLite sees it through a VFS of its own.
///
/// `@unchecked Sendable`: `lock` protects everything below it.
public final class MemoryDisk: FileSystem, @unchecked Sendable {
  /// What a power loss does to what was not synced.
  public enum Crash: Hashable, Sendable {
    case losesAll
    /// Each sector and each name on its own, by these dice.
    case keepsSome(seed: UInt64)
  }

  public var vfs: String? { registration?.name }
  /// Set once, at the beginning.
  private var registration: VFSRegistration?
  private let lock = Mutex(())
  private var names: [String: MemoryFile] = [:]
  private var durableNames: [String: MemoryFile] = [:]
  private var locked: Set<String> = []
  private var life = 0
  private var fault: DiskFault?
  private var changes = 0
  private var struck = 0
  private var capacityBytes: Int

  public init(capacityBytes: Int = 1 << 40) {
    self.capacityBytes = capacityBytes
    registration = MemoryVFS.register(self)
  }

  /// Operations so far that changed something: every one is a place to lose power at.
  public var operations: Int { lock.withLock { _ in changes } }

  /// Operations so far that an armed fault made fail.
  public var faultsStruck: Int { lock.withLock { _ in struck } }

  /// Arms a fault; `nil`: takes it back.
  public func arm(_ fault: DiskFault?) { lock.withLock { _ in self.fault = fault } }

  /// What is armed, with the operations that it still lets pass; `nil`: nothing (any more).
  public var armedFault: DiskFault? { lock.withLock { _ in fault } }

  /// What all files have together.
  public var sizeBytes: Int { lock.withLock { _ in usedBytes } }

  /// Makes the disk larger or smaller; files stay.
  public func resize(to capacityBytes: Int) {
    lock.withLock { _ in self.capacityBytes = capacityBytes }
  }

  /// The power fails and comes back: what was open before fails from now on, and no fault is armed.
  public func crash(_ crash: Crash) {
    lock.withLock { _ in
      var dice: SplitMix64? =
        if case .keepsSome(let seed) = crash { SplitMix64(seed: seed) } else { nil }
      for path in Set(names.keys).union(durableNames.keys).sorted()
      where names[path] !== durableNames[path] {
        if dice?.chance(1, in: 2) == true { durableNames[path] = names[path] }
      }
      names = durableNames
      for path in names.keys.sorted() { names[path]?.crash(&dice) }
      life += 1
      locked = []
      fault = nil
    }
  }

  /// The process ends and another begins: its locks are free, and what it had open fails from now
  /// on; all that it wrote is in sight, synced or not.
  public func endProcess() {
    lock.withLock { _ in
      for path in names.keys.sorted() { names[path]?.close() }
      life += 1
      locked = []
      fault = nil
    }
  }

  /// Turns one bit of a file over, on the disk as well as for who reads it now.
  /// *Precondition*: the file has it; the first byte's lowest bit is bit zero.
  public func flip(bit: Int, of path: String) {
    lock.withLock { _ in
      guard let file = names[path], bit / 8 < file.bytes.count else {
        preconditionFailure("\(path) has no bit \(bit)")
      }
      file.flip(bit: bit)
    }
  }

  /// The bytes of a file, for tests; `nil`: there is none.
  public func bytes(of path: String) -> [UInt8]? { lock.withLock { _ in names[path]?.bytes } }

  /// Puts a file there as if it had always been so, for tests.
  public func place(_ bytes: [UInt8], at path: String) {
    lock.withLock { _ in
      let file = MemoryFile(bytes)
      names[path] = file
      durableNames[path] = file
    }
  }

  /// All files, sorted.
  public var paths: [String] { lock.withLock { _ in names.keys.sorted() } }

  // MARK: What both faces use, under the lock.

  fileprivate func strike(_ operation: DiskFault.Operation, _ path: String) -> DiskFault.Failure? {
    if operation != .read { changes += 1 }
    let failure = DiskFault.strike(&fault, operation, on: path)
    if failure != nil { struck += 1 }
    return failure
  }

  fileprivate var usedBytes: Int { names.values.reduce(0) { $0 + $1.bytes.count } }

  fileprivate func hasRoom(for file: MemoryFile, upTo end: Int) -> Bool {
    // Counting every file is dear, and almost always there is room.
    end <= file.bytes.count || capacityBytes == 1 << 40
      || usedBytes + end - file.bytes.count <= capacityBytes
  }
}

extension MemoryDisk {
  public func makeDirectory(_ path: String) throws(StorageError) {}

  public func exists(_ path: String) -> Bool { lock.withLock { _ in names[path] != nil } }

  public func names(in directory: String) throws(StorageError) -> [String] {
    paths.filter { $0.hasPrefix(directory + "/") }.map { String($0.dropFirst(directory.count + 1)) }
  }

  public func remove(_ path: String) throws(StorageError) {
    try changing(path, .names, "remove") { names[path] = nil }
  }

  public func rename(_ path: String, to newPath: String) throws(StorageError) {
    try changing(path, .names, "rename") {
      names[newPath] = names[path]
      names[path] = nil
    }
  }

  public func syncDirectory(_ path: String) throws(StorageError) {
    try changing(path, .sync, "sync") { durableNames = names }
  }

  public func open(_ path: String) throws(StorageError) -> any DiskFile {
    if !exists(path) {
      try changing(path, .names, "open") { names[path] = MemoryFile() }
    }
    return lock.withLock { _ in
      MemoryPlainFile(disk: self, file: names[path] ?? MemoryFile(), path: path, life: life)
    }
  }

  public func lock(_ path: String) throws(StorageError) -> (any DiskLock)? {
    _ = try open(path)
    return lock.withLock { _ in
      locked.insert(path).inserted ? MemoryLock(disk: self, path: path, life: life) : nil
    }
  }

  fileprivate func unlock(_ path: String, life: Int) {
    lock.withLock { _ in
      if life == self.life { locked.remove(path) }
    }
  }

  public func freeBytes(in directory: String) throws(StorageError) -> UInt64 {
    lock.withLock { _ in UInt64(max(0, capacityBytes - usedBytes)) }
  }

  private func changing(
    _ path: String, _ operation: DiskFault.Operation, _ action: String, _ body: () -> Void
  ) throws(StorageError) {
    let failure = lock.withLock { _ in
      let failure = strike(operation, path)
      if failure?.conduct.extent ?? .whole == .whole { body() }
      return failure
    }
    if let error = failure?.error(path, action) { throw error }
  }
}

/// A plain file of a `MemoryDisk`.
private final class MemoryPlainFile: DiskFile {
  private let disk: MemoryDisk
  private let file: MemoryFile
  private let path: String
  private let life: Int

  init(disk: MemoryDisk, file: MemoryFile, path: String, life: Int) {
    self.disk = disk
    self.file = file
    self.path = path
    self.life = life
  }

  func read(at offset: Int, count: Int) throws(StorageError) -> [UInt8] {
    var bytes: [UInt8] = []
    try run(.read, "read") {
      bytes = Array(file.read(at: offset, count: count))
      return nil
    }
    return bytes
  }

  func write(_ bytes: [UInt8], at offset: Int) throws(StorageError) {
    func put(_ count: Int) {
      bytes.prefix(count).withUnsafeBytes { file.write($0, at: offset) }
    }
    try run(.write, "write", botched: { put(bytes.count / 2) }) {
      guard disk.hasRoom(for: file, upTo: offset + bytes.count) else { return .full(file: path) }
      put(bytes.count)
      return nil
    }
  }

  func sync() throws(StorageError) {
    try run(.sync, "sync", botched: file.forgetUnsynced) {
      file.sync()
      return nil
    }
  }

  func size() throws(StorageError) -> Int {
    var size = 0
    try run(.read, "measure") {
      size = file.bytes.count
      return nil
    }
    return size
  }

  func allocate(_ bytes: Int) throws(StorageError) {
    try run(.write, "allocate") {
      guard disk.hasRoom(for: file, upTo: bytes) else { return .full(file: path) }
      if file.bytes.count < bytes { file.truncate(to: bytes) }
      return nil
    }
  }

  private func run(
    _ operation: DiskFault.Operation, _ action: String, botched: () -> Void = {},
    _ body: () -> StorageError?
  ) throws(StorageError) {
    var error: StorageError?
    disk.withLock(life) { isAlive in
      let failure = isAlive ? disk.strike(operation, path) : .inputOutput
      switch failure?.conduct.extent ?? .whole {
      case .nothing: break
      case .botched: botched()
      case .whole: error = body()
      }
      error = error ?? failure?.error(path, action)
    }
    if let error { throw error }
  }
}

/// A lock of a `MemoryDisk`; a crash ends it.
private final class MemoryLock: DiskLock {
  private let disk: MemoryDisk
  private let path: String
  private let life: Int

  init(disk: MemoryDisk, path: String, life: Int) {
    self.disk = disk
    self.path = path
    self.life = life
  }

  deinit { release() }

  func release() { disk.unlock(path, life: life) }
}

/// What the VFS does; every answer is a code of SQLite's.
extension MemoryDisk {
  /// Runs `body` under the lock; `isAlive`: the disk has not crashed since `life`.
  func withLock(_ life: Int, _ body: (_ isAlive: Bool) -> Void) {
    lock.withLock { _ in body(life == self.life) }
  }

  /// `nil`: no such file, or no room for its name.
  func openHandle(_ path: String?, _ flags: Int32) -> MemoryFileHandle? {
    lock.withLock { _ in
      let isNew = path.map { names[$0] == nil } ?? true
      if isNew {
        guard flags & SQLITE_OPEN_CREATE != 0, strike(.names, path ?? "") == nil else {
          return nil
        }
      }
      let file = path.flatMap { names[$0] } ?? MemoryFile()
      if let path, isNew { names[path] = file }
      let handle = MemoryFileHandle(
        disk: self, file: file, path: path ?? "", life: life,
        isRemovedOnClose: flags & SQLITE_OPEN_DELETEONCLOSE != 0,
        syncsDirectory: isNew && flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL) != 0)
      file.handles.append(handle)
      return handle
    }
  }

  func closeHandle(_ handle: MemoryFileHandle) {
    lock.withLock { _ in
      handle.file.handles.removeAll { $0 === handle }
      if handle.isRemovedOnClose, handle.life == life { names[handle.path] = nil }
    }
  }

  /// Runs one operation on an open file.
  func operate(
    _ handle: MemoryFileHandle, _ operation: DiskFault.Operation, failing code: Int32,
    botched: () -> Void = {}, _ body: () -> Int32
  ) -> Int32 {
    lock.withLock { _ in
      guard handle.life == life else { return code }
      guard let failure = strike(operation, handle.path) else { return body() }
      switch failure.conduct.extent {
      case .nothing: break
      case .botched: botched()
      case .whole: return body()
      }
      return failure.answer(failing: code)
    }
  }

  func write(
    _ handle: MemoryFileHandle, _ source: UnsafeRawBufferPointer, at offset: Int
  ) -> Int32 {
    let half = UnsafeRawBufferPointer(rebasing: source[..<(source.count / 2)])
    return operate(
      handle, .write, failing: SQLITE_IOERR | 3 << 8,
      botched: { handle.file.write(half, at: offset) }
    ) {
      guard hasRoom(for: handle.file, upTo: offset + source.count) else { return SQLITE_FULL }
      handle.file.write(source, at: offset)
      return SQLITE_OK
    }
  }

  func sync(_ handle: MemoryFileHandle) -> Int32 {
    operate(
      handle, .sync, failing: SQLITE_IOERR | 4 << 8, botched: handle.file.forgetUnsynced
    ) {
      handle.file.sync()
      if handle.syncsDirectory { durableNames = names }
      handle.syncsDirectory = false
      return SQLITE_OK
    }
  }

  func removeName(_ path: String, isSynced: Bool) -> Int32 {
    lock.withLock { _ in
      guard names[path] != nil else { return SQLITE_IOERR | 23 << 8 }
      guard strike(.names, path) == nil else { return SQLITE_IOERR | 10 << 8 }
      names[path] = nil
      if isSynced { durableNames = names }
      return SQLITE_OK
    }
  }
}
