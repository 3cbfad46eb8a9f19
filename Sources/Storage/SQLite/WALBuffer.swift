import CSQLite

/// Gathers what SQLite writes to a WAL in a commit, so that it is one write instead of two for each
/// page.
///
/// It stands before the methods of the WAL's open file: writes that follow each other wait here
/// until the file is synced, read, measured, cut or closed, or until many wait. So whoever looks
/// through this connection sees every byte, and a sync covers every byte. Only for a file with one
/// connection whose every commit ends with a sync: another connection would not see what waits.
///
/// An error of a write that waited is told by the call that ended its waiting; for a commit that is
/// its sync, so that the commit fails. What waited is forgotten then, for SQLite writes it again.
final class WALBuffer {
  /// The file's methods as SQLite sees them, and behind them what ours need to know.
  private struct Table {
    var methods: sqlite3_io_methods
    var real: UnsafePointer<sqlite3_io_methods>
    var buffer: Unmanaged<WALBuffer>
  }

  /// SQLite's own VFS takes no more than 17 bits of a write's length at once (os_unix.c
  /// `seekAndWriteFd`), and calls a length that is nothing but higher bits a full disk.
  private static let limitBytes = 1 << 16

  private var waiting: [UInt8] = []
  /// Where in the file the first waiting byte belongs.
  private var start: sqlite3_int64 = 0

  private init() {}

  /// Puts a buffer before an open file. It goes when the file is closed.
  static func insert(before file: UnsafeMutablePointer<sqlite3_file>) {
    guard let real = file.pointee.pMethods else {
      preconditionFailure("a file that is not open has no writes to gather")
    }
    let table = UnsafeMutablePointer<Table>.allocate(capacity: 1)
    table.initialize(
      to: Table(methods: real.pointee, real: real, buffer: .passRetained(WALBuffer())))
    table.pointee.methods.xWrite = { WALBuffer.write($0!, $1!, Int($2), $3) }
    table.pointee.methods.xClose = { WALBuffer.close($0!) }
    table.pointee.methods.xSync = { file, flags in
      return WALBuffer.afterWriting(file!) { $0.pointee.xSync(file, flags) }
    }
    table.pointee.methods.xRead = { file, target, count, offset in
      WALBuffer.afterWriting(file!) { $0.pointee.xRead(file, target, count, offset) }
    }
    table.pointee.methods.xTruncate = { file, size in
      WALBuffer.afterWriting(file!) { $0.pointee.xTruncate(file, size) }
    }
    table.pointee.methods.xFileSize = { file, size in
      WALBuffer.afterWriting(file!) { $0.pointee.xFileSize(file, size) }
    }
    file.pointee.pMethods = UnsafeRawPointer(table).assumingMemoryBound(
      to: sqlite3_io_methods.self)
  }

  private static func table(
    of file: UnsafeMutablePointer<sqlite3_file>
  ) -> UnsafeMutablePointer<Table> {
    UnsafeMutableRawPointer(mutating: file.pointee.pMethods).assumingMemoryBound(to: Table.self)
  }

  private static func write(
    _ file: UnsafeMutablePointer<sqlite3_file>, _ source: UnsafeRawPointer, _ count: Int,
    _ offset: sqlite3_int64
  ) -> Int32 {
    let table = table(of: file)
    let buffer = table.pointee.buffer.takeUnretainedValue()
    let end = buffer.start + sqlite3_int64(buffer.waiting.count)
    if offset != end || buffer.waiting.count + count > limitBytes {
      let code = buffer.empty(into: file, table.pointee.real)
      guard code == SQLITE_OK else { return code }
    }
    if buffer.waiting.isEmpty { buffer.start = offset }
    buffer.waiting.append(contentsOf: UnsafeRawBufferPointer(start: source, count: count))
    return SQLITE_OK
  }

  /// Runs one of the file's own methods once everything that waited is written.
  private static func afterWriting(
    _ file: UnsafeMutablePointer<sqlite3_file>,
    _ body: (UnsafePointer<sqlite3_io_methods>) -> Int32
  ) -> Int32 {
    let table = table(of: file)
    let real = table.pointee.real
    let code = table.pointee.buffer.takeUnretainedValue().empty(into: file, real)
    return code == SQLITE_OK ? body(real) : code
  }

  private static func close(_ file: UnsafeMutablePointer<sqlite3_file>) -> Int32 {
    let table = table(of: file)
    let real = table.pointee.real
    let written = table.pointee.buffer.takeUnretainedValue().empty(into: file, real)
    file.pointee.pMethods = real
    table.pointee.buffer.release()
    table.deallocate()
    let closed = real.pointee.xClose(file)
    return written == SQLITE_OK ? closed : written
  }

  /// Writes what waits. It does not wait any longer, even if that fails.
  private func empty(
    into file: UnsafeMutablePointer<sqlite3_file>, _ real: UnsafePointer<sqlite3_io_methods>
  ) -> Int32 {
    guard !waiting.isEmpty else { return SQLITE_OK }
    let code = waiting.withUnsafeBytes { bytes in
      real.pointee.xWrite(file, bytes.baseAddress, Int32(bytes.count), start)
    }
    waiting.removeAll(keepingCapacity: true)
    return code
  }
}
