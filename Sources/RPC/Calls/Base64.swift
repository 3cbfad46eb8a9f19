/// The encoding of metadata whose name ends in `-bin` (RFC 4648 §4; grpc doc/PROTOCOL-HTTP2.md).
enum Base64 {
  /// Without padding, as gRPC asks of a sender.
  static func encode(_ bytes: [UInt8]) -> String {
    var output: [UInt8] = []
    output.reserveCapacity((bytes.count * 4 + 2) / 3)
    var bits: UInt32 = 0
    var count: UInt32 = 0
    for byte in bytes {
      bits = bits << 8 | UInt32(byte)
      count += 8
      while count >= 6 {
        count -= 6
        output.append(alphabet[Int(bits >> count & 63)])
      }
    }
    if count > 0 { output.append(alphabet[Int(bits << (6 - count) & 63)]) }
    return String(decoding: output, as: UTF8.self)
  }

  /// Takes padded and unpadded text; nil when it is not base64.
  static func decode(_ text: String) -> [UInt8]? {
    var input = Array(text.utf8)
    var padding = 0
    while input.last == UInt8(ascii: "="), padding < 2 {
      input.removeLast()
      padding += 1
    }
    guard input.count % 4 != 1, padding == 0 || (input.count + padding) % 4 == 0 else {
      return nil
    }
    var output: [UInt8] = []
    output.reserveCapacity(input.count * 3 / 4)
    var bits: UInt32 = 0
    var count: UInt32 = 0
    for digit in input {
      guard let value = value(digit) else { return nil }
      bits = bits << 6 | value
      count += 6
      if count >= 8 {
        count -= 8
        output.append(UInt8(truncatingIfNeeded: bits >> count))
      }
    }
    return output
  }

  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  private static func value(_ digit: UInt8) -> UInt32? {
    switch digit {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit - UInt8(ascii: "0")) + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
