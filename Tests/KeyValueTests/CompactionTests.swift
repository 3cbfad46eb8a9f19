import Testing

@testable import KeyValue

@Suite struct CompactionTests {
  private let table = Table()

  private func store(_ commands: [Command]) throws -> Store {
    var store = Store(generation: 1)
    for command in commands { _ = try store.run(command, table) }
    store.flush(to: table)
    return store
  }

  private func put(_ key: String, _ value: String) -> Command {
    .put(PutRequest(key: [UInt8](key), value: [UInt8](value)))
  }

  private func delete(_ key: String) -> Command {
    .deleteRange(DeleteRangeRequest(range: KeyRange(key)))
  }

  /// etcd kvstore.go updateCompactRev, seen on etcd 3.4.
  @Test func `compaction is refused below the last one and beyond the present`() throws {
    var store = try store([put("a", "1"), put("a", "2")])
    let cases: [(Int64, CommandResult.Answer)] = [
      (-1, .failed(.compacted)), (4, .failed(.futureRevision)), (0, .compaction),
      (0, .failed(.compacted)), (2, .compaction), (2, .failed(.compacted)), (3, .compaction),
    ]
    for (revision, answer) in cases {
      let applied = try store.run(.compaction(revision: revision), table)
      #expect(applied.result == CommandResult(revision: 3, answer: answer), "at \(revision)")
    }
  }

  /// A table that lacks rows must say itself that they were compacted.
  @Test func `rows wait for the compaction to be in the table`() throws {
    var store = try store([put("a", "1"), put("a", "2")])
    _ = try store.run(.compaction(revision: 3), table)
    #expect(try !store.purge(limitRows: 9, reading: table))
    store.flush(to: table)
    #expect(table.rows.count == 2)
    while try store.purge(limitRows: 9, reading: table) {}
    store.flush(to: table)
    #expect(table.rows.count == 1)
  }

  @Test func `rows wait for the read views that were taken before`() throws {
    var store = try store([put("a", "1"), put("a", "2"), put("b", "1"), delete("b")])
    let old = store.readView
    _ = try store.run(.compaction(revision: 5), table)
    #expect(try !store.purge(limitRows: 9, reading: table), "the compaction is not flushed yet")
    #expect(store.needsPurge)
    store.flush(to: table)
    #expect(try !store.purge(limitRows: 9, reading: table))
    var request = RangeRequest(range: .everything)
    request.revision = 2
    var cache = RowCache(limitBytes: 0)
    let answer = try old.range(request, cache: &cache, reading: table).get()
    #expect(answer.pairs.map(\.text) == ["a=1@2"])
    #expect(table.rows.count == 4)
  }

  @Test func `without them only what can still be read stays`() throws {
    var store = try store([put("a", "1"), put("a", "2"), put("b", "1"), delete("b")])
    _ = try store.run(.compaction(revision: 5), table)
    store.flush(to: table)
    let current = store.readView
    while try store.purge(limitRows: 1, reading: table) { store.flush(to: table) }
    store.flush(to: table)
    // And the deletion at the compacted revision: a watch may begin with it.
    #expect(table.inOrder.map(\.text) == ["a=2@3", "b=@5"])
    #expect(table.meta.purgedRevision == 5)
    #expect(!store.needsPurge)
    var cache = RowCache(limitBytes: 0)
    let answer = try current.range(
      RangeRequest(range: .everything), cache: &cache, reading: table
    ).get()
    #expect(answer.pairs.map(\.text) == ["a=2@3"])
    #expect(store.meta.digest == current.meta.digest, "the digest knows nothing of compaction")
  }

  /// A page of the table holds a dozen rows: by key, each row would be another page to write.
  @Test func `rows go in the order in which they lie in the table`() throws {
    var dice = Dice(seed: 9)
    var store = try store((0..<3_000).map { put("k\(dice.below(700))", "\($0)") })
    _ = try store.run(.compaction(revision: store.meta.revision), table)
    store.flush(to: table)
    var first = table.inOrder[0].number
    while try store.purge(limitRows: 50, reading: table) {
      let before = Set(table.inOrder.map(\.number))
      store.flush(to: table)
      let gone = before.subtracting(table.inOrder.map(\.number)).sorted()
      #expect(gone.count <= 50)
      #expect(gone.allSatisfy { $0 >= first })
      first = gone.last ?? first
    }
    store.flush(to: table)
    #expect(table.rows.count == Set(table.inOrder.map(\.key)).count)
  }

  @Test func `a purge that a crash interrupts begins again`() throws {
    var store = try store((0..<50).map { put("k\($0 % 5)", "\($0)") })
    _ = try store.run(.compaction(revision: 51), table)
    store.flush(to: table)
    #expect(try store.purge(limitRows: 7, reading: table))
    store.flush(to: table)
    store = try table.load()
    #expect(store.needsPurge)
    while try store.purge(limitRows: 7, reading: table) {}
    store.flush(to: table)
    #expect(table.inOrder.map(\.number) == [46, 47, 48, 49, 50])
  }
}

/// The same commands were given to etcd 3.4.23, which answered these hashes.
@Suite struct RevisionHasherTests {
  @Test func `hashes are etcd's, compaction included`() throws {
    let table = Table()
    var store = Store(generation: 1)
    func run(_ commands: Command...) throws {
      for command in commands { _ = try store.run(command, table) }
    }
    func hash(_ revision: Int64 = 0) throws -> UInt32 {
      store.flush(to: table)
      var hasher = try RevisionHasher(readView: store.readView, revision: revision)
      for row in table.inOrder where row.number <= hasher.lastRow { hasher.add(row) }
      return hasher.finish()
    }
    func put(_ key: String, _ value: String) -> PutRequest {
      PutRequest(key: [UInt8](key), value: [UInt8](value))
    }
    func delete(_ key: String, _ end: String = "") -> DeleteRangeRequest {
      DeleteRangeRequest(range: KeyRange(key, end))
    }
    #expect(try hash() == 1_084_519_789)
    var txn = TxnRequest()
    txn.success = [.put(put("d", "x")), .put(put("e", "y")), .deleteRange(delete("a"))]
    try run(
      .put(put("a", "1")), .put(put("b", "two")), .put(put("a", "3")), .deleteRange(delete("b")),
      .put(put("c", "")), .txn(txn))
    #expect(store.meta.revision == 7)
    #expect(try hash() == 3_142_530_353)
    #expect(try hash(4) == 2_207_123_797)
    try run(.compaction(revision: 5))
    #expect(try hash() == 1_279_241_262)
    #expect(throws: CommandError.compacted) { try hash(5) }
    #expect(throws: CommandError.futureRevision) { try hash(8) }
    while try store.purge(limitRows: 1, reading: table) { store.flush(to: table) }
    #expect(try hash() == 1_279_241_262)
    try run(.deleteRange(delete("\0", "\0")))
    #expect(try hash() == 2_673_903_160)
    try run(.compaction(revision: 8))
    #expect(try hash() == 1_084_519_789)
  }
}
