import Testing

@testable import KeyValue

/// What entries do to leases and their keys (etcd lease/lessor.go, apply.go).
@Suite struct LeaseTests {
  private let table = Table()

  private func put(_ key: String, lease: Int64 = 0) -> PutRequest {
    var request = PutRequest(key: [UInt8](key), value: [UInt8]("v"))
    request.lease = lease
    return request
  }

  private func grant(_ store: inout Store, _ id: Int64, ttl: Int64 = 60) throws {
    let answer = try store.run(.lease(.grant(id: id, ttl: ttl)), table).result.answer
    #expect(answer == .leaseGrant(id: id, ttl: ttl))
  }

  private func keys(_ store: Store) throws -> String {
    var cache = RowCache(limitBytes: 0)
    let all = RangeRequest(range: .everything)
    return try store.readView.range(all, cache: &cache, reading: table).get().pairs
      .map { String(decoding: $0.key, as: UTF8.self) }.joined(separator: " ")
  }

  private func attached(_ store: Store, _ id: Int64) -> String {
    store.keys(onLease: id).map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
  }

  @Test func `an id is granted once, until the lease has ended`() throws {
    var store = Store(generation: 1)
    try grant(&store, 7)
    let again = try store.run(.lease(.grant(id: 7, ttl: 5)), table).result
    #expect(again == CommandResult(revision: 1, answer: .failed(.leaseExists)))
    #expect(try store.run(.lease(.revoke(id: 7)), table).result.answer == .leaseRevoke)
    let gone = try store.run(.lease(.revoke(id: 7)), table).result.answer
    #expect(gone == .failed(.leaseNotFound))
    try grant(&store, 7)
  }

  @Test func `a key hangs only on a lease that exists, in a transaction too`() throws {
    var store = Store(generation: 1)
    var txn = TxnRequest()
    txn.success = [.put(put("a")), .put(put("b", lease: 7))]
    for _ in 0..<2 {
      let plain = try store.run(.put(put("a", lease: 7)), table).result.answer
      #expect(plain == .failed(.leaseNotFound))
      #expect(try store.run(.txn(txn), table).result.answer == .failed(.leaseNotFound))
      #expect(try keys(store) == "")
      try grant(&store, 8)
      _ = try store.run(.lease(.revoke(id: 8)), table)
    }
    try grant(&store, 7)
    _ = try store.run(.txn(txn), table)
    #expect(attached(store, 7) == "b")
  }

  @Test func `a revocation deletes the keys in one revision, in their order, and no others`() throws
  {
    var store = Store(generation: 1)
    try grant(&store, 7)
    try grant(&store, 8)
    for key in ["d", "b", "c", "a"] { _ = try store.run(.put(put(key, lease: 7)), table) }
    _ = try store.run(.put(put("x", lease: 8)), table)
    _ = try store.run(.put(put("c")), table)
    let applied = try store.run(.lease(.revoke(id: 7)), table)
    #expect(applied.result == CommandResult(revision: 8, answer: .leaseRevoke))
    #expect(applied.changes.map { String(decoding: $0.row.key, as: UTF8.self) } == ["a", "b", "d"])
    #expect(applied.changes.map(\.row.subRevision) == [0, 1, 2])
    #expect(applied.changes.allSatisfy { $0.row.isTombstone && $0.row.modRevision == 8 })
    #expect(applied.leases == [.removed(id: 7)])
    #expect(try keys(store) == "c x")
    // Without keys there is nothing to number.
    try grant(&store, 7)
    #expect(try store.run(.lease(.revoke(id: 7)), table).result.revision == 8)
  }

  @Test func `the lease of a key goes with each put and ends with the key`() throws {
    var store = Store(generation: 1)
    try grant(&store, 7)
    try grant(&store, 8)
    _ = try store.run(.put(put("k", lease: 7)), table)
    var keep = put("k")
    keep.ignoreLease = true
    _ = try store.run(.put(keep), table)
    #expect(attached(store, 7) == "k")
    _ = try store.run(.put(put("k", lease: 8)), table)
    #expect(attached(store, 7) == "" && attached(store, 8) == "k")
    _ = try store.run(.deleteRange(DeleteRangeRequest(range: KeyRange("k"))), table)
    #expect(attached(store, 8) == "")
    _ = try store.run(.put(put("k")), table)
    _ = try store.run(.lease(.revoke(id: 8)), table)
    #expect(try keys(store) == "k")
  }

  @Test func `a keep-alive gives all of the time back, and tells an unknown lease by zero`() throws
  {
    var store = Store(generation: 1)
    let unknown = try store.run(.lease(.keepAlive(id: 7)), table)
    #expect(unknown.result.answer == .leaseKeepAlive(id: 7, ttl: 0))
    #expect(unknown.leases.isEmpty)
    try grant(&store, 7)
    let tick = LeaseTick(time: 500, asOf: 2, dates: [.init(id: 7, expiry: 60_000)])
    _ = try store.run(.lease(.tick(tick)), table)
    #expect(
      store.leaseImage
        == LeaseImage(
          time: 500, leases: [Lease(id: 7, grantedTTL: 60, renewedAt: 2, expiry: 60_000)]))
    let kept = try store.run(.lease(.keepAlive(id: 7)), table)
    #expect(kept.result.answer == .leaseKeepAlive(id: 7, ttl: 60))
    #expect(store.leaseImage.leases == [Lease(id: 7, grantedTTL: 60, renewedAt: 4)])
  }

  /// The leader decides by what it has applied; a keep-alive may lie between that and its entry.
  @Test func `what was kept alive meanwhile is neither ended nor dated`() throws {
    var store = Store(generation: 1)
    try grant(&store, 7)
    _ = try store.run(.lease(.keepAlive(id: 7)), table)
    let tick = LeaseTick(time: 500, asOf: 1, dates: [.init(id: 7, expiry: 900)])
    _ = try store.run(.lease(.tick(tick)), table)
    _ = try store.run(.lease(.expire(id: 7, asOf: 1)), table)
    #expect(
      store.leaseImage
        == LeaseImage(time: 500, leases: [Lease(id: 7, grantedTTL: 60, renewedAt: 2)]))
    _ = try store.run(.put(put("k", lease: 7)), table)
    let expired = try store.run(.lease(.expire(id: 7, asOf: 2)), table)
    #expect(expired.changes.map(\.row.isTombstone) == [true])
    #expect(expired.leases == [.removed(id: 7)])
    _ = try store.run(.lease(.expire(id: 7, asOf: 99)), table)
    #expect(store.leaseImage.leases.isEmpty)
  }

  @Test func `leases and what hangs on them come back from the table`() throws {
    var store = Store(generation: 1)
    try grant(&store, 7)
    try grant(&store, 8)
    for key in ["a", "b", "c"] { _ = try store.run(.put(put(key, lease: 7)), table) }
    store.flush(to: table)
    _ = try store.run(.put(put("b")), table)
    _ = try store.run(.deleteRange(DeleteRangeRequest(range: KeyRange("c"))), table)
    _ = try store.run(.lease(.revoke(id: 8)), table)
    _ = try store.run(
      .lease(.tick(LeaseTick(time: 9, asOf: 2, dates: [.init(id: 7, expiry: 11)]))), table)
    store.flush(to: table)
    var again = try table.load()
    #expect(again.leaseImage == store.leaseImage)
    #expect(again.leaseImage.leases.map(\.id) == [7])
    #expect(again.meta == store.meta)
    #expect(attached(again, 7) == "a")
    _ = try again.run(.lease(.revoke(id: 7)), table)
    #expect(try keys(again) == "b")
  }

  @Test func `a table without one of its leases is refused`() throws {
    var store = Store(generation: 1)
    try grant(&store, 7)
    store.flush(to: table)
    func load(_ leases: [Lease]) throws {
      var loader = StoreLoader(meta: table.meta, generation: 1)
      for lease in leases { loader.add(lease) }
      _ = try loader.finish()
    }
    var lease = Lease(id: 7, grantedTTL: 60, renewedAt: 1)
    try load([lease])
    #expect(throws: StoreDamage.self) { try load([]) }
    lease.expiry = 1
    #expect(throws: StoreDamage.self) { try load([lease]) }
  }

  /// Between two flushes a lease may change often, and a batch may end in the past.
  @Test func `a batch holds the leases as of its own end`() throws {
    var store = Store(generation: 1)
    for round in 0..<3_000 {
      try grant(&store, 1 + Int64(round % 7))
      _ = try store.run(.lease(.revoke(id: 1 + Int64(round % 7))), table)
    }
    try grant(&store, 9)
    // Each batch is checked against its own meta.
    for _ in 0..<1_000 where table.meta != store.meta { store.flush(to: table, limitBytes: 1) }
    #expect(table.meta == store.meta)
    #expect(table.leases.keys.sorted() == [9])
  }

  @Test func `two states that differ in a lease alone have different digests`() throws {
    var stores = [Store(generation: 1), Store(generation: 1)]
    for slot in 0..<2 { try grant(&stores[slot], 7, ttl: 60 + Int64(slot)) }
    #expect(stores[0].meta.stateDigest != stores[1].meta.stateDigest)
    let clock = StateMeta(leases: LeaseMeta(time: 5))
    #expect(clock.stateDigest != StateMeta().stateDigest)
  }
}
