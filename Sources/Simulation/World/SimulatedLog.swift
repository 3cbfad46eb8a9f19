import Member
import Raft
import Storage

/// The disk of one simulated member, as its log lane reaches it.
struct SimulatedLog: LogPorts {
  let world: World
  let member: SimulatedMember

  func commit(_ writes: [StorageWrite]) throws(LogFault) {
    guard !member.hasFailed else { throw .disk }
    let before = member.durable.log
    do throws(StorageError) {
      try world.using(member, DiskPoint(writes, over: before)) { () throws(StorageError) in
        try member.disk.store.log.commit(writes)
      }
    } catch {
      // It may be on the disk nevertheless.
      member.inDoubt = member.durable.steps(of: writes)
      world.diskFails(member, error)
      throw .disk
    }
    member.lastCommit = (before, writes)
    for write in writes {
      member.durable.take(write)
      if let hardState = write.hardState {
        world.check(
          world.checks.neverBack.violation(member: member.id, durable: hardState.currentTerm))
      }
    }
  }

  func entries(_ fetch: LogFetch) throws(LogFault) -> [Entry] {
    try reaching(nil) { () throws(StorageError) in try member.disk.store.log.entries(fetch) }
  }

  func form(_ formation: Formation) throws(LogFault) {
    let first = DiskImage(log: ShadowLog(base: formation.base), founding: formation.founding)
    member.inDoubt = [first]
    try reaching(.form) { () throws(StorageError) in try member.disk.store.log.form(formation) }
    (member.durable, member.inDoubt) = (first, [])
    member.log = first.log
  }

  func openState() throws(LogFault) -> any StateStore {
    try reaching(.move) { () throws(StorageError) in try member.disk.store.openState() }
  }

  func removeGenerations(before generation: UInt64) throws(LogFault) {
    try reaching(.move) { () throws(StorageError) in
      try member.disk.store.removeGenerations(before: generation)
    }
    guard let open = member.state?.generation else { return }
    world.check(
      open < min(generation, member.disk.store.log.generation)
        ? "\(member.name) removes generation \(open) of its state, which it has open" : nil)
  }

  func retire() { member.isRetired = true }

  func isShortOfSpace() throws(LogFault) -> Bool {
    try reaching(nil) { () throws(StorageError) in try member.disk.store.space() != .plenty }
  }

  func maintain() throws(LogFault) {
    guard member.disk.files != nil else { return }
    try reaching(.checkpoint) { () throws(StorageError) in
      try member.disk.store.log.maintain()
    }
  }

  private func reaching<Result>(
    _ point: DiskPoint?, _ body: () throws(StorageError) -> Result
  ) throws(LogFault) -> Result {
    guard let result = world.attempt(member, point, body) else { throw .disk }
    return result
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
