import Testing

@testable import KeyValue

/// Ranges that are resolved first and read later, perhaps on another thread.
@Suite struct ResolvedRangeTests {
  /// A store whose rows are partly in the table alone, and which ones is as the seed says.
  private func mixed(_ dice: inout Dice, _ table: Table) throws -> Store {
    var settings = StoreSettings()
    settings.recentLimitBytes = 0
    var store = Store(generation: 1, settings: settings)
    for round in 0..<4 {
      for key in 0..<60 where round == 0 || dice.once(in: 3) {
        let value = [UInt8]("\(round)/\(key)".utf8)
        _ = try store.run(.put(PutRequest(key: [UInt8(key)], value: value)), table)
        if round == 2 && key == 30 { store.flush(to: table) }
      }
      if round < 2 { store.flush(to: table) }
    }
    return store
  }

  @Test(arguments: UInt64(1)...20)
  func `a scan shows the rows that a response has, in its order`(seed: UInt64) throws {
    var dice = Dice(seed: seed)
    let table = Table()
    let readView = try mixed(&dice, table).readView
    var request = RangeRequest(range: KeyRange(key: [0], end: [0]))
    request.limit = dice.pick([0, 20, 59])
    request.sortOrder = dice.pick([.none, .ascend, .descend])
    request.sortTarget = dice.pick([.key, .mod, .version])
    request.keysOnly = dice.once(in: 4)
    let range = try readView.resolve(request).get()
    #expect(range.isScan)
    #expect(!range.isInMemory)
    var cache = RowCache(limitBytes: 0)
    let expected = try readView.range(request, cache: &cache, reading: table).get()
    var shown: [Row] = []
    try range.scan(reading: table) { shown.append(Row($0, key: $1, value: $2)) }
    #expect(shown == expected.pairs)
    #expect(range.more == expected.more && range.count == expected.count)
    #expect(try range.response(cache: &cache, reading: table) == expected)
  }

  @Test func `a scan of what is in memory needs no table`() throws {
    let table = Table()
    var store = Store(generation: 1)
    for key in 0..<40 {
      _ = try store.run(.put(PutRequest(key: [UInt8(key)], value: [1])), table)
    }
    let request = RangeRequest(range: KeyRange(key: [0], end: [0]))
    let range = try store.readView.resolve(request).get()
    #expect(range.isScan && range.isInMemory)
    var count = 0
    try range.scan(reading: nil) { _, _, _ in count += 1 }
    #expect(count == 40)
  }

  /// It was resolved at one moment and is that moment's, whenever it is read.
  @Test func `what is written and compacted meanwhile changes nothing of it`() throws {
    var dice = Dice(seed: 3)
    let table = Table()
    var store = try mixed(&dice, table)
    let request = RangeRequest(range: KeyRange(key: [0], end: [0]))
    let range = try store.readView.resolve(request).get()
    var cache = RowCache(limitBytes: 0)
    let expected = try range.response(cache: &cache, reading: table).pairs
    for key in 0..<60 {
      _ = try store.run(.put(PutRequest(key: [UInt8(key)], value: [9])), table)
    }
    _ = try store.run(.compaction(revision: store.meta.revision), table)
    store.flush(to: table)
    while try store.purge(limitRows: 1_000, reading: table) {}
    store.flush(to: table)
    var shown: [Row] = []
    try range.scan(reading: table) { shown.append(Row($0, key: $1, value: $2)) }
    #expect(shown == expected)
  }

  @Test func `rows that the table leaves out, and a table that fails, end a scan`() throws {
    var dice = Dice(seed: 4)
    let table = Table()
    let readView = try mixed(&dice, table).readView
    let request = RangeRequest(range: KeyRange(key: [0], end: [0]))
    let range = try readView.resolve(request).get()
    #expect(throws: StoreDamage.self) { try range.scan(reading: Forgetful(table)) { _, _, _ in } }
    table.isBroken = true
    #expect(throws: Table.Lost.self) { try range.scan(reading: table) { _, _, _ in } }
  }

  @Test func `few rows, and rows in the order of their values, are no scan`() throws {
    var dice = Dice(seed: 5)
    let readView = try mixed(&dice, Table()).readView
    var request = RangeRequest(range: KeyRange(key: [0], end: [16]))
    #expect(try !readView.resolve(request).get().isScan)
    request.range.end = [0]
    request.sortTarget = .value
    #expect(try !readView.resolve(request).get().isScan)
  }

  @Test func `a range at a revision that is not there is refused at once`() throws {
    var dice = Dice(seed: 6)
    let readView = try mixed(&dice, Table()).readView
    var request = RangeRequest(range: KeyRange(key: [0], end: [0]))
    request.revision = readView.revision + 1
    #expect(throws: CommandError.futureRevision) { try readView.resolve(request).get() }
  }
}

/// Leaves out the last row that it is asked for.
private struct Forgetful: RowReading {
  let table: Table

  init(_ table: Table) { self.table = table }

  func rows(numbered numbers: [RowNumber]) throws -> [Row] {
    try table.rows(numbered: numbers.dropLast())
  }
}
