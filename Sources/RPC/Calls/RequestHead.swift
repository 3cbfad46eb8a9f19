internal import NIOCore
internal import NIOHPACK

/// What a gRPC call's headers must say, and what they may (grpc doc/PROTOCOL-HTTP2.md, Requests).
struct RequestHead {
  var path: String
  /// nil is no deadline.
  var timeout: TimeAmount?
  /// The compression of the messages; nil is none.
  var encoding: String?

  /// The answer to headers that are no gRPC call.
  struct Refusal: Error {
    var httpStatus: Int
    var status: RPCStatus

    var headers: HPACKHeaders {
      [
        ":status": String(httpStatus),
        "content-type": "application/grpc",
        "grpc-status": String(status.code.rawValue),
        "grpc-message": PercentEncoding.encode(status.message),
      ]
    }
  }

  static func parse(_ headers: HPACKHeaders) -> Result<RequestHead, Refusal> {
    var method = ""
    var path = ""
    var contentType = ""
    var timeout: String?
    var encoding: String?
    for (name, value, _) in headers {
      // The length first: it tells most names apart at once.
      switch name.utf8.count {
      case 5 where name == ":path": path = value
      case 7 where name == ":method": method = value
      case 12 where name == "content-type": contentType = value
      case 12 where name == "grpc-timeout": timeout = value
      case 13 where name == "grpc-encoding": encoding = value
      default: break
      }
    }
    guard isGRPC(contentType) else {
      let text = "invalid gRPC request content-type \"\(contentType)\""
      return .failure(Refusal(httpStatus: 415, status: RPCStatus(.invalidArgument, text)))
    }
    guard method == "POST" else {
      let text = "http2Server.operateHeaders parsed a :method field: \(method) which should be POST"
      return .failure(Refusal(httpStatus: 405, status: RPCStatus(.internal, text)))
    }
    var head = RequestHead(path: path, timeout: nil, encoding: encoding)
    if let timeout {
      guard let amount = CallTimeout.parse(timeout) else {
        let text = "malformed grpc-timeout: \(timeout)"
        return .failure(Refusal(httpStatus: 400, status: RPCStatus(.internal, text)))
      }
      head.timeout = amount
    }
    return .success(head)
  }

  /// `application/grpc`, alone or followed by `+proto` or parameters.
  static func isGRPC(_ contentType: String) -> Bool {
    let prefix = "application/grpc"
    if contentType == prefix { return true }
    guard contentType.utf8.starts(with: prefix.utf8) else { return false }
    let next = contentType.utf8.dropFirst(prefix.utf8.count).first
    return next == nil || next == UInt8(ascii: "+") || next == UInt8(ascii: ";")
  }
}
