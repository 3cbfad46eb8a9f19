/// Which branch each transaction of a nest takes, in the order in which they are met.
struct TransactionPath {
  private var branches: [Bool] = []
  private var position = 0

  mutating func append(_ succeeded: Bool) { branches.append(succeeded) }

  /// The branch of the next transaction met.
  mutating func next() -> Bool {
    precondition(position < branches.count, "\(branches.count) transactions were compared")
    position += 1
    return branches[position - 1]
  }
}

/// All that is decided about a transaction before it changes anything (etcd apply.go Txn): every
/// compare of the nest looks at the state before it, and every check too.
extension StoreState {
  /// The branches to take. *Throws* what makes the whole transaction fail.
  /// `leases`: those that a put may name; none matters to what only reads.
  func decide(
    _ request: TxnRequest, leases: LeaseTable = LeaseTable(), _ source: inout RowSource
  ) throws(ReadFailure) -> TransactionPath {
    var path = TransactionPath()
    try compare(request, &path, &source)
    var walk = path
    do {
      try checkPuts(request, leases, &walk)
      walk = path
      try checkRanges(request, &walk)
    } catch {
      throw .refused(error)
    }
    return path
  }

  /// The oldest revision that any member still answers for: a matter of the log, not of the rows
  /// that a member happens to have removed.
  var oldestReadable: Int64 {
    meta.compactRevision
  }

  private func compare(
    _ request: TxnRequest, _ path: inout TransactionPath, _ source: inout RowSource
  ) throws(ReadFailure) {
    var succeeded = true
    for compare in request.compares where succeeded {
      succeeded = try holds(compare, &source)
    }
    path.append(succeeded)
    for operation in succeeded ? request.success : request.failure {
      if case .txn(let nested) = operation { try self.compare(nested, &path, &source) }
    }
  }

  private func checkPuts(
    _ request: TxnRequest, _ leases: LeaseTable, _ path: inout TransactionPath
  ) throws(CommandError) {
    for operation in path.next() ? request.success : request.failure {
      switch operation {
      case .put(let put):
        if put.ignoreValue || put.ignoreLease, index.version(of: put.key, at: nil) == nil {
          throw .keyNotFound
        }
        if put.lease != 0, leases[put.lease] == nil { throw .leaseNotFound }
      case .txn(let nested): try checkPuts(nested, leases, &path)
      case .range, .deleteRange: break
      }
    }
  }

  private func checkRanges(
    _ request: TxnRequest, _ path: inout TransactionPath
  ) throws(CommandError) {
    for operation in path.next() ? request.success : request.failure {
      switch operation {
      case .range(let range):
        if range.revision == 0 { break }
        if range.revision > meta.revision { throw .futureRevision }
        if range.revision < oldestReadable { throw .compacted }
      case .txn(let nested): try checkRanges(nested, &path)
      case .put, .deleteRange: break
      }
    }
  }

  /// Whether a compare holds for every key of its range. A missing key compares as zero; a missing
  /// value compares with nothing, so that the compare fails (etcd apply.go applyCompare).
  private func holds(
    _ compare: Compare, _ source: inout RowSource
  ) throws(ReadFailure) -> Bool {
    let versions = live(in: compare.range)
    switch compare.target {
    case .version(let wanted):
      return holdsForAll(versions, compare.relation, wanted, \.version)
    case .createRevision(let wanted):
      return holdsForAll(versions, compare.relation, wanted, \.createRevision)
    case .modRevision(let wanted):
      return holdsForAll(versions, compare.relation, wanted, \.modRevision)
    case .lease(let wanted):
      if versions.isEmpty { return compare.relation.holds(ordering(0, wanted)) }
      return try allRows(versions, &source) { row in
        compare.relation.holds(ordering(row.lease, wanted))
      }
    case .value(let wanted):
      if versions.isEmpty { return false }
      return try allRows(versions, &source) { row in
        compare.relation.holds(ByteOrder.compare(row.value, wanted))
      }
    }
  }

  private func holdsForAll(
    _ versions: [KeyVersion], _ relation: Compare.Relation, _ wanted: Int64,
    _ field: (KeyVersion) -> Int64
  ) -> Bool {
    if versions.isEmpty { return relation.holds(ordering(0, wanted)) }
    return versions.allSatisfy { relation.holds(ordering(field($0), wanted)) }
  }

  /// Fetches piece by piece: a compare may cover more rows than memory should hold at once.
  private func allRows(
    _ versions: [KeyVersion], _ source: inout RowSource, _ condition: (Row) -> Bool
  ) throws(ReadFailure) -> Bool {
    var start = 0
    while start < versions.count {
      let end = min(start + 256, versions.count)
      let rows = try source.rows(versions[start..<end].map(\.number), window: window)
      if !rows.allSatisfy(condition) { return false }
      start = end
    }
    return true
  }

  /// The newest versions of the live keys of a range, in key order.
  private func live(in range: KeyRange) -> [KeyVersion] {
    if range.end.isEmpty { return index.version(of: range.key, at: nil).map { [$0] } ?? [] }
    var versions: [KeyVersion] = []
    index.visit(KeyBounds(range), at: nil) { _, _, version in
      versions.append(version)
      return true
    }
    return versions
  }

  /// Runs a decided transaction that only reads. *Precondition*: `request.isReadOnly`.
  func read(
    _ request: TxnRequest, _ path: inout TransactionPath, _ source: inout RowSource
  ) throws(ReadFailure) -> TxnResponse {
    let succeeded = path.next()
    var responses: [OperationResponse] = []
    for operation in succeeded ? request.success : request.failure {
      switch operation {
      case .range(let range):
        responses.append(.range(try self.range(range, current: meta.revision, &source)))
      case .txn(let nested):
        responses.append(.txn(try read(nested, &path, &source)))
      case .put, .deleteRange:
        preconditionFailure("a transaction that writes must go through the log")
      }
    }
    return TxnResponse(succeeded: succeeded, responses: responses)
  }
}

private func ordering(_ left: Int64, _ right: Int64) -> Int {
  left == right ? 0 : left < right ? -1 : 1
}

extension Compare.Relation {
  /// `ordering`: below zero, zero or above as the stored side is below, equal to or above the
  /// wanted one.
  fileprivate func holds(_ ordering: Int) -> Bool {
    switch self {
    case .equal: ordering == 0
    case .greater: ordering > 0
    case .less: ordering < 0
    case .notEqual: ordering != 0
    }
  }
}
