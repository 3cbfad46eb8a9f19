/// Where a member listens for clients.
public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
  /// A name or an address; an IPv6 address without its brackets.
  public let host: String
  public let port: Int
  /// As the user wrote it: what output and messages show.
  public let description: String

  /// etcd's client port, where none is given.
  public static let defaultPort = 2379

  public enum Malformed: Error, Hashable, Sendable {
    case empty
    /// `https`, until the transport speaks it, or no scheme that a member could have.
    case scheme(String)
    case port(String)
    case host(String)
  }

  /// `host`, `host:port`, `http://host:port`; an IPv6 address stands in brackets.
  public init(_ text: String) throws(Malformed) {
    var rest = text[...]
    if let separator = text.firstRange(of: "://") {
      let scheme = text[..<separator.lowerBound]
      guard scheme == "http" else { throw .scheme(String(scheme)) }
      rest = text[separator.upperBound...]
    }
    while rest.hasSuffix("/") { rest.removeLast() }
    guard !rest.isEmpty else { throw .empty }
    let (host, port) = try Self.split(rest)
    let legal = host.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    guard !host.isEmpty, legal, !host.contains(where: { "/?#@[]".contains($0) }) else {
      throw .host(String(rest))
    }
    self.host = String(host)
    self.port = port
    self.description = text
  }

  private static func split(_ text: Substring) throws(Malformed) -> (Substring, Int) {
    if text.hasPrefix("[") {
      guard let bracket = text.firstIndex(of: "]") else { throw .host(String(text)) }
      let host = text[text.index(after: text.startIndex)..<bracket]
      let rest = text[text.index(after: bracket)...]
      if rest.isEmpty { return (host, defaultPort) }
      guard rest.hasPrefix(":") else { throw .host(String(text)) }
      return (host, try number(rest.dropFirst()))
    }
    guard let colon = text.firstIndex(of: ":") else { return (text, defaultPort) }
    // More than one colon is an IPv6 address that lost its brackets: where would its port be?
    guard text.lastIndex(of: ":") == colon else { throw .host(String(text)) }
    return (text[..<colon], try number(text[text.index(after: colon)...]))
  }

  private static func number(_ text: Substring) throws(Malformed) -> Int {
    guard let port = UInt16(text), port > 0, text.allSatisfy(\.isNumber) else {
      throw .port(String(text))
    }
    return Int(port)
  }
}

extension Endpoint.Malformed: CustomStringConvertible {
  /// One sentence's tail.
  public var description: String {
    switch self {
    case .empty: "an endpoint may not be empty"
    case .scheme(let scheme): "an endpoint's scheme is http, not \(scheme)"
    case .port(let port): "an endpoint's port is a number from 1 to 65535, not \"\(port)\""
    case .host(let text): "\"\(text)\" is no host:port (an IPv6 address stands in brackets)"
    }
  }
}
