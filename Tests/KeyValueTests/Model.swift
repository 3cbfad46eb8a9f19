import KeyValue

/// The same store, so plain that one can see that it is right: every row ever written, in order.
/// It follows etcd's apply.go step by step and knows no index, no overlay, no table.
struct Model {
  var rows: [Row] = []
  var revision: Int64 = 1
  var compactRevision: Int64 = -1
  var leases: [Int64: Lease] = [:]
  var leaseTime: Int64 = 0
  var alarms: [Alarm] = []
  /// The number of the entry applied last.
  var index: UInt64 = 0

  /// What the revision sees, by key.
  func live(at revision: Int64) -> [Row] {
    var newest: [[UInt8]: Row] = [:]
    for row in rows where row.modRevision <= revision { newest[row.key] = row }
    return newest.values.filter { !$0.isTombstone }
      .sorted { $0.key.lexicographicallyPrecedes($1.key) }
  }

  private func contains(_ range: KeyRange, _ key: [UInt8]) -> Bool {
    if range.end.isEmpty { return key == range.key }
    guard !key.lexicographicallyPrecedes(range.key) else { return false }
    return range.end == [0] || key.lexicographicallyPrecedes(range.end)
  }

  private func live(in range: KeyRange, at revision: Int64) -> [Row] {
    live(at: revision).filter { contains(range, $0.key) }
  }

  func range(_ request: RangeRequest) -> Result<RangeResponse, CommandError> {
    do throws(CommandError) {
      return .success(try range(request, current: revision))
    } catch {
      return .failure(error)
    }
  }

  private func range(
    _ request: RangeRequest, current: Int64
  ) throws(CommandError) -> RangeResponse {
    if request.revision > current { throw .futureRevision }
    let at = request.revision <= 0 ? current : request.revision
    if at < compactRevision { throw .compacted }
    var pairs = live(in: request.range, at: at)
    var response = RangeResponse(
      pairs: [], more: false, count: Int64(pairs.count), revision: current)
    if request.countOnly { return response }
    let filters = [
      request.minModRevision, request.maxModRevision, request.minCreateRevision,
      request.maxCreateRevision,
    ]
    if request.limit > 0, request.sortOrder == .none, filters.allSatisfy({ $0 == 0 }) {
      pairs = Array(pairs.prefix(Int(request.limit) + 1))
    }
    if filters[0] != 0 { pairs.removeAll { $0.modRevision < filters[0] } }
    if filters[1] != 0 { pairs.removeAll { $0.modRevision > filters[1] } }
    if filters[2] != 0 { pairs.removeAll { $0.createRevision < filters[2] } }
    if filters[3] != 0 { pairs.removeAll { $0.createRevision > filters[3] } }
    if request.sortOrder != .none || request.sortTarget != .key {
      // Insertion keeps equal ones in the order of their keys.
      var sorted: [Row] = []
      for pair in pairs {
        let slot = sorted.firstIndex { comes(pair, before: $0, request) } ?? sorted.count
        sorted.insert(pair, at: slot)
      }
      pairs = sorted
    }
    if request.limit > 0, pairs.count > Int(request.limit) {
      pairs = Array(pairs.prefix(Int(request.limit)))
      response.more = true
    }
    if request.keysOnly { for slot in pairs.indices { pairs[slot].value = [] } }
    response.pairs = pairs
    return response
  }

  private func comes(_ row: Row, before other: Row, _ request: RangeRequest) -> Bool {
    let (first, second) = request.sortOrder == .descend ? (other, row) : (row, other)
    switch request.sortTarget {
    case .key: return first.key.lexicographicallyPrecedes(second.key)
    case .version: return first.version < second.version
    case .create: return first.createRevision < second.createRevision
    case .mod: return first.modRevision < second.modRevision
    case .value: return first.value.lexicographicallyPrecedes(second.value)
    }
  }

  /// Changes nothing when it answers an error.
  mutating func apply(_ command: Command) -> CommandResult {
    index += 1
    let before = self
    var next = self
    do throws(CommandError) {
      let answer = try next.run(command)
      if next.rows.count > rows.count { next.revision += 1 }
      self = next
      return CommandResult(revision: revision, answer: answer)
    } catch {
      self = before
      return CommandResult(revision: revision, answer: .failed(error))
    }
  }

  private mutating func run(_ command: Command) throws(CommandError) -> CommandResult.Answer {
    if alarms.contains(where: { $0.kind == .noSpace }) {
      switch command {
      case .put, .lease(.grant): throw .noSpace
      case .txn(let request) where puts(request): throw .noSpace
      case .txn, .deleteRange, .compaction, .lease, .upkeep: break
      }
    }
    switch command {
    case .put(let request):
      if request.lease != 0, leases[request.lease] == nil { throw .leaseNotFound }
      if request.ignoreValue || request.ignoreLease,
        live(in: KeyRange(key: request.key), at: revision).isEmpty
      {
        throw .keyNotFound
      }
      return .put(put(request, begin: revision, sub: 0))
    case .deleteRange(let request):
      return .deleteRange(delete(request, begin: revision, first: rows.count))
    case .txn(let request):
      let before = self
      try check(request, before, puts: true)
      try check(request, before, puts: false)
      return .txn(try perform(request, before))
    case .compaction(let wanted):
      if wanted <= compactRevision { throw .compacted }
      if wanted > revision { throw .futureRevision }
      compactRevision = wanted
      return .compaction
    case .lease(let command): return try run(command)
    case .upkeep(.raise(let alarm)):
      alarms = (alarms.filter { $0 != alarm } + [alarm]).sorted()
      return .alarms([alarm])
    case .upkeep(.lower(let alarm)):
      let there = alarms.contains(alarm)
      alarms.removeAll { $0 == alarm }
      return .alarms(there ? [alarm] : [])
    case .upkeep(.mark): return .marked
    }
  }

  private func puts(_ request: TxnRequest) -> Bool {
    for operation in request.success + request.failure {
      switch operation {
      case .put: return true
      case .txn(let nested): if puts(nested) { return true }
      case .range, .deleteRange: break
      }
    }
    return false
  }

  private mutating func run(_ command: LeaseCommand) throws(CommandError) -> CommandResult.Answer {
    switch command {
    case .grant(let id, let ttl):
      guard leases[id] == nil else { throw .leaseExists }
      leases[id] = Lease(id: id, grantedTTL: ttl, renewedAt: index)
      return .leaseGrant(id: id, ttl: ttl)
    case .revoke(let id):
      guard leases[id] != nil else { throw .leaseNotFound }
      end(id)
      return .leaseRevoke
    case .keepAlive(let id):
      guard let lease = leases[id] else { return .leaseKeepAlive(id: id, ttl: 0) }
      leases[id] = Lease(id: id, grantedTTL: lease.grantedTTL, renewedAt: index)
      return .leaseKeepAlive(id: id, ttl: lease.grantedTTL)
    case .expire(let id, let asOf):
      if let lease = leases[id], lease.renewedAt <= asOf { end(id) }
    case .tick(let tick):
      leaseTime = max(leaseTime, tick.time)
      for date in tick.dates {
        if let lease = leases[date.id], lease.renewedAt <= tick.asOf {
          leases[date.id]?.expiry = date.expiry
        }
      }
    }
    return .leaseTime
  }

  /// Deletes what hangs on the lease, by key, and the lease.
  private mutating func end(_ id: Int64) {
    let first = rows.count
    for row in live(at: revision) where row.lease == id {
      rows.append(
        Row(
          number: Int64(rows.count) + 1, modRevision: revision + 1,
          subRevision: Int64(rows.count - first), key: row.key, value: [], createRevision: 0,
          version: 0, lease: 0))
    }
    leases[id] = nil
  }

  private func check(
    _ request: TxnRequest, _ before: Model, puts: Bool
  ) throws(CommandError) {
    for operation in before.succeeds(request) ? request.success : request.failure {
      switch operation {
      case .put(let put) where puts:
        if put.ignoreValue || put.ignoreLease,
          before.live(in: KeyRange(key: put.key), at: before.revision).isEmpty
        {
          throw .keyNotFound
        }
        if put.lease != 0, before.leases[put.lease] == nil { throw .leaseNotFound }
      case .range(let range) where !puts && range.revision != 0:
        if range.revision > before.revision { throw .futureRevision }
        if range.revision < before.compactRevision { throw .compacted }
      case .txn(let nested): try check(nested, before, puts: puts)
      case .put, .range, .deleteRange: break
      }
    }
  }

  private mutating func perform(
    _ request: TxnRequest, _ before: Model
  ) throws(CommandError) -> TxnResponse {
    let succeeded = before.succeeds(request)
    var responses: [OperationResponse] = []
    let first = before.rows.count
    for operation in succeeded ? request.success : request.failure {
      let current = before.revision + (rows.count > first ? 1 : 0)
      switch operation {
      case .put(let put):
        responses.append(
          .put(self.put(put, begin: before.revision, sub: Int64(rows.count - first))))
      case .deleteRange(let deletion):
        responses.append(.deleteRange(delete(deletion, begin: before.revision, first: first)))
      case .range(let range):
        responses.append(.range(try self.range(range, current: current)))
      case .txn(let nested):
        responses.append(.txn(try perform(nested, before)))
      }
    }
    return TxnResponse(succeeded: succeeded, responses: responses)
  }

  private mutating func put(_ request: PutRequest, begin: Int64, sub: Int64) -> PutResponse {
    let previous = live(in: KeyRange(key: request.key), at: begin + 1).first
    rows.append(
      Row(
        number: Int64(rows.count) + 1, modRevision: begin + 1, subRevision: sub,
        key: request.key, value: request.ignoreValue ? previous?.value ?? [] : request.value,
        createRevision: previous?.createRevision ?? begin + 1,
        version: (previous?.version ?? 0) + 1,
        lease: request.ignoreLease ? previous?.lease ?? 0 : request.lease))
    return PutResponse(previous: request.previousPair ? previous : nil, revision: begin + 1)
  }

  private mutating func delete(
    _ request: DeleteRangeRequest, begin: Int64, first: Int
  ) -> DeleteRangeResponse {
    let doomed = live(in: request.range, at: begin + 1)
    for row in doomed {
      rows.append(
        Row(
          number: Int64(rows.count) + 1, modRevision: begin + 1,
          subRevision: Int64(rows.count - first), key: row.key, value: [], createRevision: 0,
          version: 0, lease: 0))
    }
    return DeleteRangeResponse(
      deleted: Int64(doomed.count), previous: request.previousPairs ? doomed : [],
      revision: begin + (rows.count > first ? 1 : 0))
  }

  private func succeeds(_ request: TxnRequest) -> Bool {
    request.compares.allSatisfy { compare in
      let pairs = live(in: compare.range, at: revision)
      guard pairs.isEmpty else { return pairs.allSatisfy { holds(compare, $0) } }
      if case .value = compare.target { return false }
      let missing = Row(
        number: 0, modRevision: 0, subRevision: 0, key: [], value: [], createRevision: 0,
        version: 0, lease: 0)
      return holds(compare, missing)
    }
  }

  private func holds(_ compare: Compare, _ row: Row) -> Bool {
    let (isLess, isEqual): (Bool, Bool) =
      switch compare.target {
      case .version(let wanted): (row.version < wanted, row.version == wanted)
      case .createRevision(let wanted): (row.createRevision < wanted, row.createRevision == wanted)
      case .modRevision(let wanted): (row.modRevision < wanted, row.modRevision == wanted)
      case .lease(let wanted): (row.lease < wanted, row.lease == wanted)
      case .value(let wanted):
        (row.value.lexicographicallyPrecedes(wanted), row.value == wanted)
      }
    switch compare.relation {
    case .equal: return isEqual
    case .notEqual: return !isEqual
    case .less: return isLess
    case .greater: return !isLess && !isEqual
    }
  }

  /// What compaction at the compact revision keeps, and everything after it.
  var kept: [Row] {
    var newest: [[UInt8]: Row] = [:]
    for row in rows where row.modRevision <= compactRevision { newest[row.key] = row }
    return rows.filter { row in
      row.modRevision > compactRevision
        || newest[row.key] == row
          && !(row.isTombstone && row.modRevision < compactRevision)
    }
  }
}
