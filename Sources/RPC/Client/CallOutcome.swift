public import NIOCore

/// How a call ended, as the client sees it.
public struct CallOutcome: Sendable {
  public var status: RPCStatus
  public var delivery: Delivery
  /// The answer of a unary call that went well; nil otherwise.
  public var message: ByteBuffer?
  /// What came before the messages; empty when the server answered with an error at once.
  public var metadata: Metadata
  public var trailers: Metadata

  init(
    _ status: RPCStatus, _ delivery: Delivery, metadata: Metadata = Metadata(),
    trailers: Metadata = Metadata()
  ) {
    self.status = status
    self.delivery = delivery
    self.metadata = metadata
    self.trailers = trailers
  }
}

/// Whether the server may have acted on a call: what a retry depends on.
public enum Delivery: Equatable, Sendable {
  /// The server itself gave the status.
  case answered
  /// Certainly not processed: not connected, refused by the server before it looked at the call
  /// (REFUSED_STREAM), or begun after the last call that its GOAWAY names. Any call may be
  /// repeated.
  case neverSent
  /// On its way when it ended. Only what does no harm twice may be repeated.
  case maybeSent
}

/// What happens to a streaming call of a client, in order. Given on the connection's loop.
public enum ClientStreamEvent: Sendable {
  case metadata(Metadata)
  case message(ByteBuffer)
  /// `send` was refused before and would be taken now.
  case writable
  /// Always the last, and always given, also after `cancel`.
  case ended(CallOutcome)
}

/// Where a connection stands.
public enum ConnectionState: Equatable, Sendable {
  case ready
  /// The server said that it will close; calls in flight end, new ones are never sent.
  case parting
  /// The reason, in a sentence's tail.
  case closed(String)
}

/// Why there is no connection. Nothing was sent.
public enum ConnectFailure: Error, Equatable, Sendable {
  /// Nobody listens there.
  case refused
  case timedOut
  /// The host is unknown.
  case unknownHost
  /// The other side does not speak HTTP/2, or closed before it said a word.
  case noHTTP2
  /// What the system says.
  case other(String)
}
