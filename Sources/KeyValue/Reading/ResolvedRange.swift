/// A range whose rows are chosen, but not read yet: all that the index says of it, at one read
/// view. It keeps the read view's rows from being removed, so whichever thread may wait for them
/// can read them.
public struct ResolvedRange: Sendable {
  let state: StoreState
  let plan: RangePlan
  let request: RangeRequest

  public var meta: StateMeta { state.meta }

  /// The state file that holds the rows which memory does not.
  public var generation: UInt64 { state.generation }

  /// How many keys the range holds, whatever the limit and the revision filters.
  public var count: Int64 { Int64(plan.count) }

  /// More pairs match than the limit let through. Only of a scan: before its rows are read, a range
  /// that is sorted by value does not know.
  public var more: Bool { plan.more }

  /// Rows to read.
  public var rowCount: Int { plan.versions.count }

  /// Its rows can be shown one by one, and would drive out of a cache what single reads need.
  public var isScan: Bool { rowCount > RowSource.scanLength && plan.valueOrder == nil }

  /// No row has to be read from the table.
  public var isInMemory: Bool { plan.versions.allSatisfy { state.window.holds($0.number) } }

  /// Answers from memory alone, or says which rows it lacks.
  public func response(cache: inout RowCache) -> Attempt<RangeResponse> {
    var source = RowSource(taking: &cache, table: nil)
    defer { cache = source.cache }
    do throws(ReadFailure) {
      return .answer(
        try state.response(to: request, plan, current: meta.revision, &source))
    } catch {
      return Attempt(error)
    }
  }

  /// *Throws* only what `reading` throws.
  public func response(
    cache: inout RowCache, reading: any RowReading
  ) throws -> RangeResponse {
    var source = RowSource(taking: &cache, table: reading)
    defer { cache = source.cache }
    do throws(ReadFailure) {
      return try state.response(to: request, plan, current: meta.revision, &source)
    } catch {
      throw error.world
    }
  }

  /// Shows `body` every row in the answer's order, without making a `Row` of it. `reading` may be
  /// `nil` if `isInMemory`. *Precondition*: `isScan`.
  ///
  /// *Throws* only what `reading` throws, or that it left rows out.
  public func scan(reading: (any RowReading)?, _ body: RowVisitor) throws {
    precondition(isScan, "\(rowCount) rows are not read one by one")
    let numbers = plan.versions.map(\.number)
    let body = request.keysOnly ? { head, key, _ in body(head, key, ResolvedRange.nothing) } : body
    var position = 0
    /// Those in memory, up to the next that is not.
    func showHeld() {
      while position < numbers.count, let row = state.window.row(numbers[position]) {
        row.show(body)
        position += 1
      }
    }
    showHeld()
    let missing = numbers[position...].filter { !state.window.holds($0) }
    if !missing.isEmpty, let reading {
      try reading.visit(numbered: missing) { head, key, value in
        guard position < numbers.count, head.number == numbers[position] else { return }
        body(head, key, value)
        position += 1
        showHeld()
      }
    }
    guard position == numbers.count else {
      throw StoreDamage(reason: "the table lacks rows that the index knows")
    }
  }

  private static var nothing: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: nil, count: 0)
  }
}

extension ReadView {
  /// Chooses the rows of the answer by the index alone.
  public func resolve(_ request: RangeRequest) -> Result<ResolvedRange, CommandError> {
    Result { () throws(CommandError) in
      ResolvedRange(
        state: state, plan: try state.plan(request, current: revision), request: request)
    }
  }
}
