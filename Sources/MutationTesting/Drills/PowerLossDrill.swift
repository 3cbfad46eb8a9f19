import FaultyStorage
import KeyValue
import Raft
import Storage

/// A member's store loses power at every operation of a short life: whatever was promised is there
/// afterwards (failures S1, S5, S7, L1, L7).
enum PowerLossDrill {
  static func run() throws -> Drill.Ending {
    let whole = StoreLife()
    try whole.live()
    if let broken = whole.brokenPromise() {
      return Drill.Ending(finding: "after the power loss at the end \(broken)", steps: 1)
    }
    for operation in 0..<whole.disk.operations {
      for fate in [MemoryDisk.Crash.losesAll, .keepsSome(seed: UInt64(operation))] {
        let life = StoreLife()
        life.disk.arm(DiskFault(.inputOutput, after: operation))
        try? life.live()
        life.disk.crash(fate)
        if let broken = life.brokenPromise() {
          return Drill.Ending(
            finding: "after the power loss at operation \(operation) \(broken)",
            steps: operation + 1)
        }
      }
    }
    return Drill.Ending(finding: nil, steps: whole.disk.operations)
  }
}

/// One life on a disk that may lose power, and what was promised in it.
private final class StoreLife {
  let disk = MemoryDisk()
  /// What a log without a disk holds after the same writes.
  private let model = MemoryStore(
    identity: Identity(
      cluster: Sample.claim.cluster, member: Sample.claim.member, name: Sample.claim.name,
      incarnation: Incarnation(9)))
  private var isMade = false
  private var kept: RecoveredLog?
  private var underWay: RecoveredLog?
  /// Term and vote of the commit under way, before its entries.
  private var halfway: RecoveredLog? {
    guard var log = kept, let next = underWay else { return nil }
    log.hardState = next.hardState
    return log
  }
  private var generations: Set<UInt64> = [1]
  /// Applied entries that were promised to survive, by generation.
  private var durable: [UInt64: LogIndex] = [:]

  /// The life. *Throws* where the power goes.
  func live() throws {
    let directory = try Sample.directory(on: disk)
    isMade = true
    try model.log.form(Sample.formation)
    underWay = try model.log.recover()
    try directory.log.form(Sample.formation)
    kept = underWay
    let state = try directory.openState()
    var store = try state.load()
    try commit(directory, Sample.write(Sample.entries(1, 1...6, bytes: 700), state: first))
    try applyAll(1...6, &store, state)
    // A conflict: the end goes back (Raft §5.3).
    try commit(directory, Sample.write(Sample.entries(1, 7...10, bytes: 700)))
    let second = Sample.write(Sample.entries(2, 8...9, bytes: 700), state: Sample.term(2, vote: 3))
    try commit(directory, second)
    // And once more, to an older entry than the last: what the landmark spoke of is gone.
    try commit(directory, Sample.write(Sample.entries(1, 8...8, bytes: 700), state: Sample.term(3)))
    try applyAll(7...7, &store, state)
    try state.sync()
    durable[1] = state.durableApplied
    try commit(directory, Sample.write(cut: Sample.base(1, state.durableApplied.number - 2)))
    // More than a segment of the log, which goes with the next cut.
    for index in UInt64(9)...13 {
      try commit(directory, Sample.write(Sample.entries(3, index...index, bytes: 700)))
    }
    try applyAll(8...8, &store, state)
    try applyAll(9...12, term: 3, &store, state)
    try state.sync()
    durable[1] = state.durableApplied
    try commit(directory, Sample.write(cut: Sample.base(3, state.durableApplied.number - 1)))
    try install(directory, state)
  }

  private let first = Sample.term(1, vote: 1)

  private func commit(_ directory: DataDirectory, _ write: StorageWrite) throws {
    try model.log.commit([write])
    underWay = try model.log.recover()
    if write.install != nil { generations.insert(2) }
    try directory.log.commit([write])
    kept = underWay
    generations = [model.log.generation]
    try directory.log.maintain()
  }

  /// One flush an entry.
  private func applyAll(
    _ range: ClosedRange<UInt64>, term: UInt64 = 1, _ store: inout Store,
    _ state: any StateStore
  ) throws {
    for index in range {
      _ = try store.apply(
        index: index, term: term, Sample.command(index, bytes: 900), reading: state)
      guard let batch = store.takeFlushBatch(limitBytes: 1 << 20) else { continue }
      try state.flush(batch)
      store.flushed(through: batch.meta.appliedIndex)
      try state.maintain()
      durable[state.generation] = state.durableApplied
    }
  }

  /// Behind for long: a snapshot of entry 30 comes, in pieces.
  private func install(_ directory: DataDirectory, _ state: any StateStore) throws {
    let source = try StoreLife.snapshot()
    let sinks = [try directory.receiveSnapshot(), try model.receiveSnapshot()]
    while let chunk = try source.next(limitBytes: 1_024) {
      for sink in sinks { try sink.receive(chunk) }
    }
    for sink in sinks { durable[2] = LogIndex(try sink.finish().appliedIndex) }
    let base = Sample.base(3, 30)
    try commit(directory, Sample.write(state: Sample.term(3), install: base))
    try state.close()
    let installed = try directory.openState()
    try directory.removeGenerations(before: installed.generation)
    try commit(directory, Sample.write(Sample.entries(3, 31...33)))
    try installed.close()
    try directory.close()
  }

  private static func snapshot() throws -> any SnapshotSource {
    let other = MemoryStore(
      identity: Identity(
        cluster: 1, member: MemberID(2), name: "m2", incarnation: Incarnation(1)))
    let state = try other.openState()
    var store = Store(generation: 1)
    for index in UInt64(1)...30 {
      _ = try store.apply(
        index: index, term: index < 30 ? 1 : 3, Sample.command(index, bytes: 300), reading: state)
    }
    while let batch = store.takeFlushBatch(limitBytes: 1 << 20) {
      try state.flush(batch)
      store.flushed(through: batch.meta.appliedIndex)
    }
    return try state.openSnapshot()
  }

  /// Starts again and compares. `nil`: every promise is kept.
  func brokenPromise() -> String? {
    do {
      let directory = try Sample.directory(on: disk)
      if isMade, directory.isNew { return "the directory is made anew" }
      guard isMade else { return nil }
      let found = try directory.log.recover()
      guard found == kept || found == underWay || found == halfway else {
        return "the log ends at \(found?.entries.last?.index.number ?? 0) in term "
          + "\(found?.hardState.currentTerm.number ?? 0)"
      }
      let state = try directory.openState()
      guard generations.contains(state.generation) else {
        return "generation \(state.generation) is in force, not \(generations.sorted())"
      }
      guard LogIndex(state.meta.appliedIndex) >= durable[state.generation] ?? .zero else {
        return "entry \(state.meta.appliedIndex) is the last applied"
      }
      // Every row is there, and log and state meet.
      _ = try state.load()
      if found == nil { try directory.log.form(Sample.formation) }
      _ = try directory.recover(with: state)
      // It goes on, and what it does now counts.
      try directory.log.commit([Sample.write(state: Sample.term(9))])
      try directory.close()
      guard try Sample.directory(on: disk).log.recover()?.hardState == Sample.term(9) else {
        return "term 9 is forgotten"
      }
      return nil
    } catch {
      return "the member stops: \(error)"
    }
  }
}
