import Raft

/// What one log holds, kept beside it by the simulator: terms instead of entries, and the
/// configurations.
struct ShadowLog {
  private(set) var base: LogBase
  /// The term of each entry after the base.
  private var terms: [Term] = []
  /// The configurations among the entries, ascending.
  private var configurations: [(index: LogIndex, configuration: Configuration)] = []

  init(base: LogBase) { self.base = base }

  init(base: LogBase, entries: [Entry]) {
    self.base = base
    append(entries)
  }

  var lastIndex: LogIndex { LogIndex(base.last.index.number + UInt64(terms.count)) }

  var last: EntryID { terms.last.map { EntryID(term: $0, index: lastIndex) } ?? base.last }

  /// The last configuration, committed or not.
  var configuration: Configuration { configurations.last?.configuration ?? base.configuration }

  /// The last configuration before this slot.
  func configuration(before index: LogIndex) -> Configuration {
    configurations.last { $0.index < index }?.configuration ?? base.configuration
  }

  /// `nil`: beyond the end, or before the base.
  func id(at index: LogIndex) -> EntryID? {
    guard index >= base.last.index, index <= lastIndex else { return nil }
    if index == base.last.index { return base.last }
    let offset = Int(index.number - base.last.index.number) - 1
    return EntryID(term: terms[offset], index: index)
  }

  func isEqual(_ other: ShadowLog) -> Bool {
    base == other.base && terms == other.terms && configuration == other.configuration
  }

  /// The entry is here, or was before it was cut away.
  func covers(_ id: EntryID) -> Bool {
    id.index <= base.last.index || self.id(at: id.index) == id
  }

  mutating func take(_ write: StorageWrite) {
    if let install = write.install {
      if id(at: install.last.index) == install.last {
        cut(to: install)
      } else {
        self = ShadowLog(base: install)
      }
    }
    append(write.entries)
    if let base = write.cut { cut(to: base) }
  }

  private mutating func append(_ entries: [Entry]) {
    guard let first = entries.first else { return }
    let kept = Int(first.index.number - base.last.index.number) - 1
    terms.removeSubrange(min(kept, terms.count)...)
    while let last = configurations.last, last.index >= first.index { configurations.removeLast() }
    for entry in entries {
      terms.append(entry.term)
      if case .configuration(let configuration) = entry.content {
        configurations.append((entry.index, configuration))
      }
    }
  }

  private mutating func cut(to base: LogBase) {
    guard base.last.index > self.base.last.index else { return }
    let covered = Int(base.last.index.number - self.base.last.index.number)
    terms.removeSubrange(..<min(covered, terms.count))
    configurations.removeAll { $0.index <= base.last.index }
    self.base = base
  }
}
