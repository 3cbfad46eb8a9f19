import FaultyStorage
import KeyValue
import Raft
import Testing

@testable import Storage

/// A member's store as its threads run it, on a disk that can fill up.
private final class SmallMember {
  let disk = MemoryDisk()
  let directory: DataDirectory
  let state: any StateStore
  var store = Store(generation: 1)
  private var last: UInt64 = 0

  static let settings: StorageSettings = {
    var settings = StorageSettings()
    settings.checkpointPages = 60
    settings.segmentBytes = 16 << 10
    settings.vacuumPages = 40
    settings.reserveBytes = 64 << 10
    settings.neededBytes = 640 << 10
    return settings
  }()

  init() throws {
    directory = try DataDirectory(
      at: "/m", as: Sample.claim, settings: SmallMember.settings, on: disk
    ) { Incarnation(9) }
    try directory.log.form(Sample.base)
    state = try directory.openState()
    disk.resize(to: 7 << 19)
  }

  /// Log, apply, flush and what follows a flush; then the log is cut behind the state.
  func run(_ command: Command) throws {
    last += 1
    try directory.log.commit([Sample.write([Sample.entry(1, last, bytes: 500)], term: 1)])
    _ = try store.apply(index: last, term: 1, command, reading: state)
    try flush()
    if last % 16 == 0, state.durableApplied > .zero {
      let base = Sample.base(1, state.durableApplied.number)
      try directory.log.commit([Sample.write(cut: base)])
    }
    try directory.log.maintain()
  }

  func flush() throws {
    while let batch = store.takeFlushBatch(limitBytes: 64 << 10) {
      try state.flush(batch)
      store.flushed(through: batch.meta.appliedIndex)
      try state.maintain()
    }
  }

  /// Removes what was compacted, a few rows at a time, and lets the file become shorter.
  func purge() throws {
    for _ in 0..<10_000 where store.needsPurge {
      _ = try store.purge(limitRows: 50, reading: state)
      try flush()
    }
    for _ in 0..<10_000 where state.wantsMaintenance { try state.maintain() }
    #expect(!store.needsPurge && !state.wantsMaintenance)
  }

  var isShort: Bool { get throws { try directory.space() != .plenty } }

  func put(_ number: Int) throws {
    try run(
      .put(
        PutRequest(
          key: Array("key \(number)".utf8), value: [UInt8](repeating: 7, count: 2_000))))
  }

  /// Puts until the disk is short; how many keys there are then.
  func fill() throws -> Int {
    var count = 0
    while try !isShort {
      count += 1
      try #require(count < 5_000)
      try put(count)
    }
    return count
  }

  var stateBytes: Int { disk.bytes(of: "/m/state-1.db")?.count ?? 0 }
}

/// Docs/Storage.md, *A full disk*: a full disk does not stop the member, and what makes room ends
/// it (failures S8).
@Suite struct `a disk that fills up` {
  @Test func `refuses what grows until deletes and a compaction have made room`() throws {
    let member = try SmallMember()
    for round in 1...3 {
      let count = try member.fill()
      #expect(count > 300, "round \(round)")
      let full = member.stateBytes
      try member.run(
        .deleteRange(DeleteRangeRequest(range: KeyRange(key: [0], end: [0]))))
      #expect(try member.isShort, "deletes alone make no room")
      try member.run(.compaction(revision: member.store.meta.revision))
      try member.purge()
      #expect(try !member.isShort, "round \(round)")
      // Nothing is left but the deletions, with which a watch may begin, and nothing is kept.
      #expect(member.stateBytes <= 20 * 4_096, "\(member.stateBytes) of \(full)")
    }
    // It is still the same store: every row, and nothing else.
    #expect(try member.state.scannedRows().count == Int(member.store.meta.rowCount))
  }

  @Test func `keeps some free pages for rows to come while there is room`() throws {
    let member = try SmallMember()
    for number in 1...100 { try member.put(number) }
    let before = member.stateBytes
    for number in 1...100 { try member.put(number) }
    try member.run(.compaction(revision: member.store.meta.revision))
    try member.purge()
    let after = member.stateBytes
    // The eighth is counted with the pages that tables take before they hold anything.
    #expect(after < before + before / 4 + 4_096, "\(after) after \(before)")
    // An eighth stays and takes the next rows.
    for number in 1...8 { try member.put(number) }
    #expect(member.stateBytes <= after)
  }

  @Test func `has a rule for how much to give back`() {
    #expect(FreePages.surplus(free: 0, of: 10, isShort: true) == 0)
    #expect(FreePages.surplus(free: 90, of: 890, isShort: true) == 90)
    #expect(FreePages.surplus(free: 100, of: 900, isShort: false) == 0)
    #expect(FreePages.surplus(free: 101, of: 901, isShort: false) == 1)
    #expect(FreePages.surplus(free: 900, of: 900, isShort: false) == 900)
  }

  @Test func `is short until an eighth more is free`() throws {
    let member = try SmallMember()
    let used = member.disk.paths.reduce(0) { $0 + (member.disk.bytes(of: $1)?.count ?? 0) }
    let needed = Int(SmallMember.settings.neededBytes)
    member.disk.resize(to: used + needed)
    #expect(try !member.isShort)
    member.disk.resize(to: used + needed - 1)
    #expect(try member.isShort)
    member.disk.resize(to: used + needed + needed / 8 - 1)
    #expect(try member.isShort)
    member.disk.resize(to: used + needed + needed / 8)
    #expect(try !member.isShort)
  }

  @Test func `goes on when there is no room even to make room`() throws {
    let member = try SmallMember()
    for number in 1...200 { try member.put(number) }
    try member.run(.deleteRange(DeleteRangeRequest(range: KeyRange(key: [0], end: [0]))))
    try member.run(.compaction(revision: member.store.meta.revision))
    while try member.store.purge(limitRows: 1_000, reading: member.state) {}
    let taken = member.store.takeFlushBatch(limitBytes: 1 << 20)
    let batch = try #require(taken)
    try member.state.flush(batch)
    member.store.flushed(through: batch.meta.appliedIndex)
    member.disk.arm(DiskFault(.full, of: .write, on: "state-1.db-journal"))
    try member.state.maintain()
    #expect(!member.state.wantsMaintenance)
    member.disk.arm(nil)
    try member.state.maintain()
    for _ in 0..<100 where member.state.wantsMaintenance { try member.state.maintain() }
    #expect(try member.state.scannedRows().count == Int(member.store.meta.rowCount))
  }

  @Test func `loses no row when the power goes while it gives pages back`() throws {
    func shrink(_ fault: DiskFault?) throws -> SmallMember {
      let member = try SmallMember()
      for number in 1...120 { try member.put(number) }
      try member.run(
        .deleteRange(
          DeleteRangeRequest(range: KeyRange(key: Array("key 1".utf8), end: Array("key 8".utf8)))))
      try member.run(.compaction(revision: member.store.meta.revision))
      try member.state.sync()
      member.disk.arm(fault)
      try? member.purge()
      return member
    }
    let start = try shrink(DiskFault(.inputOutput, after: 0)).disk.operations
    let length = try shrink(nil).disk.operations - start
    #expect(length > 100)
    for operation in stride(from: 0, to: length, by: 3) {
      let member = try shrink(DiskFault(.inputOutput, after: operation))
      member.disk.crash(.keepsSome(seed: UInt64(operation)))
      let again = try DataDirectory(
        at: "/m", as: Sample.claim, settings: SmallMember.settings, on: member.disk
      ) { Incarnation(9) }
      let state = try again.openState()
      let store = try state.load()
      #expect(store.readView.keyCount == 22, "operation \(operation)")
    }
  }
}
