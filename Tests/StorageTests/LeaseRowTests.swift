import FaultyStorage
import KeyValue
import Raft
import Testing

@testable import Storage

/// Leases are changed in the transaction of the rows, and go where the rows go.
@Suite struct `leases on a disk` {
  typealias Kind = StoreUnderTest.Kind

  private func lease(_ id: Int64, expiry: Int64 = 0) -> Lease {
    Lease(id: id, grantedTTL: 60, renewedAt: 3, expiry: expiry)
  }

  @Test(arguments: Kind.allCases)
  func `come back as they were flushed last`(kind: Kind) throws {
    let member = try StoreUnderTest(kind)
    try member.store.log.form(Sample.base)
    try member.store.log.commit([Sample.write(Sample.entries(1, 1...9), term: 1)])
    var batches = Batches()
    var state = try member.store.openState()
    try state.flush(batches.lease([lease(-7), lease(.max), lease(.min)], index: 3))
    try state.flush(batches.put(["k"], index: 4))
    try state.flush(
      batches.lease([lease(-7, expiry: 60_000)], ended: [.max, 5], time: 500, index: 5))
    for _ in 0..<2 {
      #expect(try state.leases() == [lease(.min), lease(-7, expiry: 60_000)])
      #expect(state.meta == batches.meta)
      let store = try state.load()
      #expect(store.leaseImage == LeaseImage(time: 500, leases: try state.leases()))
      try state.sync()
      try state.close()
      try member.restart()
      state = try member.store.openState()
    }
  }

  @Test(arguments: Kind.allCases)
  func `a snapshot takes along those of its own moment`(kind: Kind) throws {
    let sender = try StoreUnderTest(kind)
    let state = try sender.store.openState()
    var batches = Batches()
    try state.flush(batches.put((1...9).map { "key \($0)" }, index: 1, term: 2))
    try state.flush(batches.lease((1...40).map { lease($0) }, time: 9, index: 20, term: 2))
    let snapshot = try state.openSnapshot()
    let expected = batches
    // Rows are only added while it is read; leases change in place.
    try state.flush(batches.lease([lease(3, expiry: 1)], ended: [4], time: 10, index: 21, term: 2))
    let receiver = try StoreUnderTest(kind)
    try receiver.store.log.form(Sample.base)
    try receiver.store.log.commit([Sample.write(Sample.entries(1, 1...5), term: 2)])
    let sink = try receiver.store.receiveSnapshot()
    for chunk in try snapshot.drain() { try sink.receive(chunk) }
    #expect(try sink.finish() == expected.meta)
    try receiver.store.log.commit([Sample.write(install: Sample.base(2, 20))])
    let installed = try receiver.store.openState()
    #expect(try installed.leases() == expected.leases)
    #expect(try installed.load().leaseImage.time == 9)
  }

  @Test func `a snapshot that lacks a lease is refused`() throws {
    let member = try StoreUnderTest(.memory)
    let state = try member.store.openState()
    var batches = Batches()
    try state.flush(batches.lease((1...4).map { lease($0) }, index: 1))
    func finish(_ leases: [Lease]) throws {
      var writer = SnapshotWriter(meta: batches.meta, leases: leases)
      var reader = SnapshotReader()
      _ = try reader.take(writer.head())
      while let chunk = writer.leaseChunk(100) { _ = try reader.take(chunk) }
      while let chunk = writer.end() { _ = try reader.take(chunk) }
      _ = try reader.finish()
    }
    try finish(batches.leases)
    #expect(throws: StorageError.self) { try finish(Array(batches.leases.dropLast())) }
    #expect(throws: StorageError.self) { try finish(batches.leases.reversed()) }
    #expect(throws: StorageError.self) { try finish(Array(batches.leases[..<3]) + [lease(5)]) }
  }

  /// Builds before there were leases made files without their table.
  @Test func `a state file of the first version is opened, and gets the table`() throws {
    let disk = MemoryDisk()
    func open() throws -> DataDirectory {
      try DataDirectory(at: "/m", as: Sample.claim, on: disk) { Incarnation(7) }
    }
    var directory = try open()
    try directory.log.form(Sample.base)
    try directory.log.commit([Sample.write(Sample.entries(1, 1...9), term: 1)])
    var batches = Batches()
    var state = try directory.openState()
    try state.flush(batches.put(["a", "b"], index: 3))
    try state.close()
    try directory.close()

    let file = "/m/state-1.db"
    let earlier = try Connection(file, .write, on: disk)
    try earlier.execute("PRAGMA journal_mode = WAL")
    var meta: [UInt8] = []
    batches.meta.encode(into: &meta)
    let put = try earlier.prepare("UPDATE meta SET body = ?1")
    try put.bind(Record.seal(.meta, meta.dropLast(52)), at: 1)
    try put.run()
    try earlier.execute("DROP TABLE lease")
    try earlier.execute("PRAGMA user_version = 1")
    #expect(try earlier.checkpoint(.truncate))
    earlier.close()
    #expect(disk.bytes(of: file)?[55] == 4, "the largest root page, as those builds left it")

    for round in UInt64(0)..<2 {
      directory = try open()
      state = try directory.openState()
      #expect(try state.scannedRows() == batches.rows)
      #expect(try state.leases() == batches.leases)
      #expect(state.meta == batches.meta)
      try state.flush(batches.lease([lease(7 + Int64(round))], time: 1, index: 4 + round))
      try state.close()
      try directory.close()
      #expect(disk.bytes(of: file)?[63] == 4)
    }
  }
}
