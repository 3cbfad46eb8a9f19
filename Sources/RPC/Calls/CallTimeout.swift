internal import NIOCore

/// The value of `grpc-timeout`: at most eight digits and a unit (grpc doc/PROTOCOL-HTTP2.md).
enum CallTimeout {
  /// nil when the text is malformed. A time that does not fit is cut to the longest that does.
  static func parse(_ text: String) -> TimeAmount? {
    let digits = text.utf8.dropLast()
    guard let unit = text.utf8.last, (1...8).contains(digits.count) else { return nil }
    var count: Int64 = 0
    for digit in digits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
      count = count * 10 + Int64(digit - UInt8(ascii: "0"))
    }
    guard let size = units.first(where: { $0.letter == unit })?.nanoseconds else { return nil }
    let (product, overflow) = count.multipliedReportingOverflow(by: size)
    return .nanoseconds(overflow ? longest : min(product, longest))
  }

  /// Rounded up to the finest unit that has room, so that the server does not give up earlier
  /// than the client. A time that is over is one nanosecond.
  static func format(_ timeout: TimeAmount) -> String {
    let nanoseconds = max(timeout.nanoseconds, 1)
    for unit in units {
      let count = (nanoseconds - 1) / unit.nanoseconds + 1
      if count <= 99_999_999 { return "\(count)\(Character(Unicode.Scalar(unit.letter)))" }
    }
    preconditionFailure("\(nanoseconds) ns do not fit into eight digits of hours")
  }

  /// A hundred years: added to any instant of the clock it still fits.
  private static let longest: Int64 = 100 * 365 * 24 * 3_600 * 1_000_000_000

  private static let units: [(letter: UInt8, nanoseconds: Int64)] = [
    (UInt8(ascii: "n"), 1),
    (UInt8(ascii: "u"), 1_000),
    (UInt8(ascii: "m"), 1_000_000),
    (UInt8(ascii: "S"), 1_000_000_000),
    (UInt8(ascii: "M"), 60 * 1_000_000_000),
    (UInt8(ascii: "H"), 3_600 * 1_000_000_000),
  ]
}
