import CSQLite

/// The SQLite that this process runs, for the line that is printed at start.
public struct SQLiteVersion: Hashable, Sendable {
  /// Such as 3.40.1.
  public let text: String
  /// Such as 3 040 001.
  public let number: Int

  /// The library in use, which need not be the one that this was built against.
  public static var inUse: SQLiteVersion {
    SQLiteVersion(
      text: String(cString: sqlite3_libversion()), number: Int(sqlite3_libversion_number()))
  }

  /// Several connections that write or checkpoint one WAL file can corrupt it (SQLite 3.7.0 to
  /// 3.51.2, mended in 3.51.3 and in the branches 3.50.7 and 3.44.6). Here each file has only one.
  public var hasWALResetBug: Bool {
    switch number {
    case 3_044_006..<3_045_000, 3_050_007..<3_051_000: false
    default: (3_007_000..<3_051_003).contains(number)
    }
  }

  /// The oldest that has all that this module asks of it: window of 2020, `NO_CKPT_ON_CLOSE`,
  /// `cell_size_check`, upserts and extended result codes.
  public static let oldestNumber = 3_032_000

  /// One sentence for the log.
  public var notice: String {
    hasWALResetBug
      ? "SQLite \(text) has the WAL-reset bug of 3.7.0 to 3.51.2; "
        + "one connection per file writes and checkpoints, so it cannot strike here"
      : "SQLite \(text)"
  }
}
