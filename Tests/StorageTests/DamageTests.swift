import FaultyStorage
import Foundation
import KeyValue
import Raft
import Testing

@testable import Storage

/// A small store as its files, and what is in it.
private struct Stopped {
  var files: [String: [UInt8]] = [:]
  var log: RecoveredLog?
  var metas: [StateMeta] = []
  var rows: [Row] = []
  var leases: [Lease] = []

  /// Stopped in order: everything is in the database files.
  static func cleanly() throws -> Stopped { try Stopped(isKilled: false) }

  /// Killed while a snapshot arrived: the last commits are in the WALs, and half of another
  /// generation lies there.
  static func byKill() throws -> Stopped { try Stopped(isKilled: true) }

  private init(isKilled: Bool) throws {
    let disk = MemoryDisk()
    let directory = try Stopped.open(on: disk)
    try directory.log.form(Sample.base)
    let state = try directory.openState()
    var batches = Batches()
    for index in UInt64(1)...12 {
      let term: UInt64 = index < 8 ? 1 : 2
      try directory.log.commit([Sample.write([Sample.entry(term, index)], term: term, vote: 2)])
      if index == 4 { try state.sync() }
      if index < 10 {
        try state.flush(batches.put(["key \(index)", "k"], index: index, term: term))
        metas.append(batches.meta)
      }
    }
    let leases = (1...3).map { Lease(id: $0, grantedTTL: 60, renewedAt: 10, expiry: 9 << 40) }
    try state.flush(batches.lease(leases, time: 77, index: 10, term: 2))
    metas.append(batches.meta)
    self.leases = leases
    try directory.log.commit([Sample.write(cut: Sample.base(1, 3))])
    try state.flush(batches.remove([1, 4]))
    metas.append(batches.meta)
    log = try directory.log.recover()
    rows = batches.rows
    if isKilled {
      let chunks = try state.openSnapshot().drain()
      try directory.receiveSnapshot().receive(chunks[0])
      // In the middle of a flush, so that its journal is needed.
      disk.arm(DiskFault(.inputOutput, of: .write, on: "state-1.db", after: 1))
      let lost = FlushBatch(rows: [], removed: [2, 3], meta: batches.meta)
      #expect(throws: StorageError.self) { try state.flush(lost) }
    } else {
      try state.close()
      try directory.close()
    }
    for path in disk.paths { files[path] = disk.bytes(of: path) }
  }

  static func open(on disk: MemoryDisk) throws -> DataDirectory {
    var settings = StorageSettings()
    settings.reserveBytes = 4096
    settings.segmentBytes = 16 << 10
    return try DataDirectory(at: "/m", as: Sample.claim, settings: settings, on: disk) {
      Incarnation(9)
    }
  }

  enum Finding {
    case refused(StorageError)
    /// What is there after the log's replay is what was there before.
    case identical
    case different(String)
  }

  /// Starts a member on the files.
  func start() -> Finding {
    let disk = MemoryDisk()
    for (path, bytes) in files { disk.place(bytes, at: path) }
    do {
      let directory = try Stopped.open(on: disk)
      guard !directory.isNew, directory.identity.incarnation == Incarnation(9),
        directory.identity.name == "n1"
      else { return .different("another identity") }
      let state = try directory.openState()
      guard try directory.recover(with: state) != nil else { return .different("not formed") }
      guard try directory.log.recover() == log else { return .different("another log") }
      guard metas.contains(state.meta) else { return .different("another meta") }
      let found = try state.scannedRows()
      guard state.meta != metas.last || found == rows else { return .different("other rows") }
      guard try state.meta != metas.last || state.leases() == leases else {
        return .different("other leases")
      }
      for row in found {
        guard try state.rows(numbered: [row.number]) == [row] else {
          return .different("row \(row.number) is found by the scan only")
        }
      }
      return .identical
    } catch let error as StorageError {
      return .refused(error)
    } catch {
      return .different("\(error)")
    }
  }
}

/// Failures S6: a flipped bit is noticed, or it changes nothing that is ever used.
@Suite struct `damage` {
  /// `QUORATE_EVERY_BYTE=1` tries all of them, 11 each eleventh.
  private var step: Int {
    ProcessInfo.processInfo.environment["QUORATE_EVERY_BYTE"].flatMap(Int.init) ?? 151
  }

  private func flipEveryByte(of stopped: Stopped) {
    var refusals = 0
    var tried = 0
    for (path, bytes) in stopped.files.sorted(by: { $0.key < $1.key }) {
      for offset in stride(from: 0, to: bytes.count, by: step) where !path.hasSuffix("reserve") {
        tried += 1
        var bent = stopped
        bent.files[path]?[offset] ^= 1 << UInt8((offset / step) % 8)
        switch bent.start() {
        case .identical:
          break
        case .different(let what):
          Issue.record("byte \(offset) of \(path): \(what)")
        case .refused(let error):
          refusals += 1
          #expect(error.description.contains("/m/"), "no file is named: \(error)")
        }
      }
    }
    #expect(refusals > 5)
    print("\(refusals) of \(tried) flips were refused, the others changed nothing")
  }

  @Test func `of any byte of a store that was stopped is noticed or harmless`() throws {
    let stopped = try Stopped.cleanly()
    guard case .identical = stopped.start() else { Issue.record("it does not start"); return }
    flipEveryByte(of: stopped)
  }

  @Test func `of any byte of a store that was killed is noticed or harmless`() throws {
    let stopped = try Stopped.byKill()
    guard case .identical = stopped.start() else { Issue.record("it does not start"); return }
    for name in ["raft.db-wal", "state-1.db-journal", "arrival-1.db"] {
      #expect(stopped.files["/m/" + name]?.count ?? 0 > 4_000, "\(name)")
    }
    #expect(stopped.files["/m/state-1.db-journal"]?.first == 0xD9, "a journal that is needed")
    flipEveryByte(of: stopped)
  }

  @Test func `of the end of raft.db's WAL is told from a torn tail`() throws {
    let stopped = try Stopped.byKill()
    let wal = try #require(stopped.files["/m/raft.db-wal"])
    // A tail that never was whole: half a frame of the next commit.
    var torn = stopped
    torn.files["/m/raft.db-wal"] = wal + wal.suffix(2_000)
    guard case .identical = torn.start() else { Issue.record("torn tail refused"); return }
    // The last commit, which was promised: the landmark remembers.
    var short = stopped
    short.files["/m/raft.db-wal"] = Array(wal.dropLast(1_128))
    guard case .refused(let error) = short.start() else { Issue.record("taken"); return }
    #expect(error.description.contains("begins after entry 0 and ends at entry 12"))
    // A frame in the middle, with whole commits behind it.
    var bent = stopped
    bent.files["/m/raft.db-wal"]?[32 + 2 * 1_048 + 700] ^= 1
    guard case .refused(let damage) = bent.start() else { Issue.record("taken"); return }
    #expect(damage.description.contains("raft.db-wal is damaged: byte 2128"))
  }

  @Test func `of the end of the log is told from a torn tail`() throws {
    let stopped = try Stopped.byKill()
    // Twelve records, four a segment.
    let name = "/m/raft-1-9.wal"
    let segment = try #require(stopped.files[name])
    let block = LogRecord.alignment
    // The space of a record that is not there yet, with half of one in it.
    let place = EntryLog.Place(salt: 9)
    var next: [UInt8] = []
    let head = LogRecord.Head(
      salt: place.salt, edition: 1, sequence: 13, synced: 13, first: LogIndex(13),
      previous: try #require(LogRecord.Head(segment, at: 3 * block)).checksum)
    _ = LogRecord.encode(Sample.entries(2, 13...15, bytes: 3_000)[...], as: head, into: &next)
    var torn = stopped
    torn.files[name] = segment + next.prefix(6_000)
    guard case .identical = torn.start() else { Issue.record("torn tail refused"); return }
    var whole = stopped
    whole.files[name] = segment + next
    guard case .different = whole.start() else { Issue.record("it was no record"); return }
    // The last commit, which was promised: the landmark remembers.
    var short = stopped
    short.files[name] = Array(segment.dropLast(block))
    guard case .refused(let error) = short.start() else { Issue.record("taken"); return }
    #expect(error.description.contains("begins after entry 3 and ends at entry 11"))
    // A record in the middle, with others behind it.
    var bent = stopped
    bent.files[name]?[block + 70] ^= 1
    guard case .refused(let damage) = bent.start() else { Issue.record("taken"); return }
    #expect(damage.description.contains("raft-1-9.wal is damaged: byte 4096; record 11 follows"))
    // Nor may a segment be short when there is a later one.
    var early = stopped
    early.files["/m/raft-1-5.wal"]?[3 * block + 70] ^= 1
    guard case .refused(let missing) = early.start() else { Issue.record("taken"); return }
    #expect(missing.description.contains("raft-1-5.wal is damaged: record 8 is missing"))
  }

  @Test(arguments: ["raft.db", "raft-1-1.wal", "state-1.db", "landmark"])
  func `of a file as a whole is named`(name: String) throws {
    for bytes in [nil, [], [UInt8](repeating: 0, count: 9_000)] {
      var bent = try Stopped.cleanly()
      bent.files["/m/" + name] = bytes
      // Without raft.db there is no member; what is beside it proves that there was one.
      guard case .refused(let error) = bent.start() else {
        Issue.record("\(name) with \(bytes?.count ?? -1) bytes was taken")
        continue
      }
      #expect(error.description.contains("/m/\(name)"), "\(error)")
    }
  }

  @Test func `of what names the log is noticed by the log`() throws {
    var bent = try Stopped.cleanly()
    for name in ["raft.db", "landmark"] { bent.files["/m/" + name] = nil }
    guard case .refused(let error) = bent.start() else { Issue.record("taken"); return }
    #expect(error == .damaged(file: "/m/raft.db", place: "it is missing"))
  }

  @Test func `of the log below its landmark is refused, and says both places`() throws {
    let early = try Stopped.byKill()
    var bent = try Stopped.cleanly()
    bent.files["/m/landmark"] = early.files["/m/landmark"]
    guard case .identical = bent.start() else { Issue.record("equal landmarks refused"); return }
    let disk = MemoryDisk()
    for (path, bytes) in bent.files { disk.place(bytes, at: path) }
    let directory = try Stopped.open(on: disk)
    try directory.log.commit([Sample.write(term: 8, vote: 3)])
    try directory.close()
    bent.files["/m/landmark"] = disk.bytes(of: "/m/landmark")
    guard case .refused(let error) = bent.start() else { Issue.record("taken"); return }
    #expect(
      error.description.contains(
        "in term 2; it had begun after 3 and reached entry 12 of term 2 in term 8"))
  }
}
