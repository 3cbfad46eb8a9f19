import Raft
import Replica
import Storage

/// The log's disk: what waits goes in one sync, first in, first out.
extension World {
  func queueWrite(_ write: ReplicaWrite, _ member: SimulatedMember) {
    if let first = write.write.entries.first {
      let previous = first.index.number - 1
      check(
        checks.logMatching.violation(
          entries: write.write.entries, after: member.log.id(at: LogIndex(previous))))
      if first.index <= checks.committed.lastIndex,
        let held = member.log.id(at: checks.committed.lastIndex),
        held == checks.committed.last, first.id != checks.committed.id(at: first.index)
      {
        fail("\(member.name) truncates the committed entry \(first.index.number)")
      }
    }
    if write.write.install != nil { member.isInstalling = true }
    member.log.take(write.write)
    member.waitingWrites.append(write)
  }

  func startWrites(_ member: SimulatedMember) {
    guard member.flyingWrites.isEmpty, !member.waitingWrites.isEmpty else { return }
    member.flyingWrites = member.waitingWrites
    member.waitingWrites = []
    var delay = weather.sync.draw(&member.dice) * member.diskSlowness
    if member.stalledUntil > now { delay = delay + (member.stalledUntil - now) }
    after(delay, .diskDone(member.position, member.boot))
  }

  func finishWrites(_ member: SimulatedMember) {
    let written = member.flyingWrites
    // What leaves with a write speaks of the log as that write left it; the same batch may already
    // hold what took its place.
    var log = member.durable.log
    guard let last = written.last, commit(written, member) else { return }
    member.flyingWrites = []
    for write in written {
      log.take(write.write)
      for envelope in write.releasedWhenDurable { transmit(envelope, from: member, as: log) }
    }
    startWrites(member)
    step(member, .stored(last.write.ticket))
    if member.isRunning, member.waitingWrites.isEmpty { tendLog(member) }
  }

  /// Moves writes onto the disk; whether they are there.
  @discardableResult
  func commit(_ writes: [ReplicaWrite], _ member: SimulatedMember) -> Bool {
    guard !member.hasFailed else { return false }
    do throws(StorageError) {
      let writes = writes.map(\.write)
      try using(member, .init(writes, over: member.durable.log)) { () throws(StorageError) in
        try member.disk.store.log.commit(writes)
      }
    } catch {
      // It may be on the disk nevertheless.
      member.inDoubt = member.durable.steps(of: writes.map(\.write))
      diskFails(member, error)
      return false
    }
    for write in writes {
      member.durable.take(write.write)
      if let hardState = write.write.hardState {
        check(checks.neverBack.violation(member: member.id, durable: hardState.currentTerm))
      }
    }
    return true
  }

  private func tendLog(_ member: SimulatedMember) {
    guard member.disk.files != nil else { return }
    attempt(member, .checkpoint) { () throws(StorageError) in
      try member.disk.store.log.tend()
    }
  }

  /// Entries that memory no longer holds.
  func readLog(_ member: SimulatedMember, _ fetch: LogFetch) {
    let entries = attempt(member, nil) { () throws(StorageError) in
      try member.disk.store.log.entries(fetch)
    }
    if let entries { step(member, .fetched(fetch, entries)) }
  }

  // MARK: What a disk may do

  /// Lets a member use its disk at `point`; a power cut that waits for it may fall into it.
  func using<Result>(
    _ member: SimulatedMember, _ point: DiskPoint?, _ body: () throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    guard let files = member.disk.files, let point, let cut = powerCut, cut.waits(for: point),
      files.armedFault == nil
    else { return try body() }
    let before = files.faultsStruck
    files.arm(DiskFault(.inputOutput, on: cut.suffix, after: cut.after))
    defer {
      if files.faultsStruck > before {
        // The disk stays dead until the power is back.
        tell(member, "meets the power cut: \(cut.point)")
        powerFailedAt = cut.point
        powerCut = nil
      } else {
        powerCut?.after = files.armedFault?.after ?? 0
        files.arm(nil)
      }
    }
    return try body()
  }

  /// The same; `nil` if the disk failed, which ends the member.
  @discardableResult
  func attempt<Result>(
    _ member: SimulatedMember, _ point: DiskPoint?, _ body: () throws(StorageError) -> Result
  ) -> Result? {
    guard !member.hasFailed else { return nil }
    do throws(StorageError) { return try using(member, point, body) } catch {
      diskFails(member, error)
      return nil
    }
  }

  /// A member's disk has refused something: the process ends as soon as this event is over, and
  /// does nothing more until then (design §6).
  func diskFails(_ member: SimulatedMember, _ error: StorageError) {
    guard !member.hasFailed else { return }
    member.hasFailed = true
    failing.append((member.position, error))
    guard powerFailedAt == nil, !member.mayFail, !member.isFull else { return }
    fail("\(member.name)'s disk fails without a fault: \(error)")
  }

  /// Ends the members whose disks have failed in this event.
  func endFailing() {
    let failed = failing
    failing = []
    if let point = powerFailedAt {
      powerFailedAt = nil
      counts.powerCuts[Int(point.rawValue)] += 1
      return losePowerEverywhere()
    }
    for (position, error) in failed { stop(members[position], because: error) }
  }
}

extension DiskPoint {
  /// What a batch of writes is, by its rarest part.
  fileprivate init(_ writes: [StorageWrite], over log: ShadowLog) {
    let last = writes.last { !$0.entries.isEmpty }?.entries.last?.id
    if writes.contains(where: { $0.install != nil }) {
      self = .install
    } else if let last, last < log.last {
      self = .truncate
    } else if writes.contains(where: { $0.cut != nil }) {
      self = .cut
    } else {
      self = writes.contains { $0.hardState != nil } ? .vote : .append
    }
  }
}

/// What a disk holds of a member's promises.
struct DiskImage {
  var hardState = HardState()
  var log: ShadowLog
  var founding = Founding.unknown

  mutating func take(_ write: StorageWrite) {
    if let state = write.hardState { hardState = state }
    log.take(write)
  }

  /// What may be there of a commit: term and vote, then the entries, then the base. An installation
  /// is there as a whole, or not at all.
  func steps(of writes: [StorageWrite]) -> [DiskImage] {
    var (voted, appended, whole) = (self, self, self)
    for write in writes {
      whole.take(write)
      var write = write
      write.cut = nil
      appended.take(write)
    }
    if writes.contains(where: { $0.install != nil }) { return [whole] }
    voted.hardState = whole.hardState
    return [voted, appended, whole]
  }

  func isEqual(_ other: DiskImage) -> Bool {
    hardState == other.hardState && log.isEqual(other.log) && founding == other.founding
  }

  /// Nothing was formed.
  static let empty = DiskImage(
    log: ShadowLog(base: LogBase(last: .zero, configuration: Configuration(members: []))))

  var isFormed: Bool { !log.base.configuration.members.isEmpty }
}
