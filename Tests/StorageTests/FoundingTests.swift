import FaultyStorage
import Raft
import Testing

@testable import Storage

/// What a store was formed with, beside whose data it is.
@Suite struct `a founding` {
  private let founding = Founding(
    digest: 0xF0D,
    members: Sample.configuration.members.map {
      KnownMember(id: $0.id, incarnation: $0.incarnation)
    })

  private func open(
    on disk: MemoryDisk, formation: Formation? = nil
  ) throws -> DataDirectory {
    try DataDirectory(at: "/m", as: Sample.claim, on: disk, formation: formation) {
      Incarnation(9)
    }
  }

  /// A directory that has formed; `kind`: where the record then is.
  private func directory(on disk: MemoryDisk, movedTo sql: String? = nil) throws {
    let made = try open(on: disk)
    try made.log.form(Formation(base: Sample.base, founding: founding))
    try made.log.commit([Sample.write(Sample.entries(1, 1...4), term: 1)])
    try made.close()
    guard let sql else { return }
    let file = try Connection("/m/raft.db", .write, on: disk)
    try file.execute(sql)
    #expect(try file.checkpoint(.truncate))
    file.close()
  }

  @Test func `is kept from the forming on, whatever is cut`() throws {
    let disk = MemoryDisk()
    try directory(on: disk)
    let again = try open(on: disk)
    #expect(try again.log.recover()?.founding == founding)
    try again.log.commit([Sample.write(cut: Sample.base(1, 3))])
    try again.close()
    let third = try open(on: disk)
    let found = try third.log.recover()
    #expect(found?.founding == founding && found?.base == Sample.base(1, 3))
    try third.close()
  }

  @Test func `of the store that is joined is in the directory from the start`() throws {
    let disk = MemoryDisk()
    let formation = Formation(base: Sample.base, founding: founding)
    let made = try open(on: disk, formation: formation)
    let found = try made.log.recover()
    #expect(found?.founding == founding && found?.base == Sample.base)
    try made.close()
  }

  /// An earlier build has formed it: it has no such record.
  @Test func `is unknown in a directory from before there was one`() throws {
    let disk = MemoryDisk()
    try directory(on: disk, movedTo: "DELETE FROM record WHERE kind = 5")
    let old = try open(on: disk)
    let found = try old.log.recover()
    #expect(found?.founding == .unknown)
    #expect(found?.entries == Sample.entries(1, 1...4))
    try old.log.commit([Sample.write([Sample.entry(1, 5)])])
    try old.close()
    let again = try open(on: disk)
    #expect(try again.log.recover()?.entries == Sample.entries(1, 1...5))
    try again.close()
  }

  @Test(arguments: [
    "UPDATE record SET kind = 7 WHERE kind = 5", "UPDATE record SET kind = 5 WHERE kind = 2",
    "UPDATE record SET body = (SELECT body FROM record WHERE kind = 1) WHERE kind = 5",
  ])
  func `that is not in its place is damage`(sql: String) throws {
    let disk = MemoryDisk()
    // In the second case another record is in its place.
    try directory(
      on: disk,
      movedTo: sql.contains("kind = 2") ? "DELETE FROM record WHERE kind = 5; \(sql)" : sql)
    #expect(throws: StorageError.self) { _ = try open(on: disk) }
  }
}
