public import Storage
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The machine's own files, and a disk below them that does wrong when it is told to. Plain files
/// and SQLite's pass through one place, which counts them.
public final class FaultyDisk: FileSystem {
  struct State {
    var fault: DiskFault?
    var condition = DiskCondition.sound
    var changes = 0
  }

  private let real = POSIXFileSystem()
  private let state = Mutex(State())
  /// Set once, at the beginning.
  private nonisolated(unsafe) var registration: VFSRegistration?

  /// Notes what is not synced, if a kill shall be a power loss.
  let journal: UndoJournal?

  public var vfs: String? { registration?.name }

  public init() {
    journal = nil
    registration = FaultyVFS.register(self)
  }

  /// A disk whose unsynced writes to files of this directory do not outlive their process:
  /// `PowerLoss.strike` takes them back.
  public init(forgettingIn directory: String) throws(StorageError) {
    journal = try UndoJournal(in: directory)
    registration = FaultyVFS.register(self)
  }

  /// Operations so far that changed something.
  public var operations: Int { state.withLock { $0.changes } }

  /// Arms a fault; `nil`: takes it back.
  public func arm(_ fault: DiskFault?) { state.withLock { $0.fault = fault } }

  func update<Result>(_ body: (inout sending State) -> sending Result) -> sending Result {
    state.withLock(body)
  }

  /// Counts an operation and says what is wrong with it; a stall has passed when it returns.
  func strike(_ operation: DiskFault.Operation, _ path: String) -> DiskFault.Failure? {
    let failure = state.withLock { state in
      if operation != .read { state.changes += 1 }
      return DiskFault.strike(&state.fault, operation, on: path)
    }
    // Outside the lock: the other files are not slow.
    if case .stalled(let milliseconds) = failure { usleep(UInt32(milliseconds) * 1_000) }
    return failure
  }

  fileprivate func run(
    _ operation: DiskFault.Operation, _ path: String, _ action: String,
    botched: () throws(StorageError) -> Void = {}, _ body: () throws(StorageError) -> Void
  ) throws(StorageError) {
    let failure = strike(operation, path)
    switch failure?.conduct.extent ?? .whole {
    case .nothing: break
    case .botched: try botched()
    case .whole: try body()
    }
    if let error = failure?.error(path, action) { throw error }
  }
}

extension FaultyDisk {
  public func makeDirectory(_ path: String) throws(StorageError) { try real.makeDirectory(path) }

  public func exists(_ path: String) -> Bool { real.exists(path) }

  public func names(in directory: String) throws(StorageError) -> [String] {
    try real.names(in: directory)
  }

  public func remove(_ path: String) throws(StorageError) {
    try run(.names, path, "remove") { () throws(StorageError) in
      try real.remove(path)
      try journal?.forget(path)
    }
  }

  public func rename(_ path: String, to newPath: String) throws(StorageError) {
    try run(.names, path, "rename") { () throws(StorageError) in
      try real.rename(path, to: newPath)
      try journal?.forget(newPath)
    }
  }

  public func syncDirectory(_ path: String) throws(StorageError) {
    try run(.sync, path, "sync") { () throws(StorageError) in try real.syncDirectory(path) }
  }

  public func open(_ path: String) throws(StorageError) -> any DiskFile {
    if !exists(path) { try run(.names, path, "open") {} }
    return FaultyFile(try real.open(path), at: path, on: self)
  }

  public func lock(_ path: String) throws(StorageError) -> (any DiskLock)? { try real.lock(path) }

  public func freeBytes(in directory: String) throws(StorageError) -> UInt64 {
    switch condition {
    case .nearlyFull, .full: 0
    case .sound, .slow, .failing: try real.freeBytes(in: directory)
    }
  }
}

/// A plain file of a `FaultyDisk`.
private final class FaultyFile: DiskFile {
  private let file: any DiskFile
  private let path: String
  private let disk: FaultyDisk

  init(_ file: any DiskFile, at path: String, on disk: FaultyDisk) {
    self.file = file
    self.path = path
    self.disk = disk
  }

  func read(at offset: Int, count: Int) throws(StorageError) -> [UInt8] {
    var bytes: [UInt8] = []
    try disk.run(.read, path, "read") { () throws(StorageError) in
      bytes = try file.read(at: offset, count: count)
    }
    return bytes
  }

  func write(_ bytes: [UInt8], at offset: Int) throws(StorageError) {
    func put(_ count: Int) throws(StorageError) {
      if let journal = disk.journal {
        try journal.note(path, offset..<offset + count, size: try file.size()) { offset, count in
          (try? file.read(at: offset, count: count)) ?? []
        }
      }
      try file.write(Array(bytes.prefix(count)), at: offset)
    }
    try disk.run(
      .write, path, "write",
      botched: { () throws(StorageError) in try put(bytes.count / 2) }
    ) { () throws(StorageError) in try put(bytes.count) }
  }

  func sync() throws(StorageError) {
    try disk.run(.sync, path, "sync") { () throws(StorageError) in
      try file.sync()
      try disk.journal?.forget(path)
    }
  }

  func size() throws(StorageError) -> Int {
    var size = 0
    try disk.run(.read, path, "measure") { () throws(StorageError) in size = try file.size() }
    return size
  }

  func allocate(_ bytes: Int) throws(StorageError) {
    try disk.run(.write, path, "allocate") { () throws(StorageError) in
      try file.allocate(bytes)
    }
  }
}
