internal import NIOCore
internal import NIOHTTP2

/// The windows and the guards that both ends of an HTTP/2 connection set.
enum HTTP2Limits {
  /// How much a peer may send on one call, and on the connection, before it is read.
  static let streamWindow = 256 * 1024
  static let connectionWindow = 1024 * 1024

  static func applied(
    to connection: NIOHTTP2Handler.ConnectionConfiguration
  ) -> NIOHTTP2Handler.ConnectionConfiguration {
    var connection = connection
    connection.targetWindowSize = connectionWindow
    // grpc-go measures the bandwidth with a ping for each round trip that brings data, so
    // thousands a second are well-behaved. Idle pings have a rule of their own.
    connection.controlFrameRateLimit.maximumCount = 1_000_000
    // Frames of calls that we ended early are still on their way.
    connection.maximumRecentlyResetStreams = 1_000
    return connection
  }

  static let stream: NIOHTTP2Handler.StreamConfiguration = {
    var stream = NIOHTTP2Handler.StreamConfiguration()
    stream.targetWindowSize = streamWindow
    // A client with a thousand calls in flight resets them all when their deadlines pass.
    stream.streamResetFrameRateLimit.maximumCount = 20_000
    stream.streamErrorRateLimit.maximumCount = 1_000
    return stream
  }()
}
