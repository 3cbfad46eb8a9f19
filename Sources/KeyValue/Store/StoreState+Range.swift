/// A read resolved by the index alone, before any row was fetched.
struct RangePlan: Sendable {
  /// In the answer's order, unless the rows must be sorted by value first.
  var versions: [KeyVersion] = []
  /// `nil`: no row needs to be sorted by its value.
  var valueOrder: RangeRequest.SortOrder?
  var count = 0
  var more = false
}

extension StoreState {
  /// Answers a range (etcd apply.go Range). `current`: the newest revision that it may see.
  func range(
    _ request: RangeRequest, current: Int64, _ source: inout RowSource
  ) throws(ReadFailure) -> RangeResponse {
    let plan: RangePlan
    do {
      plan = try self.plan(request, current: current)
    } catch {
      throw .refused(error)
    }
    return try response(to: request, plan, current: current, &source)
  }

  /// The answer that a plan made for the request leads to.
  func response(
    to request: RangeRequest, _ plan: RangePlan, current: Int64, _ source: inout RowSource
  ) throws(ReadFailure) -> RangeResponse {
    var pairs = try source.rows(plan.versions.map(\.number), window: window)
    var more = plan.more
    if let order = plan.valueOrder {
      pairs = StoreState.sorted(pairs, byValue: order)
      more = StoreState.cut(&pairs, to: request.limit)
    }
    if request.keysOnly { for slot in pairs.indices { pairs[slot].value = [] } }
    return RangeResponse(
      pairs: pairs, more: more, count: Int64(plan.count), revision: current)
  }

  /// Chooses and orders the versions that the answer consists of.
  func plan(
    _ request: RangeRequest, current: Int64
  ) throws(CommandError) -> RangePlan {
    let revision = try visible(request.revision, current: current)
    guard !request.range.end.isEmpty else { return planPoint(request, at: revision) }
    let bounds = KeyBounds(request.range)
    var plan = RangePlan()
    plan.count = index.count(in: bounds, at: revision)
    guard !request.countOnly else { return plan }

    // As in etcd: only a plain read stops early, and a read with a sort target but no sort order
    // counts as plain. It sorts what it found within the limit.
    let isPlain = request.sortOrder == .none && !request.isFiltered
    let needed = isPlain && request.limit > 0 ? Int(clamping: request.limit) : .max
    if request.sortOrder == .descend, request.sortTarget == .key, !request.isFiltered {
      plan.versions = descending(bounds, at: revision, limit: request.limit, count: plan.count)
      plan.more = request.limit > 0 && plan.count > plan.versions.count
      return plan
    }
    index.visit(bounds, at: revision) { _, _, version in
      if request.admits(version) { plan.versions.append(version) }
      // One more than asked for shows that there is more.
      return plan.versions.count <= needed
    }
    switch (request.sortTarget, request.sortOrder) {
    case (.value, let order):
      plan.valueOrder = order
      return plan
    case (.key, .descend): plan.versions.reverse()
    case (.key, .none), (.key, .ascend): break
    case (.version, let order): plan.sort(order, by: \.version)
    case (.create, let order): plan.sort(order, by: \.createRevision)
    case (.mod, let order): plan.sort(order, by: \.modRevision)
    }
    plan.more = StoreState.cut(&plan.versions, to: request.limit)
    return plan
  }

  private func planPoint(_ request: RangeRequest, at revision: Int64?) -> RangePlan {
    var plan = RangePlan()
    guard let version = index.version(of: request.range.key, at: revision) else { return plan }
    plan.count = 1
    if !request.countOnly, request.admits(version) { plan.versions = [version] }
    return plan
  }

  /// The last keys of a range, from the end; at the newest revision without walking past the rest.
  private func descending(
    _ bounds: KeyBounds, at revision: Int64?, limit: Int64, count: Int
  ) -> [KeyVersion] {
    let needed = limit > 0 ? min(Int(clamping: limit), count) : count
    var bounds = bounds
    if revision == nil, needed < count,
      let start = index.key(ranked: index.rank(of: bounds.lower) + count - needed)
    {
      bounds.lower = start
    }
    var versions: [KeyVersion] = []
    index.visit(bounds, at: revision) { _, _, version in
      versions.append(version)
      return true
    }
    return versions.suffix(needed).reversed()
  }

  /// The revision to read at; `nil`: the newest (etcd kvstore_txn.go rangeKeys).
  private func visible(_ revision: Int64, current: Int64) throws(CommandError) -> Int64? {
    guard revision <= current else { throw .futureRevision }
    guard revision > 0 else { return nil }
    guard revision >= oldestReadable else { throw .compacted }
    return revision == current ? nil : revision
  }

  /// Equal values stay in the order of their keys.
  private static func sorted(_ rows: [Row], byValue order: RangeRequest.SortOrder) -> [Row] {
    rows.indices.sorted { left, right in
      let difference = ByteOrder.compare(rows[left].value, rows[right].value)
      if difference == 0 { return left < right }
      return order == .descend ? difference > 0 : difference < 0
    }.map { rows[$0] }
  }

  /// True when something was cut off. A limit of zero or below: none.
  private static func cut<Element>(_ elements: inout [Element], to limit: Int64) -> Bool {
    guard limit > 0, elements.count > Int(clamping: limit) else { return false }
    elements.removeLast(elements.count - Int(clamping: limit))
    return true
  }
}

extension RangePlan {
  /// Equal versions stay in the order of their keys. No order given counts as ascending.
  fileprivate mutating func sort(
    _ order: RangeRequest.SortOrder, by field: (KeyVersion) -> Int64
  ) {
    let ranked = versions.enumerated().sorted { left, right in
      let (a, b) = (field(left.element), field(right.element))
      if a == b { return left.offset < right.offset }
      return order == .descend ? a > b : a < b
    }
    versions = ranked.map(\.element)
  }
}

extension RangeRequest {
  fileprivate var isFiltered: Bool {
    minModRevision != 0 || maxModRevision != 0 || minCreateRevision != 0 || maxCreateRevision != 0
  }

  fileprivate func admits(_ version: KeyVersion) -> Bool {
    (minModRevision == 0 || version.modRevision >= minModRevision)
      && (maxModRevision == 0 || version.modRevision <= maxModRevision)
      && (minCreateRevision == 0 || version.createRevision >= minCreateRevision)
      && (maxCreateRevision == 0 || version.createRevision <= maxCreateRevision)
  }
}
