import KeyValue
public import Raft

/// All that one member keeps: a log, one generation of its state, and the snapshots between.
///
/// The real one is `DataDirectory`; `MemoryStore` behaves alike without a disk. Every object of a
/// store belongs to one thread at a time, and nothing here waits for another thread except
/// `StateStore.maintain`, which may wait for a reader's bounded piece.
public protocol MemberStore: AnyObject {
  var identity: Identity { get }
  var log: any LogStore { get }
  /// Says once what stopped the store.
  var failure: StorageFailure { get }

  /// Opens the state of the generation that the log names; used at start and after an installation.
  func openState() throws(StorageError) -> any StateStore

  /// Begins a snapshot's arrival, in a file of its own. Another thread than the log's may call it,
  /// and then uses the sink, and gives it up, by itself.
  func receiveSnapshot() throws(StorageError) -> any SnapshotSink

  /// Removes generations before this one, and never the one that the log names. Call it when no
  /// reader of theirs is left.
  func removeGenerations(before generation: UInt64) throws(StorageError)

  /// What is left on the disk, for the decision to refuse growing commands.
  func space() throws(StorageError) -> Space
}

/// Whether commands that grow the store may be appended (etcd's NOSPACE alarm).
public enum Space: Hashable, Sendable {
  case plenty
  /// Refuse what grows; deletes and compaction still pass. `freeBytes` are left of the
  /// `neededBytes` that end this state.
  case short(freeBytes: UInt64, neededBytes: UInt64)
}

extension MemberStore {
  /// What the core starts from; `nil`: the cluster has not been formed yet (Docs/Decisions/0023).
  ///
  /// *Throws* `damaged` if log and state do not meet: state ahead of the log, or a gap between.
  public func recover(with state: any StateStore) throws(StorageError) -> Recovered? {
    guard let kept = try log.recover() else { return nil }
    let applied = EntryID(
      term: Term(state.meta.appliedTerm), index: LogIndex(state.meta.appliedIndex))
    let last = kept.entries.last?.id ?? kept.base.last
    let file = state.name
    guard applied.index >= kept.base.last.index else {
      throw failure.latch(
        .damaged(
          file: file,
          place: "it ends at entry \(applied.index.number), and the log begins after "
            + "\(kept.base.last.index.number)"))
    }
    guard applied.index <= last.index else {
      throw failure.latch(
        .damaged(
          file: log.name,
          place: "it ends at entry \(last.index.number), and \(file) contains entry "
            + "\(applied.index.number)"))
    }
    let offset = Int(applied.index.number - kept.base.last.index.number)
    let expected = offset == 0 ? kept.base.last : kept.entries[offset - 1].id
    guard applied == expected else {
      throw failure.latch(
        .damaged(
          file: file,
          place: "entry \(applied.index.number) was applied in term \(applied.term.number), "
            + "and the log has it in term \(expected.term.number)"))
    }
    guard last.term <= kept.hardState.currentTerm else {
      throw failure.latch(
        .damaged(
          file: log.name,
          place: "its last entry is of term \(last.term.number), and it stands in term "
            + "\(kept.hardState.currentTerm.number)"))
    }
    return Recovered(
      hardState: kept.hardState, base: kept.base, entries: kept.entries, applied: applied.index,
      founding: kept.founding)
  }
}
