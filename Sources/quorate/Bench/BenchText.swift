import Foundation

extension BenchReport {
  /// For people.
  var text: String {
    let times = latencyMicroseconds
    var lines = [
      "\(operation), \(clients) clients on \(connections) connections, \(threads) threads: "
        + "\(Self.whole(perSecond)) requests/s",
      [
        ("p50", times.p50), ("p90", times.p90), ("p99", times.p99), ("p99.9", times.p999),
        ("max", times.max),
      ].map { "\($0) \(Self.whole($1)) µs" }.joined(separator: "   ")
        + (loop == "open" ? "   (from the intended start)" : ""),
      "\(requests) requests in \(Self.short(seconds)) s, \(errorCount) errors; "
        + "longest time without an answer \(Self.short(longestGapMilliseconds)) ms; "
        + "\(Self.whole(answerBytesPerOperation)) bytes an answer",
      "CPU a request: client \(Self.short(clientCPUMicrosecondsPerOperation)) µs"
        + (serverCPUMicrosecondsPerOperation.map { ", servers \(Self.short($0)) µs" } ?? ""),
    ]
    for server in servers {
      let memory = [("resident", server.residentBytes), ("anonymous", server.anonymousBytes)]
        .map { "\($0) \($1.map { Self.short(Double($0) / 1e6) + " MB" } ?? "unknown")" }
      let written = server.writtenBytesPerOperation.map { "\(Self.whole($0)) bytes" } ?? "unknown"
      lines.append(
        "  process \(server.pid): CPU \(Self.short(server.cpuMicrosecondsPerOperation)) µs, "
          + "written \(written) a request; \(memory.joined(separator: ", "))")
    }
    if let syncs, syncs.count > 0 {
      lines.append(
        "log syncs of all members: \(Self.short(syncs.perOperation)) a request; "
          + "\(Self.short(syncs.entriesPerSync)) entries a sync")
    }
    return lines.map { $0 + "\n" }.joined()
  }

  private static func whole(_ value: Double) -> String { String(Int(value.rounded())) }

  /// Three digits are enough to compare.
  private static func short(_ value: Double) -> String {
    String(format: abs(value) < 10 ? "%.2f" : abs(value) < 100 ? "%.1f" : "%.0f", value)
  }
}
