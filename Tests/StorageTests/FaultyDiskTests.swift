import FaultyStorage
import Foundation
import KeyValue
import Raft
import Testing

@testable import Storage

/// Failures S3 to S5 over real files: what SQLite and the member make of a disk that errs.
@Suite struct `a failing disk below real files` {
  private let place = TemporaryDirectory()

  private func member(on disk: any FileSystem) throws -> DataDirectory {
    let directory = try DataDirectory(
      at: place.path, as: Sample.claim, settings: Story.settings, on: disk
    ) { Incarnation(9) }
    if try directory.log.recover() == nil { try directory.log.form(Sample.base) }
    return directory
  }

  @Test(arguments: [DiskFault.Failure.inputOutput, .torn, .full, .forgotten])
  func `breaks no promise at any operation`(failure: DiskFault.Failure) throws {
    let whole = Story(on: FaultyDisk(), at: place.path)
    try whole.live()
    #expect(whole.brokenPromise() == nil)
    let length = try #require(whole.disk as? FaultyDisk).operations
    #expect(length > 100)
    for operation in stride(from: 0, to: length, by: 17) {
      let directory = TemporaryDirectory()
      let disk = FaultyDisk()
      let story = Story(on: disk, at: directory.path)
      disk.arm(DiskFault(failure, after: operation))
      try? story.live()
      // The process ends, and its successor finds a disk that works.
      disk.arm(nil)
      if let broken = story.brokenPromise() {
        Issue.record("operation \(operation) of \(length): \(broken)")
      }
    }
  }

  @Test func `leaves half a commit, which the next start cuts off`() throws {
    let disk = FaultyDisk()
    var directory: DataDirectory? = try member(on: disk)
    try directory?.log.commit([Sample.write(Sample.entries(1, 1...3), term: 1)])
    disk.arm(DiskFault(.torn, of: .write, on: ".wal", after: 0))
    #expect(throws: StorageError.self) {
      try directory?.log.commit([Sample.write(Sample.entries(1, 4...9, bytes: 900))])
    }
    // The head of a record, and half of its entries.
    let segment = try place.bytes(of: "raft-1-1.wal")
    let head = try #require(LogRecord.Head(segment, at: LogRecord.alignment))
    #expect(head.first == LogIndex(4) && head.count == 6)
    #expect(LogRecord(segment, at: LogRecord.alignment) == nil)
    directory = nil
    let again = try member(on: FaultyDisk())
    #expect(try again.log.recover()?.entries == Sample.entries(1, 1...3))
    try again.log.commit([Sample.write(Sample.entries(1, 4...5))])
    try again.close()
    #expect(try member(on: FaultyDisk()).log.recover()?.entries == Sample.entries(1, 1...5))
  }

  @Test func `that is slow to sync holds up the commit until it has`() throws {
    let disk = FaultyDisk()
    let directory = try member(on: disk)
    try directory.log.commit([Sample.write([Sample.entry(1, 1)], term: 1)])
    disk.arm(DiskFault(.stalled(milliseconds: 300), of: .sync, on: ".wal"))
    let clock = ContinuousClock()
    let held = try clock.measure {
      try directory.log.commit([Sample.write([Sample.entry(1, 2)])])
    }
    #expect(held >= .milliseconds(300))
    #expect(try directory.log.recover()?.entries == Sample.entries(1, 1...2))
  }

  @Test func `that drops a sync is told by nobody, and counted`() throws {
    let disk = FaultyDisk()
    let directory = try member(on: disk)
    let before = disk.operations
    disk.arm(DiskFault(.dropped, of: .sync))
    try directory.log.commit([Sample.write([Sample.entry(1, 1)], term: 1)])
    #expect(disk.operations >= before + 3)
    #expect(try directory.log.recover()?.entries == [Sample.entry(1, 1)])
  }
}

/// What a start shows, it promises: it may be asked for acknowledgements before it writes again.
@Suite struct `a start after a process died` {
  private func member(on disk: MemoryDisk) throws -> DataDirectory {
    try DataDirectory(at: "/m", as: Sample.claim, settings: Story.settings, on: disk) {
      Incarnation(9)
    }
  }

  /// Commits, with the fault in the second commit's sync; what lies there is what the next finds.
  private func died(by failure: DiskFault.Failure) throws -> MemoryDisk {
    let disk = MemoryDisk()
    let directory = try member(on: disk)
    try directory.log.form(Sample.base)
    try directory.log.commit([Sample.write(Sample.entries(1, 1...2), term: 1)])
    disk.arm(DiskFault(failure, of: .sync, on: ".wal", isLasting: false))
    #expect(throws: StorageError.self) {
      try directory.log.commit([Sample.write(Sample.entries(1, 3...4), term: 2, vote: 3)])
    }
    disk.endProcess()
    return disk
  }

  @Test(arguments: [DiskFault.Failure.inputOutput, .forgotten])
  func `trusts nothing that a power loss could still take`(failure: DiskFault.Failure) throws {
    let disk = try died(by: failure)
    let found = try member(on: disk).log.recover()
    // The unsynced commit is in sight. That it counts is right, for nothing says that it failed.
    #expect(found?.entries == Sample.entries(1, 1...4))
    disk.crash(.losesAll)
    #expect(try member(on: disk).log.recover() == found)
  }

  @Test func `stops when what it found cannot be written`() throws {
    for operation in [DiskFault.Operation.write, .sync] {
      let disk = try died(by: .forgotten)
      disk.arm(DiskFault(.inputOutput, of: operation, on: ".wal"))
      let error = #expect(throws: StorageError.self) { _ = try member(on: disk) }
      #expect(error?.description.contains("/m/raft-1-1.wal") == true)
    }
  }

  @Test func `keeps the landmark that a failed sync has lowered`() throws {
    let disk = MemoryDisk()
    let directory = try member(on: disk)
    try directory.log.form(Sample.base)
    try directory.log.commit([Sample.write([Sample.entry(2, 1), Sample.entry(3, 2)], term: 3)])
    // The landmark of this is durable, for it went back.
    try directory.log.commit([Sample.write([Sample.entry(2, 2)])])
    disk.arm(DiskFault(.forgotten, of: .sync, on: "landmark", isLasting: false))
    #expect(throws: StorageError.self) {
      try directory.log.commit([Sample.write([Sample.entry(1, 1)])])
    }
    disk.endProcess()
    try member(on: disk).log.commit([Sample.write([Sample.entry(1, 1)])])
    disk.crash(.losesAll)
    #expect(try member(on: disk).log.recover()?.entries == [Sample.entry(1, 1)])
  }

  /// Of a flush that failed nothing is left, or all of it, and what is in sight is on the disk.
  @Test(arguments: ["state-1.db", "state-1.db-journal"], 0..<4)
  func `takes the state that it found as durable`(name: String, after: Int) throws {
    let disk = MemoryDisk()
    let directory = try member(on: disk)
    try directory.log.form(Sample.base)
    try directory.log.commit([Sample.write(Sample.entries(1, 1...3), term: 1)])
    let state = try directory.openState()
    var batches = Batches()
    try state.flush(batches.put(["a"], index: 1))
    disk.arm(DiskFault(.forgotten, of: .sync, on: name, after: after, isLasting: false))
    for index in UInt64(2)...3 {
      guard (try? state.flush(batches.put(["b"], index: index))) != nil else { break }
    }
    disk.endProcess()
    let found = try member(on: disk).openState().meta
    #expect(found.appliedIndex >= 1)
    disk.crash(.losesAll)
    #expect(try member(on: disk).openState().meta == found)
  }
}
