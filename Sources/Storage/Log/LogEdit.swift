import Raft

/// What a batch of writes does to a log, computed once for every kind of log: the batch is one
/// transaction, so only its sum reaches the disk.
struct LogEdit {
  /// The last hard state that the batch names; `nil`: unchanged.
  private(set) var hardState: HardState?
  /// The base after the batch; `nil`: unchanged.
  private(set) var base: LogBase?
  /// The base comes from an installed snapshot: a new generation begins.
  private(set) var installs = false
  /// Kept entries from here on go; `nil`: none.
  private(set) var truncateFrom: LogIndex?
  /// To be written after the truncation; consecutive.
  private(set) var entries: [Entry] = []
  /// The id of the last entry after the batch, or the base if there is none.
  private(set) var last: EntryID

  /// Sums up the writes over a log that ends at `last`. `idOf` gives the id of a kept entry, or of
  /// the base; `nil` if there is none at this index.
  init<Failure: Error>(
    _ writes: [StorageWrite], last: EntryID, idOf: (LogIndex) throws(Failure) -> EntryID?
  ) throws(Failure) {
    self.last = last
    for write in writes {
      if let state = write.hardState { hardState = state }
      if !write.entries.isEmpty { append(write.entries) }
      if let cut = write.cut { move(baseTo: cut) }
      if let install = write.install {
        try self.install(install, idOf: idOf)
      }
    }
  }

  /// Nothing changes: the writes only release what rests on earlier ones.
  var isEmpty: Bool {
    hardState == nil && base == nil && truncateFrom == nil && entries.isEmpty
  }

  private mutating func append(_ added: [Entry]) {
    let first = added[0].index
    precondition(
      first <= last.index.next && first.number > 0,
      "entry \(first.number) would leave a gap after \(last.index.number)")
    if let own = entries.first?.index, first >= own {
      entries.removeSubrange(Int(first.number - own.number)...)
    } else {
      entries = []
      if first <= last.index { truncateFrom = min(truncateFrom ?? first, first) }
    }
    entries += added
    last = added[added.count - 1].id
  }

  private mutating func move(baseTo cut: LogBase) {
    precondition(
      cut.last.index <= last.index,
      "the log ends at \(last.index.number) and cannot be cut at \(cut.last.index.number)")
    // What the batch itself wrote up to here is written nevertheless: the log stays consecutive.
    base = cut
  }

  private mutating func install<Failure: Error>(
    _ snapshot: LogBase, idOf: (LogIndex) throws(Failure) -> EntryID?
  ) throws(Failure) {
    precondition(!installs, "two snapshots are installed in one batch")
    installs = true
    let index = snapshot.last.index
    var held: EntryID?
    if let own = entries.first?.index, index >= own {
      let offset = Int(index.number - own.number)
      held = offset < entries.count ? entries[offset].id : nil
    } else if index <= last.index, index < truncateFrom ?? index.next {
      held = try idOf(index)
    }
    if held == snapshot.last {
      // The entries after it agree with the snapshot and stay (Raft §7).
      return move(baseTo: snapshot)
    }
    base = snapshot
    entries = []
    truncateFrom = LogIndex(1)
    last = snapshot.last
  }
}
