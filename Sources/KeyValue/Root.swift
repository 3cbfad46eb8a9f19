/// The store at one applied entry, immutable, for any thread and as long as one likes.
///
/// Physical compaction waits for roots taken before the compaction.
public struct Root: Sendable {
  let state: StoreState

  public var meta: StateMeta { state.meta }

  public var revision: Int64 { state.meta.revision }

  /// The state file that holds the rows which memory does not.
  public var generation: UInt64 { state.generation }

  /// How many keys are alive.
  public var keyCount: Int { 0 }

  /// Answers from memory alone, or says which rows it lacks.
  public func range(
    _ request: RangeRequest, cache: inout RowCache
  ) -> Attempt<RangeResponse> {
    preconditionFailure("under construction")
  }

  /// *Throws* only what `reading` throws.
  public func range(
    _ request: RangeRequest, cache: inout RowCache, reading: any RowReading
  ) throws -> Result<RangeResponse, CommandError> {
    preconditionFailure("under construction")
  }

  /// A transaction that writes nothing. *Precondition*: `request.isReadOnly`.
  public func transact(
    _ request: TxnRequest, cache: inout RowCache
  ) -> Attempt<TxnResponse> {
    preconditionFailure("under construction")
  }

  /// *Precondition*: `request.isReadOnly`. *Throws* only what `reading` throws.
  public func transact(
    _ request: TxnRequest, cache: inout RowCache, reading: any RowReading
  ) throws -> Result<TxnResponse, CommandError> {
    preconditionFailure("under construction")
  }
}

/// A read that may use memory only.
public enum Attempt<Answer: Sendable>: Sendable {
  case answer(Answer)
  case refused(CommandError)
  /// These rows are in the table alone: try again with a `RowReading`, on a thread that may wait.
  case misses([RowNumber])
}
