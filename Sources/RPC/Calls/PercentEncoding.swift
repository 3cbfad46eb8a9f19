/// The encoding of `grpc-message`: bytes outside space…tilde, and the percent sign itself, as
/// `%XX` (grpc doc/PROTOCOL-HTTP2.md, Status-Message).
enum PercentEncoding {
  static func encode(_ text: String) -> String {
    if text.utf8.allSatisfy(isPlain) { return text }
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      if isPlain(byte) {
        bytes.append(byte)
      } else {
        bytes += [percent, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Takes what is no valid escape as it stands, and repairs what is no UTF-8: a text that
  /// explains a failure must not fail itself.
  static func decode(_ text: String) -> String {
    guard text.utf8.contains(percent) else { return text }
    let input = Array(text.utf8)
    var bytes: [UInt8] = []
    var position = 0
    while position < input.count {
      if input[position] == percent, position + 2 < input.count,
        let high = value(input[position + 1]), let low = value(input[position + 2])
      {
        bytes.append(high << 4 | low)
        position += 3
      } else {
        bytes.append(input[position])
        position += 1
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static let percent = UInt8(ascii: "%")
  private static let digits = Array("0123456789ABCDEF".utf8)

  private static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte <= 0x7E && byte != percent
  }

  private static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
