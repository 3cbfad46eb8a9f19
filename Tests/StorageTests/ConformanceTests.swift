import KeyValue
import Raft
import Testing

@testable import Storage

/// What every store of a member does, with and without a disk.
@Suite struct `a member's store` {
  typealias Kind = StoreUnderTest.Kind

  @Test(arguments: Kind.allCases)
  func `is not formed until it is told its first members`(kind: Kind) throws {
    let member = try StoreUnderTest(kind)
    #expect(try member.store.log.recover() == nil)
    try member.store.log.form(Sample.base)
    try member.restart()
    let recovered = try #require(try member.store.log.recover())
    #expect(recovered == RecoveredLog(hardState: HardState(), base: Sample.base, entries: []))
    #expect(member.store.identity.incarnation == Incarnation(7))
  }

  @Test(arguments: Kind.allCases)
  func `keeps term, vote and entries over a restart`(kind: Kind) throws {
    let member = try StoreUnderTest(kind)
    try member.store.log.form(Sample.base)
    try member.store.log.commit([
      Sample.write(term: 3, vote: 2), Sample.write(Sample.entries(3, 1...5)),
      Sample.write(Sample.entries(3, 6...7), term: 4),
    ])
    try member.restart()
    let recovered = try #require(try member.store.log.recover())
    #expect(recovered.hardState == HardState(currentTerm: Term(4), votedFor: nil))
    #expect(recovered.entries == Sample.entries(3, 1...7))
  }

  @Test(arguments: Kind.allCases)
  func `replaces a conflicting end, also within one commit`(kind: Kind) throws {
    let member = try StoreUnderTest(kind)
    try member.store.log.form(Sample.base)
    try member.store.log.commit([Sample.write(Sample.entries(1, 1...9), term: 2)])
    try member.store.log.commit([
      Sample.write(Sample.entries(2, 4...8)), Sample.write(Sample.entries(3, 6...7), term: 3),
    ])
    let expected =
      Sample.entries(1, 1...3) + Sample.entries(2, 4...5) + Sample.entries(3, 6...7)
    #expect(try member.store.log.recover()?.entries == expected)
    try member.restart()
    #expect(try member.store.log.recover()?.entries == expected)
  }

  @Test(arguments: Kind.allCases)
  func `ends in an older term after a conflict, and may start there`(kind: Kind) throws {
    let member = try StoreUnderTest(kind)
    try member.store.log.form(Sample.base)
    try member.store.log.commit([
      Sample.write(Sample.entries(1, 1...4) + Sample.entries(2, 5...5), term: 3)
    ])
    try member.store.log.commit([Sample.write([Sample.entry(1, 5)])])
    try member.restart()
    #expect(try member.store.log.recover()?.entries == Sample.entries(1, 1...5))
  }

  @Test(arguments: Kind.allCases)
  func `gives entries from anywhere, within a byte limit, but at least one`(kind: Kind) throws {
    let member = try StoreUnderTest(kind)
    try member.store.log.form(Sample.base)
    for index in stride(from: UInt64(1), through: 40, by: 4) {
      try member.store.log.commit([
        Sample.write(Sample.entries(1, index...index + 3, bytes: 100), term: 1)
      ])
    }
    func fetch(_ first: UInt64, _ last: UInt64, _ limit: Int) throws -> [UInt64] {
      try member.store.log.entries(
        LogFetch(first: LogIndex(first), last: LogIndex(last), limitBytes: limit)
      ).map(\.index.number)
    }
    #expect(try fetch(3, 11, 1 << 20) == Array(3...11))
    #expect(try fetch(39, 60, 1 << 20) == [39, 40])
    #expect(try fetch(7, 40, 1) == [7])
    #expect(try fetch(7, 40, 360) == [7, 8, 9])
    try member.store.log.commit([Sample.write(cut: Sample.base(1, 10))])
    #expect(try fetch(10, 20, 1 << 20) == [])
    #expect(try fetch(11, 13, 1 << 20) == [11, 12, 13])
  }

  @Test(arguments: Kind.allCases)
  func `begins after its base once it was cut`(kind: Kind) throws {
    let member = try StoreUnderTest(kind)
    try member.store.log.form(Sample.base)
    try member.store.log.commit([Sample.write(Sample.entries(1, 1...5), term: 1)])
    try member.store.log.commit([
      Sample.write(Sample.entries(1, 6...9)), Sample.write(cut: Sample.base(1, 7)),
    ])
    try member.restart()
    let recovered = try #require(try member.store.log.recover())
    #expect(recovered.base == Sample.base(1, 7))
    #expect(recovered.entries == Sample.entries(1, 8...9))
    try member.store.log.commit([Sample.write(cut: Sample.base(1, 9))])
    try member.store.log.commit([Sample.write([Sample.entry(2, 10)], term: 2)])
    try member.restart()
    #expect(try member.store.log.recover()?.entries == [Sample.entry(2, 10)])
  }

  @Test(arguments: Kind.allCases)
  func `keeps rows, and removes them, with the applied index`(kind: Kind) throws {
    let member = try StoreUnderTest(kind)
    var batches = Batches()
    let state = try member.store.openState()
    try state.flush(batches.put(["a", "b", "", "c"], index: 3))
    try state.flush(batches.put(["b"], index: 4, valueBytes: 0))
    try state.flush(batches.remove([2]))
    #expect(try state.rows(numbered: [5, 1]) == [batches.rows[3], batches.rows[0]])
    #expect(try state.scannedRows() == batches.rows)
    try state.sync()
    #expect(state.durableApplied == LogIndex(4))
    try state.close()
    try member.restart()
    let again = try member.store.openState()
    #expect(again.meta == batches.meta)
    #expect(again.durableApplied == LogIndex(4))
    #expect(try again.scannedRows() == batches.rows)
  }

  @Test(arguments: Kind.allCases)
  func `reads rows beside the writer`(kind: Kind) throws {
    let member = try StoreUnderTest(kind)
    var batches = Batches()
    let state = try member.store.openState()
    let reader = try state.openReader()
    try state.flush(batches.put((1...200).map { "key \($0)" }, index: 1))
    let numbers = (1...200).reversed().map { RowNumber($0) }
    #expect(try reader.rows(numbered: numbers) == batches.rows.reversed())
    reader.close()
  }

  @Test(arguments: Kind.allCases)
  func `meets its log, or says which of the two is short`(kind: Kind) throws {
    let member = try StoreUnderTest(kind)
    var batches = Batches()
    try member.store.log.form(Sample.base)
    try member.store.log.commit([Sample.write(Sample.entries(1, 1...5), term: 1)])
    let state = try member.store.openState()
    try state.flush(batches.put(["a"], index: 3))
    #expect(try member.store.recover(with: state)?.applied == LogIndex(3))
    try state.flush(batches.put(["a"], index: 6))
    let error = #expect(throws: StorageError.self) { try member.store.recover(with: state) }
    #expect(error?.description.contains("ends at entry 5") == true)
    #expect(throws: StorageError.self) { try member.store.log.commit([]) }
  }

  @Test(arguments: Kind.allCases)
  func `refuses a state that the log has gone past`(kind: Kind) throws {
    let member = try StoreUnderTest(kind)
    try member.store.log.form(Sample.base)
    try member.store.log.commit([Sample.write(Sample.entries(1, 1...5), term: 1)])
    try member.store.log.commit([Sample.write(cut: Sample.base(1, 4))])
    let state = try member.store.openState()
    let error = #expect(throws: StorageError.self) { try member.store.recover(with: state) }
    #expect(error?.description.contains("the log begins after 4") == true)
  }

  @Test(arguments: Kind.allCases)
  func `refuses a state that applied another term's entry`(kind: Kind) throws {
    let member = try StoreUnderTest(kind)
    var batches = Batches()
    try member.store.log.form(Sample.base)
    try member.store.log.commit([Sample.write(Sample.entries(2, 1...5), term: 2)])
    let state = try member.store.openState()
    try state.flush(batches.put(["a"], index: 3, term: 1))
    #expect(throws: StorageError.self) { try member.store.recover(with: state) }
  }
}
