/// How a call ended: gRPC's code and a text for the caller.
public struct RPCStatus: Error, Equatable, Sendable {
  public var code: RPCStatusCode
  /// Clients of etcd compare it, so it is etcd's own text wherever etcd has one. Empty when ok.
  public var message: String

  public init(_ code: RPCStatusCode, _ message: String) {
    self.code = code
    self.message = message
  }

  public static let ok = RPCStatus(.ok, "")
}

/// The codes of gRPC (grpc doc/statuscodes.md), with their numbers on the wire.
public enum RPCStatusCode: Int, CaseIterable, Sendable {
  case ok = 0
  case cancelled = 1
  case unknown = 2
  case invalidArgument = 3
  case deadlineExceeded = 4
  case notFound = 5
  case alreadyExists = 6
  case permissionDenied = 7
  case resourceExhausted = 8
  case failedPrecondition = 9
  case aborted = 10
  case outOfRange = 11
  case unimplemented = 12
  case `internal` = 13
  case unavailable = 14
  case dataLoss = 15
  case unauthenticated = 16

  /// What a client makes of an answer that has an HTTP status and no gRPC status
  /// (grpc doc/http-grpc-status-mapping.md).
  init(httpStatus: Int) {
    switch httpStatus {
    case 400: self = .internal
    case 401: self = .unauthenticated
    case 403: self = .permissionDenied
    case 404: self = .unimplemented
    case 429, 502, 503, 504: self = .unavailable
    default: self = .unknown
    }
  }
}
