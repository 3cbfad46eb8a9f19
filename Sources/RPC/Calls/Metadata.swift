internal import NIOHPACK

/// What travels beside a call's messages: names in lower case with texts, or with bytes when the
/// name ends in `-bin`. Order is kept, and a name may come more than once.
public struct Metadata: Sendable {
  /// As received: with gRPC's and HTTP/2's own headers among them.
  var headers: HPACKHeaders

  public init() {
    headers = HPACKHeaders()
  }

  init(headers: HPACKHeaders) {
    self.headers = headers
  }

  public var isEmpty: Bool { headers.isEmpty }

  /// The first value of the name, or nil when there is none.
  public func first(_ name: String) -> String? {
    for header in headers where header.name == name { return header.value }
    return nil
  }

  /// The first value of a name that ends in `-bin`; nil when there is none or it is no base64.
  public func firstBytes(_ name: String) -> [UInt8]? {
    // A list of values in one header is joined by commas; the first is as good as any.
    first(name).flatMap { Base64.decode(String($0.prefix { $0 != "," })) }
  }

  /// *Precondition*: the name is a legal header in lower case, is not gRPC's own and does not end
  /// in `-bin`; the text is printable ASCII.
  public mutating func add(_ name: String, _ value: String) {
    precondition(Self.isFree(name) && !name.hasSuffix("-bin"), "metadata may not be named \(name)")
    precondition(
      value.utf8.allSatisfy { (0x20...0x7E).contains($0) },
      "the value of \(name) is no printable ASCII: use a name that ends in -bin")
    headers.add(name: name, value: value)
  }

  /// *Precondition*: the name is a legal header in lower case and ends in `-bin`.
  public mutating func add(_ name: String, bytes: [UInt8]) {
    precondition(Self.isFree(name) && name.hasSuffix("-bin"), "bytes may not be named \(name)")
    headers.add(name: name, value: Base64.encode(bytes))
  }

  /// True for a name that neither HTTP/2 nor gRPC uses for itself.
  private static func isFree(_ name: String) -> Bool {
    let isLegal = name.utf8.allSatisfy {
      switch $0 {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
        true
      default: false
      }
    }
    return isLegal && !name.isEmpty && !name.hasPrefix("grpc-")
      && !["te", "content-type", "connection", "host"].contains(name)
  }
}
