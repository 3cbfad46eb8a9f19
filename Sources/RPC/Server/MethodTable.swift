public import NIOCore

/// What a server serves: a handler for each method path.
///
/// Handlers are called on the loop of the call's connection and must not block. They answer then
/// or later, from any thread.
public struct MethodTable: Sendable {
  public typealias UnaryHandler = @Sendable (UnaryCall) -> Void
  /// Called when the call opens; the closure that it returns is given everything that happens to
  /// the call, on the loop.
  public typealias StreamHandler = @Sendable (StreamCall) -> (StreamEvent) -> Void

  enum Handler: Sendable {
    case unary(UnaryHandler)
    case stream(StreamHandler)
  }

  private var handlers: [String: Handler] = [:]
  private var services: Set<Substring> = []

  public init() {}

  /// One message in, one message out. The path is `/package.Service/Method`.
  public mutating func unary(_ path: String, _ handler: @escaping UnaryHandler) {
    insert(.unary(handler), at: path)
  }

  /// Any number of messages either way. The path is `/package.Service/Method`.
  public mutating func stream(_ path: String, _ handler: @escaping StreamHandler) {
    insert(.stream(handler), at: path)
  }

  private mutating func insert(_ handler: Handler, at path: String) {
    guard let (service, _) = Self.split(path) else {
      preconditionFailure("\(path) is not /package.Service/Method")
    }
    precondition(handlers[path] == nil, "\(path) has two handlers")
    handlers[path] = handler
    services.insert(service)
  }

  subscript(path: String) -> Handler? { handlers[path] }

  /// Full names of the services, in order.
  public var serviceNames: [String] { services.map(String.init).sorted() }

  /// What a call of an unknown path is told, in grpc-go's words.
  func refusal(of path: String) -> RPCStatus {
    guard let (service, method) = Self.split(path) else {
      return RPCStatus(.unimplemented, "malformed method name: \"\(path)\"")
    }
    guard services.contains(service) else {
      return RPCStatus(.unimplemented, "unknown service \(service)")
    }
    return RPCStatus(.unimplemented, "unknown method \(method) for service \(service)")
  }

  private static func split(_ path: String) -> (service: Substring, method: Substring)? {
    guard path.hasPrefix("/"), let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
      return nil
    }
    return (path[path.index(after: path.startIndex)..<slash], path[path.index(after: slash)...])
  }
}

/// What a call says of itself when it opens.
public struct CallContext: Sendable {
  /// `/package.Service/Method`.
  public let path: String
  public let metadata: Metadata
  /// The client's address; nil when the connection has none to tell.
  public let peer: SocketAddress?
  /// When the client gives up; nil is never. The server then ends the call by itself.
  public let deadline: NIODeadline?

  public init(
    path: String, metadata: Metadata, peer: SocketAddress? = nil, deadline: NIODeadline? = nil
  ) {
    self.path = path
    self.metadata = metadata
    self.peer = peer
    self.deadline = deadline
  }
}

/// How a call with one answer ended.
public enum UnaryOutcome: Sendable {
  case answered([UInt8], Metadata)
  case failed(RPCStatus, Metadata)
}

/// A call with its one message, to be answered once.
public struct UnaryCall: Sendable {
  public let context: CallContext
  public let message: ByteBuffer
  private let caller: Caller

  /// Who is told how the call ended.
  private enum Caller: Sendable {
    case stream(ServerStream)
    case closure(@Sendable (UnaryOutcome) -> Void)
  }

  init(context: CallContext, message: ByteBuffer, stream: ServerStream) {
    self.context = context
    self.message = message
    caller = .stream(stream)
  }

  /// A call that did not come as gRPC: `onEnd` is told how it ended, on whichever thread ends it.
  public init(
    context: CallContext, message: ByteBuffer, onEnd: @escaping @Sendable (UnaryOutcome) -> Void
  ) {
    self.context = context
    self.message = message
    caller = .closure(onEnd)
  }

  /// Ends the call well. The first answer counts; a later one, or one after the client has gone or
  /// the deadline has passed, is dropped.
  public func answer(_ message: [UInt8], trailers: Metadata = Metadata()) {
    switch caller {
    case .stream(let stream): stream.finishFromAnyThread(.answer(message, trailers))
    case .closure(let tell): tell(.answered(message, trailers))
    }
  }

  /// Ends the call with an error.
  ///
  /// *Precondition*: the status is not ok; a call that went well is answered with a message.
  public func fail(_ status: RPCStatus, trailers: Metadata = Metadata()) {
    precondition(status.code != .ok, "a failure with the status ok")
    switch caller {
    case .stream(let stream): stream.finishFromAnyThread(.finish(status, trailers))
    case .closure(let tell): tell(.failed(status, trailers))
    }
  }
}

/// A call of any number of messages either way.
public struct StreamCall: Sendable {
  public let context: CallContext
  private let client: Client

  private enum Client: Sendable {
    case stream(ServerStream)
    case closures(
      send: @Sendable ([UInt8]) -> Bool, finish: @Sendable (RPCStatus, Metadata, [[UInt8]]) -> Void)
  }

  init(context: CallContext, stream: ServerStream) {
    self.context = context
    client = .stream(stream)
  }

  /// A call that did not come as gRPC. What `send` and `finish` are given, the closures get, on
  /// whichever thread they are called; a `send` that is refused may be tried again after the
  /// handler was given `.writable`.
  public init(
    context: CallContext, onSend: @escaping @Sendable ([UInt8]) -> Bool,
    onFinish: @escaping @Sendable (RPCStatus, Metadata, [[UInt8]]) -> Void
  ) {
    self.context = context
    client = .closures(send: onSend, finish: onFinish)
  }

  /// Sends one message, after those sent before. False: it was not taken, because the client does
  /// not keep up or the call is over. In the first case `.writable` says when to go on.
  public func send(_ message: [UInt8]) -> Bool {
    switch client {
    case .stream(let stream): stream.send(message)
    case .closures(let send, _): send(message)
    }
  }

  /// Ends the call, after the messages that were sent and some last ones, which are taken whatever
  /// waits. Later calls of it are dropped.
  public func finish(
    _ status: RPCStatus, trailers: Metadata = Metadata(), last messages: [[UInt8]] = []
  ) {
    switch client {
    case .stream(let stream): stream.finishStream(status, trailers, last: messages)
    case .closures(_, let finish): finish(status, trailers, messages)
    }
  }
}

/// What happens to a streaming call, in order.
public enum StreamEvent: Sendable {
  case message(ByteBuffer)
  /// The client sends no more messages; it still waits for ours.
  case halfClosed
  /// `send` was refused before and would be taken now.
  case writable
  /// The call ended before `finish`: the client reset it or went away, sent what is no message,
  /// or its deadline has passed. Nothing comes after it.
  case cancelled
}
