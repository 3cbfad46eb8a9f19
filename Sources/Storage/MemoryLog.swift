public import Raft

/// A log without a disk: what `commit` took is durable, whatever happens to the member.
public final class MemoryLog: LogStore {
  public let name = "raft.db"
  public private(set) var generation: UInt64 = 1
  private var kept: RecoveredLog?
  private let failure: StorageFailure
  let arrivals = MemoryArrivals()
  /// The state that was installed last; `nil`: none was.
  private(set) var installed: MemoryState.Contents?

  init(failure: StorageFailure) { self.failure = failure }

  public func form(_ formation: Formation) throws(StorageError) {
    try failure.check()
    precondition(kept == nil, "the log was formed before")
    kept = RecoveredLog(
      hardState: HardState(), base: formation.base, entries: [], founding: formation.founding)
  }

  public func recover() throws(StorageError) -> RecoveredLog? {
    try failure.check()
    return kept
  }

  public func commit(_ writes: [StorageWrite]) throws(StorageError) {
    try failure.check()
    guard var log = kept else { preconditionFailure("a log is formed before it is written") }
    let edit = LogEdit(writes, last: log.entries.last?.id ?? log.base.last) { log.id(at: $0) }
    if let state = edit.hardState { log.hardState = state }
    if let first = edit.truncateFrom { log.drop(from: first) }
    log.entries += edit.entries
    if let base = edit.base { log.cut(to: base) }
    if edit.installs {
      guard let contents = arrivals.claim(edit.base?.last ?? .zero) else {
        preconditionFailure(
          "the snapshot at \(edit.base?.last.index.number ?? 0) has not arrived whole")
      }
      installed = contents
      generation += 1
    }
    kept = log
  }

  public func entries(_ wish: LogFetch) throws(StorageError) -> [Entry] {
    try failure.check()
    guard let log = kept, wish.first > log.base.last.index else { return [] }
    var bytes = 0
    var found: [Entry] = []
    let offset = Int(wish.first.number - log.base.last.index.number) - 1
    for entry in log.entries.dropFirst(offset) where entry.index <= wish.last {
      bytes += entry.approximateLength
      if !found.isEmpty, bytes > wish.limitBytes { break }
      found.append(entry)
    }
    return found
  }

  public func maintain() throws(StorageError) { try failure.check() }

  public func close() throws(StorageError) {}
}

extension RecoveredLog {
  /// The id of the entry or base at this index; `nil`: not kept.
  func id(at index: LogIndex) -> EntryID? {
    guard index >= base.last.index else { return nil }
    let offset = Int(index.number - base.last.index.number)
    if offset == 0 { return base.last }
    return offset <= entries.count ? entries[offset - 1].id : nil
  }

  /// Removes the entries from `first` on.
  mutating func drop(from first: LogIndex) {
    let kept = first <= base.last.index ? 0 : Int(first.number - base.last.index.number) - 1
    entries.removeSubrange(min(kept, entries.count)...)
  }

  /// Moves the base forward and drops what it covers.
  mutating func cut(to base: LogBase) {
    precondition(
      base.last.index >= self.base.last.index,
      "the log begins after \(self.base.last.index.number), not \(base.last.index.number)")
    if let first = entries.first?.index, first <= base.last.index {
      let covered = Int(base.last.index.number - first.number) + 1
      entries.removeSubrange(..<min(covered, entries.count))
    }
    self.base = base
  }
}

extension Entry {
  /// What the entry takes of a byte limit.
  var approximateLength: Int {
    switch content {
    case .noop: 16
    case .configuration(let configuration): 64 + 128 * configuration.members.count
    case .command(let bytes): 16 + bytes.count
    }
  }
}
