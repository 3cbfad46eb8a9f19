import Logging

/// The swift-log handler in front of a `LogSink`.
struct RingLogHandler: LogHandler {
  var metadata: Logger.Metadata = [:]
  var metadataProvider: Logger.MetadataProvider?
  var logLevel: Logger.Level
  private let sink: LogSink

  init(sink: LogSink, level: Logger.Level) {
    self.sink = sink
    self.logLevel = level
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    var all = metadata
    if let provided = metadataProvider?.get() { all.merge(provided) { _, new in new } }
    if let own = event.metadata { all.merge(own) { _, new in new } }
    let line = LogLine(level: event.level, message: event.message.description, metadata: all)
    sink.offer(line.text(sink.format))
  }
}
