extension Store {
  /// Applies the next entry of the log: total, and a pure function of (state, entry).
  ///
  /// *Precondition*: `index` follows the last applied one. *Throws* only what `reading` throws; the
  /// store is then of no more use and the member stops.
  public mutating func apply(
    index: UInt64, term: UInt64, _ command: Command, reading: any RowReading
  ) throws -> Applied {
    begin(index, term)
    var writer = Writer(revision: state.meta.revision)
    let answer: CommandResult.Answer
    do throws(ReadFailure) {
      answer = try run(command, &writer, reading)
    } catch {
      switch error {
      case .refused(let refusal):
        precondition(writer.isEmpty, "\(refusal) after \(writer.changes.count) changes")
        answer = .failed(refusal)
      case .misses(let rows):
        preconditionFailure("\(rows.count) rows missing although the table is there")
      case .world(let error):
        throw error
      }
    }
    state.meta.revision = writer.currentRevision
    end(index, term)
    return Applied(
      result: CommandResult(revision: state.meta.revision, answer: answer),
      changes: writer.changes, leases: writer.leases)
  }

  /// Passes an entry that carries nothing for the store.
  ///
  /// *Precondition*: `index` follows the last applied one.
  public mutating func skip(index: UInt64, term: UInt64) {
    begin(index, term)
    end(index, term)
  }

  private mutating func begin(_ index: UInt64, _ term: UInt64) {
    precondition(isWhole, "entry \(state.meta.appliedIndex + 1) is half applied")
    precondition(
      index == state.meta.appliedIndex + 1, "entry \(index) after \(state.meta.appliedIndex)")
    precondition(
      term >= state.meta.appliedTerm, "term \(term) after \(state.meta.appliedTerm)")
    isWhole = false
  }

  private mutating func end(_ index: UInt64, _ term: UInt64) {
    state.meta.appliedIndex = index
    state.meta.appliedTerm = term
    isWhole = true
    let last = boundaries.last?.appliedBytes ?? flushedEnd.appliedBytes
    if appliedBytes - last >= Store.boundaryBytes {
      boundaries.append(Boundary(meta: state.meta, appliedBytes: appliedBytes))
    }
  }

  private mutating func run(
    _ command: Command, _ writer: inout Writer, _ reading: any RowReading
  ) throws(ReadFailure) -> CommandResult.Answer {
    if refusesGrowth(command) { throw .refused(.noSpace) }
    var source = RowSource(taking: &cache, table: reading)
    defer { cache = source.cache }
    switch command {
    case .put(let put):
      // Here etcd looks at the lease first, in a transaction at the key (apply.go Put, checkPut).
      if put.lease != 0, leases[put.lease] == nil { throw .refused(.leaseNotFound) }
      if put.ignoreValue || put.ignoreLease, state.index.version(of: put.key, at: nil) == nil {
        throw .refused(.keyNotFound)
      }
      return .put(try self.put(put, &writer, &source))
    case .deleteRange(let deletion):
      return .deleteRange(try delete(deletion, &writer, &source))
    case .txn(let request):
      var path = try state.decide(request, leases: leases, &source)
      return .txn(try transact(request, &path, &writer, &source))
    case .compaction(let revision):
      try compact(revision)
      return .compaction
    case .lease(let command):
      do throws(CommandError) {
        return try run(command, &writer)
      } catch {
        throw .refused(error)
      }
    case .upkeep(let command): return run(command)
    }
  }

  private mutating func transact(
    _ request: TxnRequest, _ path: inout TransactionPath, _ writer: inout Writer,
    _ source: inout RowSource
  ) throws(ReadFailure) -> TxnResponse {
    let succeeded = path.next()
    var responses: [OperationResponse] = []
    for operation in succeeded ? request.success : request.failure {
      switch operation {
      case .range(let range):
        let current = writer.currentRevision
        responses.append(.range(try state.range(range, current: current, &source)))
      case .put(let put):
        responses.append(.put(try self.put(put, &writer, &source)))
      case .deleteRange(let deletion):
        responses.append(.deleteRange(try delete(deletion, &writer, &source)))
      case .txn(let nested):
        responses.append(.txn(try transact(nested, &path, &writer, &source)))
      }
    }
    return TxnResponse(succeeded: succeeded, responses: responses)
  }

  /// *Precondition*: checked. A key that an earlier operation of the same transaction deleted has
  /// no value to keep any more; it gets an empty one.
  private mutating func put(
    _ request: PutRequest, _ writer: inout Writer, _ source: inout RowSource
  ) throws(ReadFailure) -> PutResponse {
    var previous: Row?
    if request.previousPair || request.ignoreValue || request.ignoreLease,
      let before = state.index.version(of: request.key, at: nil)
    {
      previous = try source.rows([before.number], window: state.window)[0]
    }
    write(
      request.key, value: request.ignoreValue ? previous?.value ?? [] : request.value,
      lease: request.ignoreLease ? previous?.lease ?? 0 : request.lease, &writer)
    return PutResponse(
      previous: request.previousPair ? previous : nil, revision: writer.currentRevision)
  }

  private mutating func delete(
    _ request: DeleteRangeRequest, _ writer: inout Writer, _ source: inout RowSource
  ) throws(ReadFailure) -> DeleteRangeResponse {
    var doomed: [[UInt8]] = []
    var numbers: [RowNumber] = []
    state.index.visit(KeyBounds(request.range), at: nil) { keys, slot, version in
      doomed.append(keys.key(at: slot))
      if request.previousPairs { numbers.append(version.number) }
      return true
    }
    let previous = try source.rows(numbers, window: state.window)
    for key in doomed { write(key, value: nil, lease: 0, &writer) }
    return DeleteRangeResponse(
      deleted: Int64(doomed.count), previous: previous, revision: writer.currentRevision)
  }

  /// Gives a change its place in the order of all rows, and takes it in; no value: a tombstone.
  mutating func write(
    _ key: [UInt8], value: [UInt8]?, lease: Int64, _ writer: inout Writer
  ) {
    let revision = writer.writingRevision
    var row = Row(
      number: state.meta.lastRow + 1, modRevision: revision,
      subRevision: Int64(writer.changes.count), key: key, value: value ?? [], createRevision: 0,
      version: 0, lease: lease)
    var previous: RowNumber = 0
    state.index.append(to: key) { before in
      previous = before?.number ?? 0
      if value != nil {
        row.createRevision = before?.createRevision ?? revision
        row.version = (before?.version ?? 0) + 1
      }
      return KeyVersion(
        number: row.number, modRevision: revision, createRevision: row.createRevision,
        version: row.version)
    }
    leases.attach(key, to: lease)
    state.window.append(row)
    let digest = StateDigest(of: row)
    state.meta.digest = state.meta.digest + digest
    state.meta.presentDigest = state.meta.presentDigest + digest
    blocks.add(row.number, revision: revision, digest)
    state.meta.lastRow = row.number
    state.meta.rowCount += 1
    appliedBytes += row.memoryBytes
    writer.changes.append(RowChange(row: row, previous: previous))
  }

  /// Compaction is logical here; rows go later, by `purge` (etcd kvstore.go updateCompactRev).
  private mutating func compact(_ revision: Int64) throws(ReadFailure) {
    guard revision > state.meta.compactRevision else { throw .refused(.compacted) }
    guard revision <= state.meta.revision else { throw .refused(.futureRevision) }
    olderHolds.append((state.meta.compactRevision, state.hold))
    state.hold = ReadViewHold()
    state.meta.compactRevision = revision
  }
}

/// What one entry has changed so far: all of it gets one revision.
struct Writer {
  /// The store's revision before the entry.
  let revision: Int64
  var changes: [RowChange] = []
  var leases: [LeaseChange] = []

  init(revision: Int64) { self.revision = revision }

  /// Nothing has changed.
  var isEmpty: Bool { changes.isEmpty && leases.isEmpty }

  /// The revision that the entry's changes get.
  var writingRevision: Int64 { revision + 1 }

  /// The revision that the entry's reads see as the newest.
  var currentRevision: Int64 { changes.isEmpty ? revision : revision + 1 }
}
