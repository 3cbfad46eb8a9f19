public import Raft

/// What a log gives back at start.
public struct RecoveredLog: Hashable, Sendable {
  public var hardState: HardState
  public var base: LogBase
  /// The whole log after `base.last`, consecutive.
  public var entries: [Entry]
  /// What the store was formed with.
  public var founding: Founding

  public init(
    hardState: HardState, base: LogBase, entries: [Entry], founding: Founding = .unknown
  ) {
    self.hardState = hardState
    self.base = base
    self.entries = entries
    self.founding = founding
  }
}

/// Term, vote, log and base of one member (Raft Figure 2, persistent state).
///
/// Conformers: `RaftLog` on SQLite, `MemoryLog`.
public protocol LogStore: AnyObject {
  /// The file's name for people.
  var name: String { get }

  /// The generation of the state that belongs to this log, from one.
  var generation: UInt64 { get }

  /// Stores the first base and the founding, durably and at once. *Precondition*: nothing was
  /// formed or committed before.
  func form(_ formation: Formation) throws(StorageError)

  /// Everything that is kept; `nil`: never formed.
  func recover() throws(StorageError) -> RecoveredLog?

  /// Makes all of it durable, in order, at once: when it returns every `releasedWhenDurable` may
  /// leave. *Precondition*: each write follows from the one before; an `install` names the
  /// snapshot that a `SnapshotSink` finished last.
  func commit(_ writes: [StorageWrite]) throws(StorageError)

  /// The entries asked for: at least one, then up to the byte limit; empty if the first of them
  /// has been cut away.
  func entries(_ wish: LogFetch) throws(StorageError) -> [Entry]

  /// House-keeping between commits: call it when nobody waits for what was committed.
  func maintain() throws(StorageError)

  /// Closes the files; the object is of no use afterwards.
  func close() throws(StorageError)
}
