import Raft

/// One member's disk: what a crash leaves.
struct Disk {
  var hardState = HardState()
  var base: LogBase
  var entries: [Entry] = []
  /// The state machine as it would come back.
  var machine: Machine

  init(base: LogBase) {
    self.base = base
    machine = Machine(applied: base.last, configuration: base.configuration)
  }

  var last: EntryID { entries.last?.id ?? base.last }

  func holds(_ id: EntryID) -> Bool {
    if id.index <= base.last.index { return true }
    guard id.index <= last.index else { return false }
    return entries[Int(id.index.number - base.last.index.number) - 1].id == id
  }

  /// What the log says the members are.
  var configuration: Configuration {
    for entry in entries.reversed() {
      if case .configuration(let configuration) = entry.content { return configuration }
    }
    return base.configuration
  }

  mutating func apply(_ write: StorageWrite) {
    if let hardState = write.hardState { self.hardState = hardState }
    if let install = write.install {
      entries = isInLog(install.last) ? entries.filter { $0.index > install.last.index } : []
      base = install
      machine = Machine(applied: install.last, configuration: install.configuration)
    }
    if let first = write.entries.first {
      precondition(
        first.index > base.last.index && first.index <= last.index.next,
        "a write from \(first.index.number) on leaves a gap after \(last.index.number)")
      entries.removeAll { $0.index >= first.index }
      entries += write.entries
    }
    if let cut = write.cut {
      precondition(cut.last.index <= machine.applied.index, "cut before it was applied durably")
      entries.removeAll { $0.index <= cut.last.index }
      base = cut
    }
  }

  func read(_ fetch: LogFetch) -> [Entry] {
    guard fetch.first > base.last.index else { return [] }
    var bytes = 0
    var found: [Entry] = []
    for entry in entries where entry.index >= fetch.first && entry.index <= fetch.last {
      bytes += entry.byteCount
      if !found.isEmpty && bytes > fetch.limitBytes { break }
      found.append(entry)
    }
    return found
  }

  private func isInLog(_ id: EntryID) -> Bool { id.index > base.last.index && holds(id) }
}

/// A state machine that only knows how far it got and who the members were there.
struct Machine {
  var applied: EntryID
  var configuration: Configuration

  var base: LogBase { LogBase(last: applied, configuration: configuration) }

  mutating func apply(_ entry: Entry) {
    precondition(entry.index == applied.index.next, "applied out of order")
    applied = entry.id
    if case .configuration(let configuration) = entry.content {
      self.configuration = configuration
    }
  }
}
