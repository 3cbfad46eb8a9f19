/// The store at one applied entry, immutable, for any thread and as long as one likes.
///
/// Physical compaction waits for read views taken before the compaction.
public struct ReadView: Sendable {
  let state: StoreState

  public var meta: StateMeta { state.meta }

  public var revision: Int64 { state.meta.revision }

  /// The state file that holds the rows which memory does not.
  public var generation: UInt64 { state.generation }

  /// How many keys are alive.
  public var keyCount: Int { state.index.liveCount }

  /// One of the newest rows; `nil`: not in memory.
  public func row(_ number: RowNumber) -> Row? { state.window.row(number) }

  /// Answers from memory alone, or says which rows it lacks.
  public func range(_ request: RangeRequest, cache: inout RowCache) -> Attempt<RangeResponse> {
    var source = RowSource(taking: &cache, table: nil)
    defer { cache = source.cache }
    do throws(ReadFailure) {
      return .answer(try state.range(request, current: revision, &source))
    } catch {
      return Attempt(error)
    }
  }

  /// *Throws* only what `reading` throws.
  public func range(
    _ request: RangeRequest, cache: inout RowCache, reading: any RowReading
  ) throws -> Result<RangeResponse, CommandError> {
    var source = RowSource(taking: &cache, table: reading)
    defer { cache = source.cache }
    do throws(ReadFailure) {
      return .success(try state.range(request, current: revision, &source))
    } catch {
      return .failure(try error.refusal())
    }
  }

  /// A transaction that writes nothing, from memory alone. *Precondition*: `request.isReadOnly`.
  public func transact(_ request: TxnRequest, cache: inout RowCache) -> Attempt<TxnResponse> {
    var source = RowSource(taking: &cache, table: nil)
    defer { cache = source.cache }
    do throws(ReadFailure) {
      var path = try state.decide(request, &source)
      return .answer(try state.read(request, &path, &source))
    } catch {
      return Attempt(error)
    }
  }

  /// *Precondition*: `request.isReadOnly`. *Throws* only what `reading` throws.
  public func transact(
    _ request: TxnRequest, cache: inout RowCache, reading: any RowReading
  ) throws -> Result<TxnResponse, CommandError> {
    var source = RowSource(taking: &cache, table: reading)
    defer { cache = source.cache }
    do throws(ReadFailure) {
      var path = try state.decide(request, &source)
      return .success(try state.read(request, &path, &source))
    } catch {
      return .failure(try error.refusal())
    }
  }
}

/// A read that may use memory only.
public enum Attempt<Answer: Sendable>: Sendable {
  case answer(Answer)
  case refused(CommandError)
  /// These rows are in the table alone: try again with a `RowReading`, on a thread that may wait.
  case misses([RowNumber])

  init(_ failure: ReadFailure) {
    switch failure {
    case .refused(let error): self = .refused(error)
    case .misses(let numbers): self = .misses(numbers)
    case .world(let error): preconditionFailure("memory alone cannot fail with \(error)")
    }
  }
}

extension ReadFailure {
  /// What the table threw at a read of rows whose numbers are known: nothing else can end it.
  var world: any Error {
    guard case .world(let error) = self else {
      preconditionFailure("reading rows cannot end with \(self)")
    }
    return error
  }

  /// The refusal of a read that had the table. *Throws* what the table threw.
  fileprivate func refusal() throws -> CommandError {
    switch self {
    case .refused(let error): return error
    case .world(let error): throw error
    case .misses(let numbers):
      preconditionFailure("\(numbers.count) rows missing although the table is there")
    }
  }
}
