/// The limits of a client's connection.
public struct ClientSettings: Sendable {
  /// From the first packet to the server's first HTTP/2 frame.
  public var connectTimeout = Duration.seconds(2)
  /// The largest message taken. Above it the call ends with RESOURCE_EXHAUSTED.
  public var messageLimitBytes = 256 * 1024 * 1024
  /// The largest headers taken of one answer.
  public var headerLimitBytes = 64 * 1024
  /// Calls at a time. Above it a call ends with RESOURCE_EXHAUSTED and is never sent.
  public var callLimit = 10_000
  /// What one stream may hold of messages not yet handed to the socket. `send` refuses beyond it.
  public var streamSendLimitBytes = 1024 * 1024
  /// A connection that says nothing for so long is asked whether it is there; nil: never.
  public var keepAliveInterval: Duration?
  /// How long it may take to answer that.
  public var keepAliveTimeout = Duration.seconds(10)

  public init() {}
}
