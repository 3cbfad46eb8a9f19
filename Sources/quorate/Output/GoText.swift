import Handlers

/// Texts as Go's standard library writes them, because etcdctl's output is made of them.
enum GoText {
  /// A quoted string, as `%q` prints it: what is not printable is escaped, and bytes that are no
  /// UTF-8 stay bytes.
  static func quoted(_ bytes: some Collection<UInt8>) -> String {
    var text = "\""
    var rest = Array(bytes)[...]
    while !rest.isEmpty {
      guard let scalar = leadingScalar(rest) else {
        text += "\\x" + hexadecimal(UInt32(rest.removeFirst()), digits: 2)
        continue
      }
      rest.removeFirst(UTF8.width(scalar))
      text += escaped(scalar)
    }
    return text + "\""
  }

  private static func escaped(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\"": return "\\\""
    case "\\": return "\\\\"
    case "\u{07}": return "\\a"
    case "\u{08}": return "\\b"
    case "\u{0C}": return "\\f"
    case "\n": return "\\n"
    case "\r": return "\\r"
    case "\t": return "\\t"
    case "\u{0B}": return "\\v"
    default: break
    }
    if isPrintable(scalar) { return String(scalar) }
    if scalar.value < 0x80 { return "\\x" + hexadecimal(scalar.value, digits: 2) }
    if scalar.value < 0x10000 { return "\\u" + hexadecimal(scalar.value, digits: 4) }
    return "\\U" + hexadecimal(scalar.value, digits: 8)
  }

  /// Go unicode.IsPrint: letters, marks, numbers, punctuation, symbols and the ASCII space.
  private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .spaceSeparator: scalar == " "
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
      .paragraphSeparator:
      false
    default: true
    }
  }

  /// A string as encoding/json writes it: HTML's characters are escaped, and what is no UTF-8
  /// becomes U+FFFD.
  static func json(_ string: String) -> String {
    JSONText.quoted(string, escaping: ["<", ">", "&", "\u{2028}", "\u{2029}"])
  }

  /// A duration as time.Duration prints it: `1.5s`, `2.75101ms`, `1m30s`.
  static func duration(_ duration: Duration) -> String {
    let (seconds, attoseconds) = duration.components
    let nanoseconds = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    switch nanoseconds {
    case 0: return "0s"
    case ..<1_000: return "\(nanoseconds)ns"
    case ..<1_000_000: return decimal(nanoseconds, unit: 1_000) + "µs"
    case ..<1_000_000_000: return decimal(nanoseconds, unit: 1_000_000) + "ms"
    default: break
    }
    let minutes = seconds / 60
    let tail = decimal(nanoseconds - minutes * 60_000_000_000, unit: 1_000_000_000) + "s"
    if minutes == 0 { return tail }
    return minutes < 60 ? "\(minutes)m\(tail)" : "\(minutes / 60)h\(minutes % 60)m\(tail)"
  }

  private static func decimal(_ number: Int64, unit: Int64) -> String {
    var fraction = String(number % unit)
    fraction = String(repeating: "0", count: String(unit).count - 1 - fraction.count) + fraction
    while fraction.hasSuffix("0") { fraction.removeLast() }
    return fraction.isEmpty ? "\(number / unit)" : "\(number / unit).\(fraction)"
  }

  /// A size as dustin/go-humanize prints it: `33 kB`, `1.5 MB`.
  static func size(_ bytes: UInt64) -> String {
    if bytes < 10 { return "\(bytes) B" }
    var unit: UInt64 = 1
    var name = 0
    while bytes / unit >= 1000 {
      unit *= 1000
      name += 1
    }
    let tenths = (Double(bytes) / Double(unit) * 10 + 0.5).rounded(.down)
    let suffix = ["B", "kB", "MB", "GB", "TB", "PB", "EB"][name]
    if tenths < 100 { return "\(Int(tenths) / 10).\(Int(tenths) % 10) \(suffix)" }
    return "\(Int((tenths / 10).rounded(.toNearestOrEven))) \(suffix)"
  }

  static func hexadecimal(_ number: UInt32, digits: Int) -> String {
    let text = String(number, radix: 16)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }

  /// `nil`: the bytes do not begin with a whole UTF-8 scalar.
  static func leadingScalar(_ bytes: ArraySlice<UInt8>) -> Unicode.Scalar? {
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    guard case .scalarValue(let scalar) = decoder.decode(&iterator) else { return nil }
    return scalar
  }
}
