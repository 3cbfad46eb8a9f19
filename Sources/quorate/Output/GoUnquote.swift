/// Reads a Go string literal, as `%q` scans one: `"with \x00 escapes"` or `` `raw` ``.
struct GoUnquote {
  private var rest: Substring.UnicodeScalarView

  /// The value of the literal that `text` begins with, and what comes after it; `nil`: it begins
  /// with none.
  static func literal(_ text: Substring) -> (value: [UInt8], rest: Substring)? {
    var reader = GoUnquote(rest: text.unicodeScalars)
    guard let value = reader.read() else { return nil }
    return (value, Substring(reader.rest))
  }

  private mutating func read() -> [UInt8]? {
    guard let quote = rest.popFirst(), quote == "\"" || quote == "`" else { return nil }
    var value: [UInt8] = []
    while let scalar = rest.popFirst() {
      if scalar == quote { return value }
      if quote == "\"" && scalar == "\n" { return nil }
      if quote == "\"" && scalar == "\\" {
        guard let escaped = escape() else { return nil }
        value += escaped
      } else {
        value += Array(String(scalar).utf8)
      }
    }
    return nil
  }

  /// What follows a backslash (Go spec, Rune literals).
  private mutating func escape() -> [UInt8]? {
    guard let scalar = rest.popFirst() else { return nil }
    switch scalar {
    case "a": return [0x07]
    case "b": return [0x08]
    case "f": return [0x0C]
    case "n": return [0x0A]
    case "r": return [0x0D]
    case "t": return [0x09]
    case "v": return [0x0B]
    case "\\", "\"": return Array(String(scalar).utf8)
    case "x": return number(digits: 2, radix: 16).map { [UInt8($0)] }
    case "u": return number(digits: 4, radix: 16).flatMap(Self.encoded)
    case "U": return number(digits: 8, radix: 16).flatMap(Self.encoded)
    case "0"..."7":
      rest.insert(scalar, at: rest.startIndex)
      return number(digits: 3, radix: 8).flatMap { UInt8(exactly: $0) }.map { [$0] }
    default: return nil
    }
  }

  private mutating func number(digits: Int, radix: Int) -> UInt32? {
    let text = String(rest.prefix(digits))
    guard text.unicodeScalars.count == digits,
      let number = UInt32(text, radix: radix), !text.hasPrefix("+")
    else { return nil }
    rest.removeFirst(digits)
    return number
  }

  private static func encoded(_ number: UInt32) -> [UInt8]? {
    Unicode.Scalar(number).map { Array(String($0).utf8) }
  }
}

extension Substring.UnicodeScalarView {
  fileprivate mutating func insert(_ scalar: Unicode.Scalar, at index: Index) {
    replaceSubrange(index..<index, with: CollectionOfOne(scalar))
  }
}
