public import Wire

/// The bounds and times of a transport.
public struct TransportSettings: Sendable {
  public var limits = WireLimits()
  /// From the connection to the end of the handshake.
  public var handshakeTimeout: Duration = .seconds(1)
  /// A session on which nothing arrives for so long is given up.
  public var idleTimeout: Duration = .seconds(3)
  public var firstBackoff: Duration = .milliseconds(20)
  public var backoffLimit: Duration = .milliseconds(500)
  /// Accepted connections that have not shaken hands.
  public var strangerLimit = 64
  /// Chunks of an arriving snapshot that are not on disk before reading stops.
  public var unspooledChunks = 8

  public init() {}
}

/// Where a member listens or is reached.
public struct PeerAddress: Hashable, Sendable {
  public var host: String
  public var port: Int

  public init(host: String, port: Int) {
    self.host = host
    self.port = port
  }
}
