import CSQLite
import Foundation
import KeyValue
import Raft
import Testing

@testable import Storage

/// An open file that notes what is asked of it.
private final class NotingFile {
  private struct Raw {
    var base: sqlite3_file
    var owner: Unmanaged<NotingFile>
  }

  private(set) var calls: [String] = []
  private(set) var bytes: [UInt8] = []
  /// What the next write answers; it is done if that is `SQLITE_OK`.
  var verdict = SQLITE_OK
  private let methods = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
  private let raw = UnsafeMutablePointer<Raw>.allocate(capacity: 1)

  var file: UnsafeMutablePointer<sqlite3_file> {
    UnsafeMutableRawPointer(raw).assumingMemoryBound(to: sqlite3_file.self)
  }

  init() {
    methods.initialize(to: sqlite3_io_methods())
    methods.pointee.xWrite = { NotingFile.owner($0!).write($1!, Int($2), Int($3)) }
    methods.pointee.xRead = { NotingFile.owner($0!).read($1!, Int($2), Int($3)) }
    methods.pointee.xSync = { file, _ in NotingFile.owner(file!).note("sync") }
    methods.pointee.xTruncate = { NotingFile.owner($0!).note("truncate \($1)") }
    methods.pointee.xClose = { NotingFile.owner($0!).note("close") }
    methods.pointee.xFileSize = { file, size in
      let owner = NotingFile.owner(file!)
      size!.pointee = sqlite3_int64(owner.bytes.count)
      return owner.note("size")
    }
    raw.initialize(to: Raw(base: sqlite3_file(), owner: .passUnretained(self)))
    raw.pointee.base.pMethods = UnsafePointer(methods)
    WALBuffer.insert(before: file)
  }

  deinit {
    raw.deallocate()
    methods.deallocate()
  }

  private static func owner(_ file: UnsafeMutablePointer<sqlite3_file>) -> NotingFile {
    UnsafeMutableRawPointer(file).assumingMemoryBound(to: Raw.self).pointee.owner
      .takeUnretainedValue()
  }

  private func note(_ call: String) -> Int32 {
    calls.append(call)
    return SQLITE_OK
  }

  private func write(_ source: UnsafeRawPointer, _ count: Int, _ offset: Int) -> Int32 {
    calls.append("write \(count) at \(offset)")
    guard verdict == SQLITE_OK else { return verdict }
    bytes += [UInt8](repeating: 0, count: max(0, offset + count - bytes.count))
    bytes.replaceSubrange(
      offset..<offset + count, with: UnsafeRawBufferPointer(start: source, count: count))
    return SQLITE_OK
  }

  private func read(_ target: UnsafeMutableRawPointer, _ count: Int, _ offset: Int) -> Int32 {
    calls.append("read")
    guard offset + count <= bytes.count else { return SQLITE_IOERR }
    target.copyMemory(from: Array(bytes[offset..<offset + count]), byteCount: count)
    return SQLITE_OK
  }

  // MARK: What SQLite would call

  func put(_ bytes: [UInt8], at offset: Int) -> Int32 {
    file.pointee.pMethods.pointee.xWrite(file, bytes, Int32(bytes.count), sqlite3_int64(offset))
  }

  func sync() -> Int32 { file.pointee.pMethods.pointee.xSync(file, SQLITE_SYNC_NORMAL) }

  func close() -> Int32 { file.pointee.pMethods.pointee.xClose(file) }
}

/// Decision 10: what SQLite writes to the log's WAL waits, and nobody can tell.
@Suite struct `a WAL whose writes wait` {
  @Test func `has them as one write before a sync`() {
    let noting = NotingFile()
    for (offset, byte) in [1, 2, 3].enumerated() {
      #expect(noting.put([UInt8(byte)], at: offset) == SQLITE_OK)
    }
    #expect(noting.calls.isEmpty)
    #expect(noting.sync() == SQLITE_OK)
    #expect(noting.calls == ["write 3 at 0", "sync"])
    #expect(noting.bytes == [1, 2, 3])
    #expect(noting.close() == SQLITE_OK)
  }

  @Test func `has them apart where they do not follow each other`() {
    let noting = NotingFile()
    #expect(noting.put([1, 2], at: 0) == SQLITE_OK)
    #expect(noting.put([3], at: 1) == SQLITE_OK)
    #expect(noting.close() == SQLITE_OK)
    #expect(noting.calls == ["write 2 at 0", "write 1 at 1", "close"])
    #expect(noting.bytes == [1, 3])
  }

  @Test func `shows them to a read`() {
    let noting = NotingFile()
    #expect(noting.put([7, 8], at: 0) == SQLITE_OK)
    var seen: [UInt8] = [0, 0]
    #expect(noting.file.pointee.pMethods.pointee.xRead(noting.file, &seen, 2, 0) == SQLITE_OK)
    #expect(seen == [7, 8])
    #expect(noting.close() == SQLITE_OK)
  }

  @Test func `counts them in its size, and has them before it is cut`() {
    let noting = NotingFile()
    #expect(noting.put([7, 8], at: 0) == SQLITE_OK)
    var size: sqlite3_int64 = 0
    #expect(noting.file.pointee.pMethods.pointee.xFileSize(noting.file, &size) == SQLITE_OK)
    #expect(size == 2)
    #expect(noting.put([9], at: 2) == SQLITE_OK)
    #expect(noting.file.pointee.pMethods.pointee.xTruncate(noting.file, 1) == SQLITE_OK)
    #expect(noting.calls == ["write 2 at 0", "size", "write 1 at 2", "truncate 1"])
    #expect(noting.close() == SQLITE_OK)
  }

  /// The sync must not answer for bytes that are nowhere; SQLite writes them again.
  @Test func `tells by the sync that one of them failed, and forgets it`() {
    let noting = NotingFile()
    noting.verdict = SQLITE_IOERR
    #expect(noting.put([1], at: 0) == SQLITE_OK)
    #expect(noting.sync() == SQLITE_IOERR)
    #expect(noting.calls == ["write 1 at 0"])
    noting.verdict = SQLITE_OK
    #expect(noting.sync() == SQLITE_OK)
    #expect(noting.calls == ["write 1 at 0", "sync"])
    #expect(noting.put([1], at: 0) == SQLITE_OK)
    noting.verdict = SQLITE_FULL
    #expect(noting.put([1], at: 5) == SQLITE_FULL)
    #expect(noting.close() == SQLITE_OK)
  }

  @Test func `lets go of many`() {
    let noting = NotingFile()
    let page = [UInt8](repeating: 5, count: 1_024)
    for number in 0..<200 { #expect(noting.put(page, at: number * page.count) == SQLITE_OK) }
    #expect(noting.calls == (0..<3).map { "write 65536 at \($0 * 65_536)" })
    #expect(noting.sync() == SQLITE_OK)
    #expect(noting.bytes == [UInt8](repeating: 5, count: 200 * 1_024))
    #expect(noting.close() == SQLITE_OK)
  }
}
