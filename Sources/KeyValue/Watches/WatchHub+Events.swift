/// Events: from batches for who is in step, from pieces for who lags.
extension WatchHub {
  // MARK: Batches

  mutating func take(_ batch: ChangeBatch, _ output: inout WatchOutput) {
    if batch.after > delivered { fallBehind(batch.after) }
    var touched: [WatchNumber] = []
    for (position, change) in batch.changes.enumerated()
    where change.row.modRevision > delivered {
      offer(change.row, at: position, &touched) { watch in !watch.isLagging }
    }
    delivered = max(delivered, batch.through)
    for number in touched {
      respond(number, through: nil, &output) { batch.changes[$0].row }
    }
  }

  /// What lies between `delivered` and `revision` did not come by.
  private mutating func fallBehind(_ revision: Int64) {
    for number in watches.keys.sorted() {
      let watch = watches[number]!
      guard !watch.isLagging, watch.next <= revision else { continue }
      lag(number, from: max(watch.next, delivered + 1))
    }
    delivered = revision
  }

  // MARK: Pieces

  /// What should be read next: from where the first in turn stands, for all that stand there or
  /// after it.
  mutating func nextRead() -> ChangeRequest? {
    guard !isReading else { return nil }
    lagging.removeAll { number in
      guard let watch = watches[number] else { return true }
      if watch.isLagging && !streams[watch.stream]!.isBlocked { return false }
      watches[number]!.isQueued = false
      return true
    }
    guard let first = lagging.first else { return nil }
    let from = watches[first]!.next
    isReading = true
    lastRead += 1
    let served = lagging.filter { watches[$0]!.next >= from }
    for number in served { watches[number]!.read = lastRead }
    return ChangeRequest(
      from: from, interests: interests(of: served), limitRows: limits.pieceRows,
      limitBytes: limits.pieceBytes)
  }

  /// Above so many, telling them apart costs more than reading everything.
  private static let interestLimit = 32

  private func interests(of numbers: [WatchNumber]) -> [ChangeRequest.Interest] {
    var wanted: [KeyRange: Bool] = [:]
    for number in numbers {
      let request = watches[number]!.request
      wanted[request.range] = (wanted[request.range] ?? false) || request.previousPairs
      if wanted.count > Self.interestLimit {
        let previous = numbers.contains { watches[$0]!.request.previousPairs }
        return [.init(range: KeyRange(key: [], end: [0]), previousPairs: previous)]
      }
    }
    return wanted.map { ChangeRequest.Interest(range: $0.key, previousPairs: $0.value) }
      .sorted { ByteOrder.compare($0.range.key + $0.range.end, $1.range.key + $1.range.end) < 0 }
  }

  mutating func take(
    _ result: Result<ChangePiece, WatchReadFailure>, _ output: inout WatchOutput
  ) {
    precondition(isReading, "a piece that nobody asked for")
    isReading = false
    switch result {
    case .success(let piece): take(piece, &output)
    case .failure(.compacted(let revision)): cancelCompacted(revision, &output)
    case .failure(.notNow): break
    }
  }

  private mutating func take(_ piece: ChangePiece, _ output: inout WatchOutput) {
    let read = lastRead
    let isServed = { (watch: Watch) in
      // The piece holds only what was of interest when it was asked for.
      watch.isLagging && watch.read == read && watch.next >= piece.from
        && watch.next <= piece.through
    }
    var touched: [WatchNumber] = []
    for (position, change) in piece.changes.enumerated() {
      offer(change.row, at: position, &touched, isServed)
    }
    // Whether batches go on where the piece ends, or before: they have come while it was read.
    let isInStep = piece.through >= delivered
    for number in touched {
      respond(number, through: piece.through, &output) { piece.changes[$0].row }
    }
    var late: [WatchNumber] = []
    for number in lagging {
      guard let watch = watches[number], isServed(watch) else { continue }
      if isInStep {
        catchUp(number, next: piece.through + 1)
      } else {
        watches[number]!.next = piece.through + 1
        late.append(number)
      }
    }
    // Whoever is served goes behind those that wait.
    let moved = Set(late)
    lagging.removeAll { moved.contains($0) }
    lagging += late
  }

  private mutating func cancelCompacted(_ revision: Int64, _ output: inout WatchOutput) {
    for number in lagging {
      guard let watch = watches[number], watch.isLagging, watch.next < revision,
        !streams[watch.stream]!.isBlocked
      else { continue }
      remove(number)
      output.responses.append(
        WatchResponse(
          stream: watch.stream, watch: watch.id, revision: 0, content: .compacted(revision)))
    }
  }

  // MARK: Both

  /// Notes a change for the watches that it is for, if they may be served now.
  private mutating func offer(
    _ row: Row, at position: Int, _ touched: inout [WatchNumber], _ isServed: (Watch) -> Bool
  ) {
    var hits: [WatchNumber] = []
    index.forEach(watching: row.key) { hits.append($0) }
    for number in hits {
      guard let slot = watches.index(forKey: number) else { continue }
      let watch = watches.values[slot]
      guard row.modRevision >= watch.next, watch.request.admits(row), isServed(watch) else {
        continue
      }
      if watch.found.isEmpty { touched.append(number) }
      watches.values[slot].found.append(position)
    }
  }

  /// Answers with what was found for a watch, whole revisions only. `through`: the header's
  /// revision of the last answer; `nil`: that of its last event.
  private mutating func respond(
    _ number: WatchNumber, through: Int64?, _ output: inout WatchOutput, _ row: (Int) -> Row
  ) {
    let watch = watches[number]!
    watches[number]!.found = []
    watches[number]!.isBusy = true
    var part: [Int] = []
    var bytes = 0
    var last = row(watch.found[0]).modRevision
    func close(_ revision: Int64) {
      let events = WatchEvents(
        positions: part, first: row(part[0]).modRevision,
        previousPairs: watch.request.previousPairs, fragment: watch.request.fragment)
      output.responses.append(
        WatchResponse(
          stream: watch.stream, watch: watch.id, revision: revision, content: .events(events)))
    }
    for position in watch.found {
      let row = row(position)
      // Events of one revision come together (etcd api_guarantees: atomic).
      if bytes >= limits.responseBytes, row.modRevision > last {
        close(last)
        part = []
        bytes = 0
      }
      part.append(position)
      bytes += row.memoryBytes
      last = row.modRevision
    }
    close(through ?? last)
  }
}

extension WatchRequest {
  fileprivate func admits(_ row: Row) -> Bool {
    row.isTombstone ? !withoutDeletes : !withoutPuts
  }
}
