import Foundation
import KeyValue
import Raft
import Testing

@testable import Storage

/// Rows as a reader of a real state file sees them: many at once, through a map of the file.
@Suite struct `a reader of rows` {
  private let place = TemporaryDirectory()

  private func open(_ settings: StorageSettings = StorageSettings()) throws -> DataDirectory {
    let directory = try DataDirectory(at: place.path, as: Sample.claim, settings: settings) {
      Incarnation(9)
    }
    if directory.isNew { try directory.log.form(Sample.base) }
    return directory
  }

  /// A foreign reader holds up a flush (Docs/Storage.md, "To look into a stopped member").
  @Test func `of another process delays a flush, and does not end the member`() async throws {
    var settings = StorageSettings()
    settings.lockMilliseconds = 20
    let state = try open(settings).openState()
    var batches = Batches()
    try state.flush(batches.put(["a"], index: 1))
    let stranger = try Connection(state.name, .read, on: POSIXFileSystem())
    try stranger.execute("BEGIN")
    #expect(try stranger.text("SELECT count(*) FROM row") == "1")
    // Ten times as long as one try waits.
    nonisolated(unsafe) let reading = stranger
    let thread = Thread {
      usleep(200_000)
      reading.close()
    }
    thread.start()
    try state.flush(batches.put(["b"], index: 2))
    #expect(state.failure.cause == nil && state.meta.appliedIndex == 2)
    let reader = try state.openReader()
    #expect(try reader.rows(numbered: [2]).map(\.key) == [Array("b".utf8)])
    reader.close()
  }

  @Test func `of another process that never ends stops the member with a word about it`() throws {
    var settings = StorageSettings()
    (settings.lockMilliseconds, settings.lockTries) = (5, 3)
    let state = try open(settings).openState()
    var batches = Batches()
    try state.flush(batches.put(["a"], index: 1))
    let stranger = try Connection(state.name, .read, on: POSIXFileSystem())
    try stranger.execute("BEGIN")
    #expect(try stranger.text("SELECT count(*) FROM row") == "1")
    let batch = batches.put(["b"], index: 2)
    do throws(StorageError) {
      try state.flush(batch)
      Issue.record("a flush has passed a lock")
    } catch {
      #expect("\(error)".contains("another process holds it locked"))
    }
    stranger.close()
  }

  @Test func `answers in the order of the numbers, however often one comes`() throws {
    let state = try open().openState()
    var batches = Batches()
    try state.flush(batches.put((1...300).map { "key \($0)" }, index: 1))
    let reader = try state.openReader()
    let numbers = (0..<700).map { RowNumber($0 * 37 % 300 + 1) }
    let expected = numbers.map { batches.rows[Int($0) - 1] }
    #expect(try reader.rows(numbered: numbers) == expected)
    #expect(try reader.rows(numbered: []) == [])
    reader.close()
  }

  /// A reader's transaction stands between its pieces, until somebody writes or the scrub comes.
  @Test func `keeps no file locked that nobody changes`() throws {
    let state = try open().openState()
    var batches = Batches()
    try state.flush(batches.put(["a", "b"], index: 1))
    let (reader, scrub) = (try state.openReader(), try state.openReader())
    let stranger = try Connection(state.name, .write, on: POSIXFileSystem())
    try stranger.execute("PRAGMA busy_timeout = 0")
    func isLocked() throws -> Bool {
      do throws(StorageError) {
        try stranger.execute("BEGIN EXCLUSIVE")
      } catch .failed(_, _, reason: let reason) where reason.contains("locked") {
        return true
      }
      try stranger.execute("ROLLBACK")
      return false
    }
    #expect(try reader.rows(numbered: [2]).count == 1)
    #expect(try isLocked(), "else each piece begins a transaction of its own")
    #expect(try scrub.inspect(from: 1, limit: 2)?.count == 2)
    #expect(try !isLocked())
    #expect(try reader.rows(numbered: [1]).count == 1)
    try state.flush(batches.put(["c"], index: 2))
    #expect(try !isLocked())
    #expect(try reader.rows(numbered: [3]).count == 1)
    reader.close()
    #expect(try !isLocked())
    scrub.close()
    stranger.close()
  }

  @Test(arguments: [[2], [2, 1], [1, 2, 3], [1, 2], [1, 3, 2, 4], [2, 2]] as [[RowNumber]])
  func `says which row is missing, wherever it is asked for`(numbers: [RowNumber]) throws {
    let state = try open().openState()
    var batches = Batches()
    try state.flush(batches.put(["a", "b", "c", "d"], index: 1))
    try state.flush(batches.remove([2]))
    let reader = try state.openReader()
    let error = #expect(throws: StorageError.self) { try reader.rows(numbered: numbers) }
    #expect(error == .damaged(file: state.name, place: "row 2 is missing"))
    reader.close()
  }

  @Test(arguments: [[1], [3, 1, 2]] as [[RowNumber]])
  func `notices a changed byte of any row that it reads`(numbers: [RowNumber]) throws {
    let directory = try open()
    let state = try directory.openState()
    var batches = Batches()
    try state.flush(batches.put(["needle", "b", "c"], index: 1))
    try state.close()
    var bytes = try place.bytes(of: "state-1.db")
    let needle = Array("needle".utf8)
    let found = try #require(
      bytes.indices.first { bytes[$0...].starts(with: needle) && $0 > 4_096 })
    bytes[found] ^= 1
    try place.write(bytes, to: "state-1.db")
    let again = try directory.openState()
    let reader = try again.openReader()
    let error = #expect(throws: StorageError.self) { try reader.rows(numbered: numbers) }
    #expect(error == .damaged(file: again.name, place: "row 1"))
    reader.close()
  }

  /// A page that is mapped and no longer in the file would end the process.
  @Test func `goes on when the file that it has mapped becomes shorter`() throws {
    let directory = try open()
    let state = try directory.openState()
    var batches = Batches()
    try state.flush(
      batches.put((1...2_000).map { "key \($0)" }, index: 1, valueBytes: 1_000))
    try state.maintain()
    let reader = try state.openReader()
    let everything = (1...2_000).map { RowNumber($0) }
    #expect(try reader.rows(numbered: everything) == batches.rows)
    let before = try place.bytes(of: "state-1.db").count
    try state.flush(batches.remove(Array(101...2_000)))
    for _ in 0..<100 { try state.maintain() }
    #expect(try place.bytes(of: "state-1.db").count < before / 4)
    #expect(try reader.rows(numbered: Array(everything[..<100])) == Array(batches.rows[..<100]))
    // And longer again.
    try state.flush(
      batches.put((1...3_000).map { "more \($0)" }, index: 2, valueBytes: 1_000))
    try state.maintain()
    let rest = batches.rows.map(\.number)
    #expect(try reader.rows(numbered: rest) == batches.rows)
    reader.close()
  }
}
