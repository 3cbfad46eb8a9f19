/// The limits of a server. Nothing a client does makes it hold more than these allow.
public struct ServerSettings: Sendable {
  /// The largest message a call may bring. etcd: 1.5 MiB of request and 512 KiB for the rest.
  public var messageLimitBytes = 2 * 1024 * 1024
  /// The largest body of an HTTP/1.1 request.
  public var bodyLimitBytes = 1024 * 1024
  /// Client connections at a time; one more is closed as soon as it is accepted.
  public var connectionLimit = 10_000
  /// Calls at a time on one connection; announced to the client, which waits.
  public var callLimitPerConnection = 1_000
  /// The largest headers of a call.
  public var headerLimitBytes = 64 * 1024
  /// What all connections of one loop together may hold of unfinished requests and unsent
  /// answers. Calls beyond it end with RESOURCE_EXHAUSTED.
  public var bufferLimitBytes = 256 * 1024 * 1024
  /// What one stream may hold of messages not yet handed to the socket. `send` refuses beyond it.
  public var streamSendLimitBytes = 1024 * 1024
  /// A connection that says nothing for so long is asked whether it is there; etcd: 2 hours.
  public var keepAliveInterval = Duration.seconds(2 * 3_600)
  /// How long it may take to answer that.
  public var keepAliveTimeout = Duration.seconds(20)
  /// A client that pings more often than this, and is not being answered meanwhile, is told
  /// `too_many_pings` and dropped; etcd: 5 seconds.
  public var pingIntervalFloor = Duration.seconds(5)
  /// How long a new connection may take to show its protocol, and an HTTP/1.1 one to be idle.
  public var idleLimit = Duration.seconds(60)

  public init() {}
}
