import Glibc
import Handlers
import Logging

/// One event on its way to a log, and its two forms.
struct LogLine: Sendable {
  /// Seconds since 1970, for people only.
  var time: timespec
  var level: Logger.Level
  var message: String
  /// Sorted by key.
  var fields: [(key: String, value: String)]

  init(level: Logger.Level, message: String, metadata: Logger.Metadata) {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    self.time = time
    self.level = level
    self.message = message
    self.fields = metadata.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
  }

  static func dropped(_ count: UInt64) -> LogLine {
    LogLine(
      level: .warning, message: "log lines were dropped: nobody reads them fast enough",
      metadata: ["count": "\(count)"])
  }

  func text(_ format: LogSink.Format) -> String {
    switch format {
    case .text: plainText
    case .json: jsonText
    }
  }

  private var plainText: String {
    var line = "\(timeText) \(level.rawValue) \(message)"
    for (key, value) in fields {
      let isPlain = !value.isEmpty && !value.contains { $0 == " " || $0 == "\"" || $0.isNewline }
      line += " \(key)=\(isPlain ? value : JSONText.quoted(value))"
    }
    return line
  }

  private var jsonText: String {
    var line = "{\"ts\":\"\(timeText)\",\"level\":\"\(level.rawValue)\",\"msg\":"
    line += JSONText.quoted(message)
    for (key, value) in fields { line += ",\(JSONText.quoted(key)):\(JSONText.quoted(value))" }
    return line + "}"
  }

  /// UTC, ISO 8601 with milliseconds.
  private var timeText: String {
    var seconds = time.tv_sec
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func padded(_ number: some BinaryInteger, _ width: Int) -> String {
      let digits = "\(number)"
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    let (year, month) = (padded(parts.tm_year + 1900, 4), padded(parts.tm_mon + 1, 2))
    let date = "\(year)-\(month)-\(padded(parts.tm_mday, 2))"
    let clock =
      "\(padded(parts.tm_hour, 2)):\(padded(parts.tm_min, 2)):\(padded(parts.tm_sec, 2))"
    return "\(date)T\(clock).\(padded(time.tv_nsec / 1_000_000, 3))Z"
  }
}
