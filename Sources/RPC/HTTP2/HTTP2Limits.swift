/// The windows and the guards that an end of an HTTP/2 connection sets.
struct HTTP2Limits: Sendable {
  /// How much a peer may send on one stream, and on the connection, before it is read.
  var streamWindow = 256 * 1024
  var connectionWindow = 1024 * 1024
  /// Streams that the peer may have open at a time.
  var streamLimit = 1_000
  /// The largest list of headers taken of the peer.
  var headerLimitBytes = 64 * 1024

  /// The frames of one header block.
  static let blockFrameLimit = 32
  /// Messages are handed to the socket in portions of this size while it takes them.
  static let portionBytes = 256 * 1024
  /// What a connection that the peer does not read may owe it besides messages: answers to its
  /// pings, headers, resets. Beyond it the peer's frames are not read either.
  static let owedLimitBytes = 128 * 1024
  /// Streams that we reset lately: frames of theirs may still be on their way.
  static let recentResetLimit = 1_000

  /// A client with a thousand calls in flight resets them all when their deadlines pass
  /// (CVE-2023-44487 is about those who reset for ever).
  static let resetsPerHalfMinute = 20_000
  /// Streams that the peer made us reset.
  static let streamErrorsPerHalfMinute = 1_000
  /// grpc-go measures the bandwidth with a ping for each round trip that brings data, so thousands
  /// a second are well-behaved. Idle pings have a rule of their own.
  static let pingsPerHalfMinute = 1_000_000
  /// Settings, priorities, empty pieces, frames of no use.
  static let idleFramesPerHalfMinute = 10_000
}
