import KeyValue
import Raft
import Testing

@testable import Storage

/// Raft §7: a snapshot goes out in checked chunks, and counts only once all of it is durable.
@Suite struct `a snapshot` {
  typealias Kind = StoreUnderTest.Kind

  /// A state with rows, some of them already removed, as of entry 20 of term 2.
  private func source() throws -> (any StateStore, Batches) {
    let member = try StoreUnderTest(.memory)
    var batches = Batches()
    let state = try member.store.openState()
    for index in UInt64(1)...19 {
      try state.flush(batches.put(["key \(index)", "other"], index: index, term: 2))
    }
    try state.flush(batches.remove([2, 5, 7]))
    try state.flush(batches.put(["last"], index: 20, term: 2))
    return (state, batches)
  }

  /// Whoever uses a generation opens further readers of it until it has moved, and a second
  /// snapshot may be installed before that.
  @Test(arguments: Kind.allCases)
  func `keeps the generation that is in use, whatever is installed by then`(kind: Kind) throws {
    let chunks = try source().0.openSnapshot().drain()
    let member = try StoreUnderTest(kind)
    try member.store.log.form(Sample.base)
    try member.store.log.commit([Sample.write(Sample.entries(1, 1...5), term: 2)])
    let used = try member.store.openState()
    let sink = try member.store.receiveSnapshot()
    for chunk in chunks { try sink.receive(chunk) }
    _ = try sink.finish()
    try member.store.log.commit([Sample.write(install: Sample.base(2, 20))])
    try member.store.removeGenerations(before: used.generation)
    let reader = try used.openReader()
    #expect(try reader.rows(from: 1, limit: 1).isEmpty)
    reader.close()
    try used.close()
  }

  @Test(arguments: Kind.allCases)
  func `arrives, is installed in one step, and replaces the state`(kind: Kind) throws {
    let (state, batches) = try source()
    let chunks = try state.openSnapshot().drain()
    #expect(chunks.count > 5)
    let member = try StoreUnderTest(kind)
    try member.store.log.form(Sample.base)
    try member.store.log.commit([Sample.write(Sample.entries(1, 1...5), term: 2)])
    let sink = try member.store.receiveSnapshot()
    for chunk in chunks { try sink.receive(chunk) }
    #expect(try sink.finish() == batches.meta)
    #expect(member.store.log.generation == 1)
    try member.store.log.commit([Sample.write(install: Sample.base(2, 20))])
    #expect(member.store.log.generation == 2)
    for _ in 0..<2 {
      let recovered = try #require(try member.store.log.recover())
      #expect(recovered.base == Sample.base(2, 20))
      #expect(recovered.entries == [])
      #expect(recovered.hardState.currentTerm == Term(2))
      let installed = try member.store.openState()
      #expect(installed.generation == 2)
      #expect(try installed.scannedRows() == batches.rows)
      #expect(try member.store.recover(with: installed)?.applied == LogIndex(20))
      try installed.close()
      try member.store.removeGenerations(before: installed.generation)
      try member.restart()
    }
  }

  @Test(arguments: Kind.allCases)
  func `keeps the entries after it when the log agrees with it`(kind: Kind) throws {
    let (state, _) = try source()
    let member = try StoreUnderTest(kind)
    try member.store.log.form(Sample.base)
    try member.store.log.commit([Sample.write(Sample.entries(2, 1...25), term: 2)])
    let sink = try member.store.receiveSnapshot()
    for chunk in try state.openSnapshot().drain() { try sink.receive(chunk) }
    _ = try sink.finish()
    try member.store.log.commit([Sample.write(install: Sample.base(2, 20))])
    try member.restart()
    #expect(try member.store.log.recover()?.entries == Sample.entries(2, 21...25))
  }

  @Test(arguments: Kind.allCases)
  func `drops entries of another term at its end`(kind: Kind) throws {
    let (state, _) = try source()
    let member = try StoreUnderTest(kind)
    try member.store.log.form(Sample.base)
    try member.store.log.commit([Sample.write(Sample.entries(1, 1...25), term: 2)])
    let sink = try member.store.receiveSnapshot()
    for chunk in try state.openSnapshot().drain() { try sink.receive(chunk) }
    _ = try sink.finish()
    try member.store.log.commit([
      Sample.write(install: Sample.base(2, 20)), Sample.write([Sample.entry(2, 21)]),
    ])
    try member.restart()
    #expect(try member.store.log.recover()?.entries == [Sample.entry(2, 21)])
  }

  @Test(arguments: Kind.allCases)
  func `is refused when a chunk is lost, repeated, cut or changed`(kind: Kind) throws {
    let (state, batches) = try source()
    let chunks = try state.openSnapshot().drain()
    var bent = chunks[2]
    bent[40] ^= 4
    let streams: [[[UInt8]]] = [
      Array(chunks.dropLast()), [chunks[0]] + chunks[2...], [chunks[0], chunks[0]] + chunks[1...],
      chunks[..<2] + [bent] + chunks[3...], chunks[..<2] + [Array(chunks[2].dropLast())],
      Array(chunks.dropFirst()), chunks + [chunks[1]], [[]],
    ]
    let member = try StoreUnderTest(kind)
    try member.store.log.form(Sample.base)
    for stream in streams {
      let sink = try member.store.receiveSnapshot()
      let error = #expect(throws: StorageError.self) {
        for chunk in stream { try sink.receive(chunk) }
        _ = try sink.finish()
      }
      guard case .snapshotRefused = error else {
        Issue.record("not refused but \(error.map(String.init(describing:)) ?? "taken")")
        continue
      }
      sink.abandon()
    }
    // Nothing of it has harmed the member, and a whole one is still taken.
    let sink = try member.store.receiveSnapshot()
    for chunk in chunks { try sink.receive(chunk) }
    #expect(try sink.finish() == batches.meta)
  }

  @Test(arguments: Kind.allCases)
  func `shows the state at its beginning and holds compaction`(kind: Kind) throws {
    let member = try StoreUnderTest(kind)
    var batches = Batches()
    let state = try member.store.openState()
    try state.flush(batches.put((1...20).map { "key \($0)" }, index: 1))
    let snapshot = try state.openSnapshot()
    #expect(state.isCompactionHeld)
    let first = try snapshot.next(limitBytes: 256)
    try state.flush(batches.put(["later"], index: 2))
    var reader = SnapshotReader()
    _ = try reader.take(try #require(first))
    var rows: [Row] = []
    while let chunk = try snapshot.next(limitBytes: 256) { rows += try reader.take(chunk).rows }
    #expect(try reader.finish().appliedIndex == 1)
    #expect(rows == Array(batches.rows.dropLast()))
    snapshot.close()
    #expect(!state.isCompactionHeld)
    try state.flush(batches.remove([4]))
    #expect(try state.scannedRows() == batches.rows)
  }

  @Test(arguments: Kind.allCases)
  func `of nothing is whole, and a row above the limit travels alone`(kind: Kind) throws {
    let member = try StoreUnderTest(kind)
    let state = try member.store.openState()
    #expect(try state.openSnapshot().drain().count == 2)
    var batches = Batches()
    try state.flush(batches.put(["large"], index: 1, valueBytes: 100_000))
    try state.flush(batches.put(["small"], index: 2))
    #expect(try state.openSnapshot().drain(limitBytes: 1_000).map(\.count).max()! > 100_000)
  }
}
