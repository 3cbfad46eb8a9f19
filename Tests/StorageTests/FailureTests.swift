import FaultyStorage
import Foundation
import KeyValue
import Raft
import Testing

@testable import Storage

/// What a disk may say, and what the member makes of it (failures S3, S4, S8).
@Suite struct `a failing disk` {
  private func member(
    on disk: MemoryDisk, _ settings: StorageSettings = StorageSettings()
  ) throws -> DataDirectory {
    let directory = try DataDirectory(
      at: "/m", as: Sample.claim, settings: settings, on: disk
    ) { Incarnation(9) }
    if directory.isNew { try directory.log.form(Sample.base) }
    return directory
  }

  @Test(arguments: [DiskFault.Operation.write, .sync])
  func `stops the log at its first error and is never asked again`(
    operation: DiskFault.Operation
  ) throws {
    let disk = MemoryDisk()
    let directory = try member(on: disk)
    try directory.log.commit([Sample.write(Sample.entries(1, 1...2), term: 1)])
    disk.arm(DiskFault(.inputOutput, of: operation, on: ".wal", isLasting: false))
    #expect(throws: StorageError.self) {
      try directory.log.commit([Sample.write([Sample.entry(1, 3)])])
    }
    let operations = disk.operations
    // The fault is gone, and yet nothing is written, synced, read or closed in order.
    let calls: [() throws -> Void] = [
      { try directory.log.commit([Sample.write([Sample.entry(1, 3)])]) },
      { _ = try directory.log.recover() }, { try directory.log.maintain() },
      { _ = try directory.openState() }, { _ = try directory.receiveSnapshot() },
      { try directory.close() },
    ]
    for call in calls {
      let error = #expect(throws: StorageError.self) { try call() }
      guard case .stopped = error else {
        Issue.record("it went on: \(error.map(String.init(describing:)) ?? "no error")")
        continue
      }
    }
    #expect(disk.operations == operations)
    #expect(directory.failure.cause?.description.contains("/m/raft-1-1.wal") == true)
    // After the crash that follows, what was promised is there.
    disk.crash(.losesAll)
    let entries = try member(on: disk).log.recover()?.entries ?? []
    #expect(Array(entries.prefix(2)) == Sample.entries(1, 1...2))
  }

  @Test(arguments: ["state-1.db", "state-1.db-journal"])
  func `stops the state at a failing flush, before durableApplied moves`(name: String) throws {
    let disk = MemoryDisk()
    let directory = try member(on: disk)
    try directory.log.commit([Sample.write(Sample.entries(1, 1...2), term: 1)])
    let state = try directory.openState()
    var batches = Batches()
    try state.flush(batches.put(["a"], index: 1))
    #expect(state.durableApplied == LogIndex(1))
    disk.arm(DiskFault(.inputOutput, of: .sync, on: name, isLasting: false))
    #expect(throws: StorageError.self) { try state.flush(batches.put(["b"], index: 2)) }
    #expect(state.durableApplied == LogIndex(1))
    #expect(throws: StorageError.self) { try state.sync() }
    #expect(throws: StorageError.self) { try directory.log.commit([Sample.write(term: 2)]) }
  }

  @Test func `that is full gives up its reserve once, and refuses what grows`() throws {
    let disk = MemoryDisk()
    var settings = StorageSettings()
    settings.segmentBytes = 64 << 10
    settings.reserveBytes = 1 << 20
    settings.neededBytes = 1 << 18
    let directory = try member(on: disk, settings)
    #expect(try directory.space() == .plenty)
    let used = disk.paths.reduce(0) { $0 + (disk.bytes(of: $1)?.count ?? 0) }
    disk.resize(to: used + 10_000)
    guard case .short(let free, _) = try directory.space() else {
      Issue.record("plenty on a full disk")
      return
    }
    #expect(free == 10_000)
    // What was let in before goes on: it finds the reserve.
    try directory.log.commit([Sample.write(Sample.entries(1, 1...20, bytes: 1_000), term: 1)])
    #expect(disk.bytes(of: "/m/reserve") == nil)
    guard case .short = try directory.space() else {
      Issue.record("plenty on a full disk")
      return
    }
    // Room comes back, and the reserve with it.
    disk.resize(to: 1 << 24)
    #expect(try directory.space() == .plenty)
    #expect(disk.bytes(of: "/m/reserve")?.count == 1 << 20)
    try directory.close()
    let again = try member(on: disk, settings)
    #expect(try again.log.recover()?.entries.count == 20)
  }

  @Test func `that is full without a reserve stops the member and loses no promise`() throws {
    let disk = MemoryDisk()
    var settings = StorageSettings()
    settings.segmentBytes = 16 << 10
    settings.reserveBytes = 4_096
    let directory = try member(on: disk, settings)
    try directory.log.commit([Sample.write(Sample.entries(1, 1...2), term: 1)])
    let used = disk.paths.reduce(0) { $0 + (disk.bytes(of: $1)?.count ?? 0) }
    disk.resize(to: used + 10_000)
    let error = #expect(throws: StorageError.self) {
      try directory.log.commit([Sample.write(Sample.entries(1, 3...90, bytes: 1_000))])
    }
    #expect(error == .full(file: "/m/raft-1-2.wal"))
    disk.crash(.losesAll)
    disk.resize(to: 1 << 24)
    #expect(try member(on: disk, settings).log.recover()?.entries == Sample.entries(1, 1...2))
  }

  @Test func `that lies about a row is caught when the row is read`() throws {
    let disk = MemoryDisk()
    let directory = try member(on: disk)
    let state = try directory.openState()
    var batches = Batches()
    try state.flush(batches.put(["needle"], index: 1))
    try state.close()
    let path = "/m/state-1.db"
    var bytes = try #require(disk.bytes(of: path))
    let needle = Array("needle".utf8)
    let place = try #require(
      bytes.indices.first { bytes[$0...].starts(with: needle) && $0 > 4_096 })
    let running = try directory.openState()
    bytes[place] ^= 1
    disk.place(bytes, at: path)
    let reader = try directory.openState()
    let error = #expect(throws: StorageError.self) { _ = try reader.rows(numbered: [1]) }
    #expect(error == .damaged(file: path, place: "row 1"))
    #expect(throws: StorageError.self) { _ = try running.rows(numbered: [1]) }
  }
}

/// Docs/Storage.md, *A data directory*: whose directory it is, and who may use it.
@Suite struct `a data directory` {
  private func open(
    _ path: String, as claim: Claim = Sample.claim
  ) throws(StorageError) -> DataDirectory {
    try DataDirectory(at: path, as: claim) { Incarnation(UInt64.random(in: 1 ... .max)) }
  }

  @Test func `keeps the incarnation that was drawn when it was made`() throws {
    let directory = TemporaryDirectory()
    let first = try open(directory.path + "/a/b")
    #expect(first.isNew)
    let identity = first.identity
    try first.close()
    let second = try open(directory.path + "/a/b")
    #expect(!second.isNew)
    #expect(second.identity == identity)
  }

  @Test func `lets in one process`() throws {
    let directory = TemporaryDirectory()
    let first = try open(directory.path)
    #expect(throws: StorageError.inUse(directory: directory.path)) { try open(directory.path) }
    try first.close()
    _ = try open(directory.path)
  }

  @Test func `is locked for other processes, and free when its own has gone`() throws {
    let directory = TemporaryDirectory()
    try FileManager.default.createDirectory(
      atPath: directory.path, withIntermediateDirectories: true)
    let other = Process()
    other.executableURL = URL(fileURLWithPath: "/usr/bin/flock")
    let said = Pipe()
    let kept = Pipe()
    other.standardOutput = said
    other.standardInput = kept
    other.arguments = [directory.path + "/LOCK", "sh", "-c", "echo locked; read line"]
    try other.run()
    // It speaks once it holds the lock.
    #expect(said.fileHandleForReading.availableData.count > 0)
    #expect(throws: StorageError.inUse(directory: directory.path)) { try open(directory.path) }
    try kept.fileHandleForWriting.close()
    other.waitUntilExit()
    _ = try open(directory.path)
  }

  @Test func `of another cluster or member is refused`() throws {
    let directory = TemporaryDirectory()
    try open(directory.path).close()
    let cluster = Claim(cluster: 5, member: Sample.claim.member, name: "n1")
    #expect(
      throws: StorageError.otherCluster(directory: directory.path, found: 0xC0FFEE, expected: 5)
    ) { try open(directory.path, as: cluster) }
    let member = Claim(cluster: 0xC0FFEE, member: MemberID(2), name: "n2")
    #expect(
      throws: StorageError.otherMember(
        directory: directory.path, found: MemberID(1), name: "n1", expected: MemberID(2))
    ) { try open(directory.path, as: member) }
    _ = try open(directory.path)
  }

  @Test func `that is a file, or below one, cannot be written`() throws {
    let directory = TemporaryDirectory()
    try open(directory.path).close()
    for path in [directory.path + "/LOCK", directory.path + "/LOCK/below"] {
      let error = #expect(throws: StorageError.self) { try open(path) }
      guard case .unwritable = error else {
        Issue.record("\(error.map(String.init(describing:)) ?? "opened")")
        continue
      }
    }
  }

  @Test func `of a newer format is refused by number`() throws {
    let directory = TemporaryDirectory()
    try open(directory.path).close()
    var bytes = try directory.bytes(of: "raft.db")
    bytes[63] = 3
    try directory.write(bytes, to: "raft.db")
    #expect(
      throws: StorageError.unknownFormat(
        file: directory.path + "/raft.db", found: 3, newest: 2)
    ) { try open(directory.path) }
  }

  @Test func `survives a kill`() throws {
    let directory = TemporaryDirectory()
    let running = try open(directory.path)
    try running.log.form(Sample.base)
    try running.log.commit([Sample.write(Sample.entries(1, 1...9), term: 1)])
    let state = try running.openState()
    var batches = Batches()
    try state.flush(batches.put(["a", "b"], index: 4))
    let copy = TemporaryDirectory()
    try FileManager.default.copyItem(atPath: directory.path, toPath: copy.path)
    let again = try open(copy.path)
    #expect(try again.log.recover()?.entries == Sample.entries(1, 1...9))
    #expect(try again.openState().scannedRows() == batches.rows)
  }

  @Test func `shows its live keys to anybody with sqlite3`() throws {
    let directory = TemporaryDirectory()
    let running = try open(directory.path)
    let state = try running.openState()
    var batches = Batches()
    try state.flush(batches.put(["a"], index: 1))
    try state.flush(batches.put(["a", "b"], index: 2))
    let connection = try Connection(
      directory.path + "/state-1.db", .read, on: POSIXFileSystem())
    let keys = try connection.text(
      "SELECT group_concat(key || '@' || mod_revision, ' ') FROM current ORDER BY key")
    #expect(keys == "a@3 b@3")
  }
}
