import Foundation

/// The end of a member's log file.
enum LogTail {
  /// The last line that is not empty; `nil`: there is none.
  static func lastLine(of path: String) -> String? {
    lines(of: path, count: 1).last
  }

  /// The last `count` lines, of the file's last 256 KiB at most.
  static func lines(of path: String, count: Int) -> [String] {
    guard let file = FileHandle(forReadingAtPath: path) else { return [] }
    defer { try? file.close() }
    let size = (try? file.seekToEnd()) ?? 0
    try? file.seek(toOffset: size > 256 << 10 ? size - 256 << 10 : 0)
    let bytes = (try? file.readToEnd()) ?? Data()
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    return lines.suffix(count).map(String.init)
  }
}
