/// Which headers a block holds.
enum HeaderKind: Hashable, Sendable {
  case request
  case response
  case trailers
}

/// Holds a list of headers, one after the other, to RFC 9113 §8.2 and §8.3. A list that breaks a
/// rule is malformed: it ends its stream (§8.1.1).
struct HeaderRules: Equatable, Sendable {
  let kind: HeaderKind
  private(set) var isBroken = false
  /// The number that `content-length` says; nil when it is not there.
  private(set) var contentLength: Int?
  private var hasRegular = false
  private var pseudo: Pseudo = []
  private var isConnect = false
  /// 100…199: the response proper is still to come (RFC 9110 §15.2).
  private(set) var isInterim = false

  private struct Pseudo: OptionSet {
    let rawValue: UInt8
    static let method = Pseudo(rawValue: 1)
    static let scheme = Pseudo(rawValue: 2)
    static let path = Pseudo(rawValue: 4)
    static let authority = Pseudo(rawValue: 8)
    static let status = Pseudo(rawValue: 16)
  }

  init(_ kind: HeaderKind) { self.kind = kind }

  /// True when the list, as far as it was shown, may stand as a whole.
  var isWellFormed: Bool {
    guard !isBroken else { return false }
    switch kind {
    case .request:
      // A tunnel has neither (RFC 9113 §8.5).
      if isConnect { return pseudo == [.method, .authority] }
      return pseudo.isSuperset(of: [.method, .scheme, .path])
    case .response: return pseudo == .status
    case .trailers: return pseudo.isEmpty
    }
  }

  mutating func show(_ name: String, _ value: String) {
    let isFine =
      name.utf8.first == UInt8(ascii: ":")
      ? showPseudo(name, value) : showRegular(name, value)
    if !isFine || !Self.isLegal(value: value) { isBroken = true }
  }

  private mutating func showPseudo(_ name: String, _ value: String) -> Bool {
    let this: Pseudo
    switch (name, kind) {
    case (":method", .request):
      this = .method
      isConnect = value == "CONNECT"
    case (":scheme", .request): this = .scheme
    case (":path", .request):
      this = .path
      if value.isEmpty { return false }
    case (":authority", .request): this = .authority
    case (":status", .response):
      this = .status
      isInterim = value.utf8.first == UInt8(ascii: "1")
      let isNumber = value.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")) ~= $0 }
      if value.utf8.count != 3 || !isNumber { return false }
    default: return false
    }
    // Each once, and before all others.
    return pseudo.insert(this).inserted && !hasRegular
  }

  private mutating func showRegular(_ name: String, _ value: String) -> Bool {
    hasRegular = true
    guard Self.isLegal(name: name) else { return false }
    switch name {
    case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
      return false
    case "te":
      return value == "trailers"
    case "content-length":
      guard let length = Int(value), length >= 0, contentLength ?? length == length else {
        return false
      }
      contentLength = length
      return true
    default:
      return true
    }
  }

  /// RFC 9113 §8.2.1: no upper case, nothing at or below the space, no colon, ASCII.
  private static func isLegal(name: String) -> Bool {
    var copy = name
    return copy.withUTF8 { bytes in
      bytes.allSatisfy {
        $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":")
          && !(UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0)
      }
    }
  }

  /// RFC 9113 §8.2.1: no NUL, no line break, no blank at either end.
  private static func isLegal(value: String) -> Bool {
    var copy = value
    return copy.withUTF8 { bytes in
      guard let first = bytes.first, let last = bytes.last else { return true }
      guard first != 0x20, first != 0x09, last != 0x20, last != 0x09 else { return false }
      return bytes.allSatisfy { $0 != 0 && $0 != 0x0A && $0 != 0x0D }
    }
  }
}
