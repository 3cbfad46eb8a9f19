import Base
import Foundation
import KeyValue
import Raft
import Testing

@testable import Storage

/// A state in a file by itself, and a new store that begins with it.
@Suite struct `a backup` {
  /// Rows, some of them removed since, and leases, one of them told its end.
  private func source(_ member: StoreUnderTest) throws -> (any StateStore, Batches) {
    var batches = Batches()
    let state = try member.store.openState()
    for index in UInt64(1)...40 {
      try state.flush(batches.put(["key \(index)", "other"], index: index, term: 2))
    }
    try state.flush(batches.remove([2, 5, 7]))
    let leases = [
      Lease(id: 5, grantedTTL: 60, renewedAt: 30, expiry: 9_000),
      Lease(id: 8, grantedTTL: 70, renewedAt: 31),
    ]
    try state.flush(batches.lease(leases, time: 500, index: 41, term: 2))
    return (state, batches)
  }

  private func write(_ state: any StateStore, in place: TemporaryDirectory) throws -> String {
    try FileManager.default.createDirectory(
      atPath: place.path, withIntermediateDirectories: true)
    let source = try state.openSnapshot()
    defer { source.close() }
    let writer = try BackupWriter(in: place.path, number: 1, of: source, on: POSIXFileSystem())
    while try !writer.step() {}
    return writer.path
  }

  /// As the stream of a member ends: with the hash of the file.
  private func seal(_ path: String) throws {
    var bytes = try Array(Data(contentsOf: URL(fileURLWithPath: path)))
    bytes += SHA256.hash(bytes)
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }

  private let identity = Identity(
    cluster: 77, member: MemberID(9), name: "n9", incarnation: Incarnation(99))

  @Test(arguments: StoreUnderTest.Kind.allCases)
  func `holds one moment's state, and needs no file beside it`(
    kind: StoreUnderTest.Kind
  ) throws {
    let member = try StoreUnderTest(kind)
    defer { withExtendedLifetime(member) {} }
    let (state, batches) = try source(member)
    let place = TemporaryDirectory()
    let path = try write(state, in: place)
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.path) == ["backup-1.db"])
    #expect(throws: StorageError.self, "it has no hash yet") {
      try BackupFile(at: path, skipsHash: false)
    }
    try seal(path)
    let backup = try BackupFile(at: path, skipsHash: false)
    #expect(backup.meta == batches.meta)
    #expect(try backup.leases() == batches.leases)
    #expect(backup.keyCount == 39)
    var numbers: [RowNumber] = []
    try backup.forEachRow { (found) throws(StorageError) in numbers.append(found.head.number) }
    #expect(numbers == batches.rows.map(\.number))
  }

  @Test func `is refused with any bit of it turned over`() throws {
    let (state, _) = try source(StoreUnderTest(.memory))
    let place = TemporaryDirectory()
    let path = try write(state, in: place)
    try seal(path)
    let sound = try place.bytes(of: "backup-1.db")
    for position in stride(from: 0, to: sound.count, by: 509) {
      var bytes = sound
      bytes[position] ^= 1
      try place.write(bytes, to: "turned.db")
      #expect(throws: StorageError.self) {
        try BackupFile(at: place.path + "/turned.db", skipsHash: false)
      }
    }
    for length in [0, 100, 4096, sound.count - 1, sound.count - 512] {
      try place.write(Array(sound[..<length]), to: "short.db")
      #expect(throws: StorageError.self) {
        try BackupFile(at: place.path + "/short.db", skipsHash: false)
      }
    }
  }

  /// Without its hash a file is still proved row by row.
  @Test func `a copy without a hash is refused with a row that is gone`() throws {
    let (state, _) = try source(StoreUnderTest(.memory))
    let place = TemporaryDirectory()
    let path = try write(state, in: place)
    #expect(try BackupFile(at: path, skipsHash: true).keyCount == 39)
    let connection = try Connection(path, .write, on: POSIXFileSystem())
    try connection.execute("DELETE FROM row WHERE number = 11")
    connection.close()
    #expect(throws: StorageError.self) { try BackupFile(at: path, skipsHash: true) }
  }

  @Test func `begins a store whose revisions go on far ahead`() throws {
    let (state, batches) = try source(StoreUnderTest(.memory))
    let place = TemporaryDirectory()
    let backup = try BackupFile(at: write(state, in: place), skipsHash: true)
    let restoration = try Restoration(of: backup, for: identity, revisions: .standard)
    let target = place.path + "/n9"
    try restoration.make(at: target, of: backup)
    let claim = Claim(cluster: 77, member: MemberID(9), name: "n9")
    let directory = try DataDirectory(at: target, as: claim) { Incarnation(1) }
    #expect(!directory.isNew)
    #expect(directory.identity == restoration.identity)
    #expect(directory.identity.incarnation == Incarnation(99))
    #expect(directory.identity.origin.last == EntryID(term: Term(1), index: LogIndex(1)))
    let made = try directory.openState()
    #expect(try directory.recover(with: made) == nil, "it forms before it has a log")
    let revision = batches.meta.revision + 1_000_000_000
    #expect(made.meta.revision == revision && made.meta.compactRevision == revision)
    #expect(made.meta.appliedIndex == 1 && made.meta.appliedTerm == 1)
    #expect(try made.scannedRows() == batches.rows)
    #expect(
      try made.leases() == [
        Lease(id: 5, grantedTTL: 60, renewedAt: 1), Lease(id: 8, grantedTTL: 70, renewedAt: 1),
      ])
    #expect(try made.load().leaseImage.time == 0)
    let base = LogBase(last: directory.identity.origin.last, configuration: Sample.configuration)
    try directory.log.form(base)
    let recovered = try #require(try directory.recover(with: made))
    #expect(recovered.hardState == HardState(currentTerm: Term(1)))
    #expect(recovered.applied == LogIndex(1) && recovered.base == base)
    try made.close()
    try directory.close()
  }

  @Test func `keeps the history when revisions do not jump`() throws {
    let (state, batches) = try source(StoreUnderTest(.memory))
    let place = TemporaryDirectory()
    let backup = try BackupFile(at: write(state, in: place), skipsHash: true)
    let restoration = try Restoration(
      of: backup, for: identity, revisions: .init(bump: 0, marksCompacted: false))
    #expect(restoration.meta.revision == batches.meta.revision)
    #expect(restoration.meta.compactRevision == batches.meta.compactRevision)
    #expect(
      restoration.identity.origin
        != (try Restoration(of: backup, for: identity, revisions: .standard)).identity.origin)
  }

  @Test func `begins nothing where something is`() throws {
    let (state, _) = try source(StoreUnderTest(.memory))
    let place = TemporaryDirectory()
    let backup = try BackupFile(at: write(state, in: place), skipsHash: true)
    let restoration = try Restoration(of: backup, for: identity, revisions: .standard)
    #expect(throws: StorageError.self) { try restoration.make(at: place.path, of: backup) }
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: place.path) == ["backup-1.db"])
    // An empty one is as good as none, and what an interrupted attempt left does not matter.
    let target = place.path + "/n9"
    for directory in [target, target + ".restoring"] {
      try FileManager.default.createDirectory(
        atPath: directory, withIntermediateDirectories: false)
    }
    try place.write([1, 2, 3], to: "n9.restoring/state-1.db")
    try restoration.make(at: target, of: backup)
    #expect(!FileManager.default.fileExists(atPath: target + ".restoring"))
    #expect(FileManager.default.fileExists(atPath: target + "/raft.db"))
  }

  @Test func `that an earlier process left goes with the next start`() throws {
    let place = TemporaryDirectory()
    func open() throws -> DataDirectory {
      try DataDirectory(at: place.path, as: Sample.claim) { Incarnation(7) }
    }
    try open().close()
    try place.write([1], to: "backup-3.db")
    try place.write([1], to: "backup-3.db-wal")
    try open().close()
    let names = try FileManager.default.contentsOfDirectory(atPath: place.path)
    #expect(!names.contains { $0.hasPrefix("backup-") })
  }
}
