/// `http://host:port`, as etcd's flags write an address.
public struct MemberURL: Hashable, Sendable, CustomStringConvertible {
  /// A name, an IPv4 address, or an IPv6 address without its brackets; never empty.
  public let host: String
  /// Zero, for listening only: any free port.
  public let port: Int

  public init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  /// Reads one URL of the flag named `flag`.
  ///
  /// *Throws* `ServerExit.badFlags` with what is wrong.
  public init(parsing text: String, flag: String) throws(ServerExit) {
    let scheme = "http://"
    if text.hasPrefix("https://") {
      throw .badFlags("\(flag)=\(text): TLS is not there yet, write http://")
    }
    guard text.hasPrefix(scheme) else {
      throw .badFlags("\(flag)=\(text): an address is written http://host:port")
    }
    var rest = text.dropFirst(scheme.count)
    if rest.hasSuffix("/") { rest.removeLast() }
    guard let colon = rest.lastIndex(of: ":"), !rest.contains("/") else {
      throw .badFlags("\(flag)=\(text): an address is written http://host:port, without a path")
    }
    let digits = rest[rest.index(after: colon)...]
    guard let port = UInt16(digits), digits.allSatisfy(\.isNumber) else {
      throw .badFlags("\(flag)=\(text): the port is a number up to 65535")
    }
    var host = String(rest[..<colon])
    if host.hasPrefix("[") && host.hasSuffix("]") {
      host = String(host.dropFirst().dropLast())
    } else if host.contains(":") {
      throw .badFlags("\(flag)=\(text): an IPv6 address stands in brackets")
    }
    guard !host.isEmpty else { throw .badFlags("\(flag)=\(text): the host is missing") }
    self.host = host
    self.port = Int(port)
  }

  /// Reads a list with commas between.
  public static func list(_ text: String, flag: String) throws(ServerExit) -> [MemberURL] {
    var urls: [MemberURL] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      urls.append(try MemberURL(parsing: String(part), flag: flag))
    }
    return urls
  }

  public var description: String {
    "http://\(host.contains(":") ? "[\(host)]" : host):\(port)"
  }
}
