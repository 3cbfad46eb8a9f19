import FaultyStorage
import Foundation
import Raft
import Testing

@testable import Storage

/// The log as a directory has it.
@Suite struct `the log on real files` {
  private let place = TemporaryDirectory()
  private let entries = Sample.entries(1, 1...300, bytes: 1_000)

  private static let settings: StorageSettings = {
    var settings = StorageSettings()
    settings.segmentBytes = 16 << 10
    settings.reserveBytes = 4_096
    return settings
  }()

  private func member(
    on disk: any FileSystem = POSIXFileSystem(), _ settings: StorageSettings = Self.settings
  ) throws -> DataDirectory {
    let directory = try DataDirectory(
      at: place.path, as: Sample.claim, settings: settings, on: disk
    ) { Incarnation(9) }
    if directory.isNew { try directory.log.form(Sample.base) }
    return directory
  }

  private var segments: [String] {
    get throws { try POSIXFileSystem().names(in: place.path).filter { $0.hasSuffix(".wal") } }
  }

  @Test func `keeps a commit larger than a segment`() throws {
    let first = try member()
    try first.log.commit([Sample.write(entries, term: 1)])
    try first.log.commit([Sample.write(Sample.entries(1, 301...302))])
    #expect(try segments == ["raft-1-1.wal", "raft-1-2.wal", "raft-1-3.wal"])
    let wish = LogFetch(first: LogIndex(250), last: LogIndex(302), limitBytes: 1 << 20)
    let expected = entries[249...] + Sample.entries(1, 301...302)
    #expect(try first.log.entries(wish) == Array(expected))
    try first.close()
    let again = try member()
    #expect(try again.log.recover()?.entries == entries + Sample.entries(1, 301...302))
    #expect(try again.log.entries(wish) == Array(expected))
    try again.close()
  }

  /// What is left is what a leader might have sent before: a beginning of the commit.
  @Test(arguments: 0..<5)
  func `fails such a commit at any of its writes`(position: Int) throws {
    let disk = FaultyDisk()
    var directory: DataDirectory? = try member(on: disk)
    disk.arm(
      DiskFault(.inputOutput, of: .write, on: ".wal", after: position, isLasting: false))
    let commit = { try directory?.log.commit([Sample.write(entries, term: 1)]) }
    // Two segments are made and written.
    if position < 4 {
      #expect(throws: StorageError.self) { try commit() }
    } else {
      #expect(throws: Never.self) { try commit() }
    }
    directory = nil
    let found = try member().log.recover()?.entries ?? []
    #expect(found == Array(entries.prefix(found.count)))
    #expect((found.count == 300) == (position == 4))
  }

  @Test func `gives back the segments that nothing needs, and uses them again`() throws {
    let directory = try member()
    var last: UInt64 = 0
    for round in UInt64(1)...12 {
      for _ in 0..<3 {
        last += 1
        try directory.log.commit([Sample.write([Sample.entry(1, last)], term: 1)])
        try directory.log.maintain()
      }
      if round > 2 { try directory.log.commit([Sample.write(cut: Sample.base(1, last - 5))]) }
      #expect(try segments.count <= 4)
    }
    // Four records of 4 KiB a segment: the last is the tenth; what is before it has gone, and one
    // of them waits as the next.
    #expect(try segments == ["raft-1-29.wal", "raft-1-33.wal", "raft-spare.wal"])
    #expect(try place.bytes(of: "raft-spare.wal").contains { $0 != 0 })
    try directory.close()
    let again = try member()
    #expect(try again.log.recover()?.entries == Sample.entries(1, 32...36))
    try again.log.commit([Sample.write([Sample.entry(1, 37)])])
    try again.close()
    #expect(try member().log.recover()?.entries == Sample.entries(1, 32...37))
  }

  @Test func `loses nothing when the power goes while it gives segments back`() throws {
    /// Twelve records, four a segment, and a cut that leaves the last segment.
    func cut(_ fault: DiskFault?, on disk: MemoryDisk) throws -> Int {
      let directory = try member(on: disk)
      for index in UInt64(1)...12 {
        try directory.log.commit([Sample.write([Sample.entry(1, index)], term: 1)])
      }
      let start = disk.operations
      disk.arm(fault)
      try? directory.log.commit([Sample.write(cut: Sample.base(1, 9))])
      return disk.operations - start
    }
    let length = try cut(nil, on: MemoryDisk())
    #expect(length > 2)
    for operation in 0..<length {
      for fate in [.losesAll] + (0..<8).map({ MemoryDisk.Crash.keepsSome(seed: $0) }) {
        let disk = MemoryDisk()
        _ = try cut(DiskFault(.inputOutput, after: operation), on: disk)
        disk.crash(fate)
        let found = try #require(try member(on: disk).log.recover())
        let begin = found.base.last.index.number + 1
        #expect(found.base == Sample.base || found.base == Sample.base(1, 9))
        #expect(found.entries == Sample.entries(1, begin...12))
      }
    }
  }

  /// A segment whose first record begins above the base is of no use without the one before.
  @Test func `keeps a segment as long as the next one does not begin early enough`() throws {
    let directory = try member()
    // Four records fill the first segment; the second begins with an end that another replaces.
    for index in UInt64(1)...4 {
      try directory.log.commit([Sample.write([Sample.entry(1, index)], term: 1)])
    }
    try directory.log.commit([Sample.write(Sample.entries(1, 5...9))])
    try directory.log.commit([Sample.write(Sample.entries(2, 4...6), term: 2)])
    try directory.log.commit([Sample.write(cut: Sample.base(1, 3))])
    #expect(try segments.first == "raft-1-1.wal")
    try directory.close()
    let again = try member()
    #expect(try again.log.recover()?.entries == Sample.entries(2, 4...6))
    try again.log.commit([Sample.write(cut: Sample.base(2, 4))])
    #expect(try segments.first == "raft-1-5.wal")
    try again.close()
    #expect(try member().log.recover()?.entries == Sample.entries(2, 5...6))
  }

  /// Of a commit of several records the first was lost, and then replaced: the rest must not follow
  /// what they never followed.
  @Test func `does not take up what an unfinished commit has left behind`() throws {
    var settings = Self.settings
    settings.segmentBytes = 2 << 20
    var directory: DataDirectory? = try member(POSIXFileSystem(), settings)
    try directory?.log.commit([Sample.write([Sample.entry(1, 1)], term: 1)])
    let long = Sample.entries(2, 2...700, bytes: 1_000)
    try directory?.log.commit([Sample.write(long, term: 2)])
    directory = nil
    var bytes = try place.bytes(of: "raft-1-1.wal")
    let second = LogRecord.alignment
    let head = try #require(LogRecord.Head(bytes, at: second))
    // The first of its records never reached the disk, and the landmark knows nothing of it.
    let third = LogRecord.end(of: second, length: Int(head.length))
    for offset in second..<third { bytes[offset] = 0 }
    try place.write(bytes, to: "raft-1-1.wal")
    try FileManager.default.removeItem(atPath: place.path + "/landmark")
    try Landmark.create(at: place.path + "/landmark", on: POSIXFileSystem())
    directory = try member(POSIXFileSystem(), settings)
    #expect(try directory?.log.recover()?.entries == [Sample.entry(1, 1)])
    // Entries of the same number and length, of an older leader: the next record's place is right.
    let other = Sample.entries(1, 2...UInt64(head.count) + 1, bytes: 1_000)
    try directory?.log.commit([Sample.write(other)])
    directory = nil
    #expect(LogRecord.Head(try place.bytes(of: "raft-1-1.wal"), at: third) != nil)
    let again = try member(POSIXFileSystem(), settings)
    #expect(try again.log.recover()?.entries == [Sample.entry(1, 1)] + other)
    try again.close()
  }

  private func member(
    _ disk: any FileSystem, _ settings: StorageSettings
  ) throws -> DataDirectory { try member(on: disk, settings) }

  @Test func `opens with the pages of earlier builds`() throws {
    let first = try member()
    try first.log.commit([Sample.write(Array(entries[..<100]), term: 1)])
    try first.close()
    let file = place.path + "/raft.db"
    let connection = try Connection(file, .write, on: POSIXFileSystem())
    for sql in ["journal_mode = DELETE", "page_size = 4096"] {
      try connection.execute("PRAGMA \(sql)")
    }
    try connection.execute("VACUUM")
    try connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    #expect(
      try DatabaseFormat.log.checkHeader(of: file, on: POSIXFileSystem()) == 4_096)
    let old = try member()
    #expect(try old.log.recover()?.entries == Array(entries[..<100]))
    try old.log.commit([Sample.write(Array(entries[100...]), term: 2)])
    let wal = try place.bytes(of: "raft.db-wal")
    #expect(WALScan.verdict(on: wal, pageSize: 4_096) == .sound)
    try old.close()
    let again = try member()
    #expect(try again.log.recover()?.entries == entries)
    try again.close()
  }
}

/// A log that an earlier build has kept in a table of `raft.db`.
@Suite struct `a log of format 1` {
  private let kept = Sample.entries(1, 5...8) + Sample.entries(2, 9...12)

  /// A directory as it was then: one row for the entries of each batch.
  private func directory(on disk: MemoryDisk) throws {
    let made = try open(on: disk)
    try made.log.form(Sample.base)
    try made.log.commit([
      Sample.write(Sample.entries(1, 1...8) + Sample.entries(2, 9...12), term: 2, vote: 3),
      Sample.write(cut: Sample.base(1, 6)),
    ])
    try made.close()
    for path in disk.paths where path.hasSuffix(".wal") { try disk.remove(path) }
    let file = try Connection("/m/raft.db", .write, on: disk)
    try file.execute(LogUpgrade.table)
    try file.execute("PRAGMA user_version = 1")
    let record = BaseRecord(generation: 1, base: Sample.base(1, 6), log: .init(salt: 0))
    try RecordTable(file).write(.base, Array(record.encoded().dropLast(24)))
    let insert = try file.prepare("INSERT INTO log(first, body) VALUES (?1, ?2)")
    for row in [kept[..<3], kept[3...]] {
      insert.bind(Int64(row[row.startIndex].index.number), at: 1)
      try insert.bind(Self.row(row), at: 2)
      try insert.run()
    }
    #expect(try file.checkpoint(.truncate))
    file.close()
  }

  private static func row(_ entries: ArraySlice<Entry>) -> [UInt8] {
    var bytes: [UInt8] = [1]
    bytes.append(number: UInt32(entries.count))
    for entry in entries {
      let encoded = entry.encoded()
      bytes.append(number: UInt32(encoded.count))
      bytes.append(number: encoded.checksum)
      bytes += encoded
    }
    return bytes
  }

  private func open(on disk: MemoryDisk) throws -> DataDirectory {
    try DataDirectory(at: "/m", as: Sample.claim, settings: Story.settings, on: disk) {
      Incarnation(9)
    }
  }

  private func check(_ directory: DataDirectory) throws {
    let found = try #require(try directory.log.recover())
    #expect(found.base == Sample.base(1, 6))
    #expect(found.hardState == HardState(currentTerm: Term(2), votedFor: MemberID(3)))
    #expect(found.entries == Array(kept[2...]))
  }

  @Test func `is moved into segments, once`() throws {
    let disk = MemoryDisk()
    try directory(on: disk)
    let first = try open(on: disk)
    try check(first)
    try first.log.commit([Sample.write([Sample.entry(2, 13)])])
    try first.close()
    #expect(disk.bytes(of: "/m/raft.db")?[63] == 2)
    let again = try open(on: disk)
    #expect(try again.log.recover()?.entries == Array(kept[2...]) + [Sample.entry(2, 13)])
  }

  @Test func `survives a power loss at any operation of the move`() throws {
    let whole = MemoryDisk()
    try directory(on: whole)
    let start = whole.operations
    try check(open(on: whole))
    let length = whole.operations - start
    #expect(length > 10)
    for operation in 0..<length {
      for fate in [MemoryDisk.Crash.losesAll, .keepsSome(seed: UInt64(operation))] {
        let disk = MemoryDisk()
        try directory(on: disk)
        disk.arm(DiskFault(.inputOutput, after: operation))
        _ = try? open(on: disk)
        disk.crash(fate)
        try check(open(on: disk))
      }
    }
  }

  @Test func `with a bent row is damaged`() throws {
    let disk = MemoryDisk()
    try directory(on: disk)
    let file = try Connection("/m/raft.db", .write, on: disk)
    try file.execute("UPDATE log SET body = zeroblob(20) WHERE first = 8")
    file.close()
    #expect(throws: StorageError.damaged(file: "/m/raft.db", place: "log row 8")) {
      _ = try open(on: disk)
    }
  }
}
