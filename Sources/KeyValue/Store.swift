/// The state that commands change: the key index, the rows that are not in the table yet, and the
/// meta beside them. One thread owns it; readers take roots.
public struct Store: Sendable {
  var state: StoreState

  /// Revision one, no key.
  public init(generation: UInt64, settings: StoreSettings = StoreSettings()) {
    state = StoreState(generation: generation)
  }

  /// The state as it is now, for readers on any thread. Cheap; keeps alive what it shows.
  public var root: Root { Root(state: state) }

  /// The state at the last applied entry.
  public var meta: StateMeta { state.meta }

  /// The meta of the last batch that the flusher reported.
  public var flushedMeta: StateMeta { state.meta }

  /// The overlay holds as much as it may: apply should wait for the flusher.
  public var isFull: Bool { false }

  /// Applies the next entry of the log: total, and a pure function of (state, entry).
  ///
  /// *Precondition*: `index` follows the last applied one. *Throws* only what `reading` throws; the
  /// store is then of no more use and the member stops.
  public mutating func apply(
    index: UInt64, term: UInt64, _ command: Command, reading: any RowReading
  ) throws -> Applied {
    preconditionFailure("under construction")
  }

  /// Passes an entry that carries nothing for the store.
  public mutating func skip(index: UInt64, term: UInt64) {
    preconditionFailure("under construction")
  }

  /// What to write next, about `limitBytes` of rows but at least one entry's; `nil`: nothing to
  /// write, or the last batch was not reported yet.
  public mutating func takeFlushBatch(limitBytes: Int) -> FlushBatch? {
    preconditionFailure("under construction")
  }

  /// The batch taken last is in the table (readable by everybody, not necessarily durable).
  public mutating func flushed(through appliedIndex: UInt64) {
    preconditionFailure("under construction")
  }

  /// Prepares up to `limitRows` compacted rows for removal with the next flush batch; their
  /// number. Zero: nothing to do now, or an older root is still in use.
  ///
  /// Not to be called while a snapshot of the table is being read.
  public mutating func scrub(limitRows: Int, reading: any RowReading) throws -> Int {
    preconditionFailure("under construction")
  }
}

struct StoreState: Sendable {
  var meta = StateMeta()
  var generation: UInt64
}
