import FaultyStorage
import KeyValue
import Raft
import Testing

@testable import Storage

/// A member's life on a disk that may lose power at any operation, and what it was promised.
final class Story {
  let disk: any FileSystem
  private let path: String
  /// The directory was made; from here on losing it would be losing promises.
  private(set) var isMade = false
  /// What the last commit that returned left, and what the one under way would leave.
  private(set) var kept: RecoveredLog?
  private(set) var underWay: RecoveredLog?
  /// Term and vote of the commit under way, before its entries.
  private var halfway: RecoveredLog? {
    guard var log = kept, let next = underWay else { return nil }
    log.hardState = next.hardState
    return log
  }
  private(set) var keptGenerations: Set<UInt64> = [1]
  /// Every meta that a flush has written, by generation.
  private(set) var metas: [UInt64: [StateMeta]] = [1: [StateMeta()]]
  /// Promised to survive, by generation.
  private(set) var durable: [UInt64: UInt64] = [:]
  private let oracle = MemoryLog(failure: StorageFailure())

  static let settings: StorageSettings = {
    var settings = StorageSettings()
    settings.checkpointPages = 6
    settings.segmentBytes = 16_384
    settings.reserveBytes = 8192
    return settings
  }()

  init(on disk: any FileSystem, at path: String = "/m") {
    self.disk = disk
    self.path = path
  }

  func open() throws -> DataDirectory {
    try DataDirectory(at: path, as: Sample.claim, settings: Story.settings, on: disk) {
      Incarnation(9)
    }
  }

  private func commit(_ log: any LogStore, _ writes: [StorageWrite]) throws {
    try oracle.commit(writes)
    underWay = try oracle.recover()
    if writes.contains(where: { $0.install != nil }) { keptGenerations.insert(2) }
    try log.commit(writes)
    kept = underWay
    keptGenerations = [oracle.generation]
    try log.maintain()
  }

  private func flush(_ state: any StateStore, _ batch: FlushBatch) throws {
    metas[state.generation, default: []].append(batch.meta)
    try state.flush(batch)
    try state.maintain()
    durable[state.generation] = state.durableApplied.number
  }

  /// The life. Throws where the power goes.
  func live() throws {
    let directory = try open()
    isMade = true
    let log = directory.log
    try oracle.form(Sample.base)
    underWay = try oracle.recover()
    try log.form(Sample.base)
    kept = underWay
    let state = try directory.openState()
    var batches = Batches()
    try commit(log, [Sample.write(Sample.entries(1, 1...3), term: 1, vote: 1)])
    for index in UInt64(1)...3 {
      try flush(state, batches.put(["a\(index)", "b"], index: index, valueBytes: 900))
    }
    try commit(log, [Sample.write(Sample.entries(1, 4...9, bytes: 700))])
    // An end of a higher term gives way to one of a lower: the landmark must go back first.
    try commit(log, [Sample.write([Sample.entry(2, 10)], term: 2, vote: 3)])
    try commit(log, [Sample.write([Sample.entry(1, 10)])])
    try commit(log, [Sample.write(Sample.entries(2, 6...8, bytes: 700))])
    for index in UInt64(4)...6 {
      let term: UInt64 = index < 6 ? 1 : 2
      try flush(state, batches.put(["c", "d\(index)"], index: index, term: term, valueBytes: 900))
    }
    try state.sync()
    durable[1] = state.durableApplied.number
    try commit(log, [Sample.write(cut: Sample.base(1, state.durableApplied.number - 2))])
    try flush(state, batches.remove([2, 4]))
    // Behind for long: a snapshot of entry 30 comes.
    let sink = try directory.receiveSnapshot()
    let model = MemorySnapshotSink(oracle.arrivals)
    for chunk in try Story.snapshot() {
      try sink.receive(chunk)
      try model.receive(chunk)
    }
    let meta = try sink.finish()
    _ = try model.finish()
    metas[2] = [meta]
    durable[2] = meta.appliedIndex
    try commit(log, [Sample.write(term: 3, install: Sample.base(3, 30))])
    try state.close()
    let installed = try directory.openState()
    try directory.removeGenerations(before: installed.generation)
    try commit(log, [Sample.write(Sample.entries(3, 31...33))])
    var later = try Story.source().1
    try flush(installed, later.put(["z"], index: 31, term: 3))
    try installed.close()
    try directory.close()
  }

  private static func source() throws -> (any StateStore, Batches) {
    var batches = Batches()
    let state = MemoryState(generation: 1, contents: .init(), failure: StorageFailure())
    try state.flush(batches.put((1...12).map { "key \($0)" }, index: 30, term: 3, valueBytes: 300))
    return (state, batches)
  }

  private static func snapshot() throws -> [[UInt8]] {
    try source().0.openSnapshot().drain(limitBytes: 1024)
  }

  /// Starts again after the crash and compares. Returns a sentence if a promise is broken.
  func brokenPromise() -> String? {
    do {
      let directory = try open()
      if isMade, directory.isNew { return "the directory was made anew" }
      guard isMade else { return nil }
      let found = try directory.log.recover()
      guard found == kept || found == underWay || found == halfway else {
        return "the log is \(found.map(String.init(describing:)) ?? "not formed")"
      }
      let state = try directory.openState()
      guard keptGenerations.contains(state.generation) else {
        return "generation \(state.generation) is not in \(keptGenerations.sorted())"
      }
      guard metas[state.generation]?.contains(state.meta) == true else {
        return "nobody has flushed \(state.meta)"
      }
      guard state.meta.appliedIndex >= durable[state.generation] ?? 0 else {
        return "applied \(state.meta.appliedIndex) < \(durable[state.generation] ?? 0)"
      }
      _ = try state.scannedRows()
      if found != nil { _ = try directory.recover(with: state) }
      // It goes on, and what it does now counts.
      if found == nil { try directory.log.form(Sample.base) }
      try directory.log.commit([Sample.write(term: 9)])
      try directory.close()
      guard try open().log.recover()?.hardState.currentTerm == Term(9) else {
        return "term 9 was forgotten"
      }
      return nil
    } catch {
      return "\(error)"
    }
  }
}

/// Every operation of a member's life is a place to lose power at (failures S5, V1, L1, L7).
@Suite struct `power loss` {
  /// How many operations the whole life has.
  private func length() throws -> Int {
    let disk = MemoryDisk()
    let story = Story(on: disk)
    try story.live()
    #expect(story.brokenPromise() == nil)
    return disk.operations
  }

  @Test func `at any operation breaks no promise`() throws {
    let length = try length()
    #expect(length > 100)
    for operation in 0..<length {
      let fates: [MemoryDisk.Crash] = [.losesAll, .keepsSome(seed: UInt64(operation))]
      for fate in fates {
        let disk = MemoryDisk()
        let story = Story(on: disk)
        disk.arm(DiskFault(.inputOutput, after: operation))
        try? story.live()
        disk.crash(fate)
        if let broken = story.brokenPromise() {
          Issue.record("operation \(operation) of \(length), \(fate): \(broken)")
          return
        }
      }
    }
  }

  @Test func `during the start that follows one breaks none either`() throws {
    let length = try length()
    for operation in stride(from: 5, to: length, by: 23) {
      for second in 0..<24 {
        let disk = MemoryDisk()
        let story = Story(on: disk)
        disk.arm(DiskFault(.inputOutput, after: operation))
        try? story.live()
        disk.crash(.keepsSome(seed: UInt64(operation)))
        disk.arm(DiskFault(.inputOutput, after: second))
        _ = try? story.open().openState()
        disk.crash(.keepsSome(seed: UInt64(second)))
        if let broken = story.brokenPromise() {
          Issue.record("operations \(operation) of \(length) and \(second): \(broken)")
          return
        }
      }
    }
  }

  @Test func `leaves the same bytes for the same seed`() throws {
    func left() throws -> [[UInt8]?] {
      let disk = MemoryDisk()
      disk.arm(DiskFault(.inputOutput, after: 60))
      try? Story(on: disk).live()
      disk.crash(.keepsSome(seed: 5))
      return ["/m/raft.db", "/m/raft-1-1.wal", "/m/landmark"].map(disk.bytes(of:))
    }
    #expect(try left() == left())
  }
}
