import Foundation

/// Measurements as text for people and as JSON for the next run.
struct Report {
  let measurements: [Measurement]

  init(_ measurements: [Measurement]) { self.measurements = measurements }

  var json: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      return String(decoding: try encoder.encode(measurements), as: UTF8.self)
    }
  }

  static func read(_ file: String) throws -> [Measurement] {
    try decode(Data(contentsOf: URL(fileURLWithPath: file)))
  }

  static func decode(_ json: Data) throws -> [Measurement] {
    try JSONDecoder().decode([Measurement].self, from: json)
  }

  var table: String {
    var lines = [Report.row("benchmark", "CPU/op", "least", "greatest", "allocs/op", "bytes/op")]
    for one in measurements {
      lines.append(
        Report.row(
          one.name, Report.time(one.cpuNanoseconds), Report.time(one.least),
          Report.time(one.greatest), Report.number(one.allocations),
          Report.number(one.allocatedBytes)))
    }
    return lines.joined(separator: "\n")
  }

  /// Below 1.00: cheaper than before.
  func comparison(with before: [Measurement]) -> String {
    var lines = [Report.row("benchmark", "before", "now", "ratio", "allocs before", "now")]
    for one in measurements {
      guard let earlier = before.first(where: { $0.name == one.name }) else { continue }
      lines.append(
        Report.row(
          one.name, Report.time(earlier.cpuNanoseconds), Report.time(one.cpuNanoseconds),
          String(format: "%.2f", one.cpuNanoseconds / max(earlier.cpuNanoseconds, 0.001)),
          Report.number(earlier.allocations), Report.number(one.allocations)))
    }
    return lines.joined(separator: "\n")
  }

  private static func row(_ name: String, _ columns: String...) -> String {
    columns.reduce(name.padding(toLength: 34, withPad: " ", startingAt: 0)) { line, column in
      line + String(repeating: " ", count: max(1, 14 - column.count)) + column
    }
  }

  private static func time(_ nanoseconds: Double) -> String {
    switch nanoseconds {
    case ..<1_000: String(format: "%.1f ns", nanoseconds)
    case ..<1_000_000: String(format: "%.2f µs", nanoseconds / 1_000)
    default: String(format: "%.2f ms", nanoseconds / 1_000_000)
    }
  }

  private static func number(_ value: Double?) -> String {
    value.map { String(format: "%.1f", $0) } ?? "–"
  }
}
