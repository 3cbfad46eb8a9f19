import Testing

@testable import KeyValue

@Suite struct FlushTests {
  private func put(_ key: String, _ size: Int) -> Command {
    .put(PutRequest(key: [UInt8](key), value: [UInt8](repeating: 1, count: size)))
  }

  /// S1: applied index and rows change together.
  @Test func `a batch ends with a whole entry and carries that entry's meta`() throws {
    let table = Table()
    var store = Store(generation: 1)
    var ends: [UInt64: StateMeta] = [:]
    var request = TxnRequest()
    for entry in 0..<40 {
      request.success = (0..<20).map { slot in
        .put(
          PutRequest(key: [UInt8]("\(entry)/\(slot)"), value: [UInt8](repeating: 1, count: 1000)))
      }
      _ = try store.run(.txn(request), table)
      ends[store.meta.appliedIndex] = store.meta
    }
    var batches = 0
    while let batch = store.takeFlushBatch(limitBytes: 100 << 10) {
      #expect(batch.meta == ends[batch.meta.appliedIndex])
      #expect(batch.rows.last?.number == batch.meta.lastRow)
      #expect(batch.rows.reduce(0) { $0 + $1.memoryBytes } <= 100 << 10)
      #expect(store.takeFlushBatch(limitBytes: .max / 2) == nil, "one batch at a time")
      table.write(batch)
      store.flushed(through: batch.meta.appliedIndex)
      batches += 1
    }
    #expect(batches > 5)
    #expect(table.meta == store.meta)
    #expect(store.overlayBytes == 0)
  }

  @Test func `an entry without rows is flushed too`() throws {
    let table = Table()
    var store = Store(generation: 1)
    store.skip(index: 1, term: 1)
    store.flush(to: table)
    #expect(table.meta.appliedIndex == 1)
    #expect(store.takeFlushBatch(limitBytes: 1000) == nil)
  }

  @Test func `the store is full until the flusher reports`() throws {
    let table = Table()
    var settings = StoreSettings()
    settings.overlayLimitBytes = 3000
    var store = Store(generation: 1, settings: settings)
    for key in ["a", "b", "c"] { _ = try store.run(put(key, 1000), table) }
    #expect(store.isFull)
    let taken = store.takeFlushBatch(limitBytes: .max / 2)
    let batch = try #require(taken)
    #expect(store.isFull)
    table.write(batch)
    store.flushed(through: batch.meta.appliedIndex)
    #expect(!store.isFull)
  }

  @Test func `rows applied while the flusher writes stay until they are written`() throws {
    let table = Table()
    var settings = StoreSettings()
    settings.recentLimitBytes = 0
    var store = Store(generation: 1, settings: settings)
    for round in 0..<5 {
      for number in 0..<50 { _ = try store.run(put("\(round)/\(number)", 10), table) }
      let batch = store.takeFlushBatch(limitBytes: .max / 2)
      for number in 50..<200 { _ = try store.run(put("\(round)/\(number)", 10), table) }
      let taken = try #require(batch)
      table.write(taken)
      store.flushed(through: taken.meta.appliedIndex)
      #expect(store.state.window.first <= table.meta.lastRow + 1)
    }
    store.flush(to: table)
    #expect(table.meta == store.meta)
    #expect(table.rows.count == 1000)
  }

  @Test func `memory lets flushed rows go, and a reader still finds its own`() throws {
    let table = Table()
    var settings = StoreSettings()
    settings.recentLimitBytes = 0
    settings.cacheLimitBytes = 0
    var store = Store(generation: 1, settings: settings)
    for number in 0..<200 { _ = try store.run(put("\(number)", 100), table) }
    let early = store.readView
    store.flush(to: table)
    for number in 200..<400 { _ = try store.run(put("\(number)", 100), table) }
    store.flush(to: table)
    var cache = RowCache(limitBytes: 0)
    let request = RangeRequest(range: KeyRange("7"))
    guard case .answer = early.range(request, cache: &cache) else {
      Issue.record("a read view lost a row that it held")
      return
    }
    guard case .misses(let missing) = store.readView.range(request, cache: &cache) else {
      Issue.record("memory kept a row beyond its bound")
      return
    }
    #expect(missing == [8])
    #expect(store.state.window.memoryBytes < 32 * 300)
  }

  @Test func `the cache answers what was read once, within its bound`() throws {
    var cache = RowCache(limitBytes: 4000)
    var dice = Dice(seed: 3)
    for number in Int64(1)...500 {
      cache.insert(
        Row(
          number: number, modRevision: 2, subRevision: 0, key: [1],
          value: dice.bytes(dice.below(400)), createRevision: 2, version: 1, lease: 0))
      #expect(cache.memoryBytes <= 4000)
      // What is used again and again stays.
      if number > 1 { #expect(cache.row(1)?.number == 1) }
    }
    #expect(cache.row(2) == nil)
  }

  @Test func `a table that fails while an entry is applied is the caller's to know`() throws {
    let table = Table()
    var settings = StoreSettings()
    settings.recentLimitBytes = 0
    settings.cacheLimitBytes = 0
    var store = Store(generation: 1, settings: settings)
    for number in 0..<100 { _ = try store.run(put("\(number)", 10), table) }
    store.flush(to: table)
    table.isBroken = true
    var request = PutRequest(key: [UInt8]("3"), value: [])
    request.previousPair = true
    #expect(throws: Table.Lost.self) { try store.run(.put(request), table) }
    #expect(!store.isWhole)
  }

  @Test func `a table that contradicts its meta is refused at the start`() throws {
    let table = Table()
    var store = Store(generation: 1)
    for key in ["a", "b", "a", "c"] { _ = try store.run(put(key, 10), table) }
    store.flush(to: table)
    func load(_ change: (inout [Row], inout StateMeta) -> Void) throws {
      var (rows, meta) = (table.inOrder, table.meta)
      change(&rows, &meta)
      var loader = StoreLoader(meta: meta, generation: 1)
      for row in rows { try loader.add(row) }
      _ = try loader.finish()
    }
    try load { _, _ in }
    #expect(throws: StoreDamage.self) { try load { rows, _ in rows.removeLast() } }
    #expect(throws: StoreDamage.self) { try load { rows, _ in rows.swapAt(1, 2) } }
    #expect(throws: StoreDamage.self) { try load { rows, _ in rows[1].value[3] ^= 1 } }
    #expect(throws: StoreDamage.self) { try load { rows, _ in rows[0].key = [9] } }
    #expect(throws: StoreDamage.self) { try load { rows, _ in rows[2].lease = 1 } }
    #expect(throws: StoreDamage.self) { try load { rows, _ in rows[1] = rows[0] } }
    #expect(throws: StoreDamage.self) { try load { _, meta in meta.lastRow -= 1 } }
    #expect(throws: StoreDamage.self) { try load { _, meta in meta.revision -= 1 } }
    #expect(throws: StoreDamage.self) { try load { _, meta in meta.rowCount += 1 } }
  }
}
