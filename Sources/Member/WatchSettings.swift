public import KeyValue

/// The bounds of watches (Docs/Limits.md).
public struct WatchSettings: Hashable, Sendable {
  public var hub = WatchHub.Limits()
  /// How often a watch that wants it is told how far it has come, unless it had events (etcd
  /// `--experimental-watch-progress-notify-interval`).
  public var progressInterval = Duration.seconds(600)
  /// A stream that takes nothing for so long, while something waits for it, is ended.
  public var stallLimit = Duration.seconds(60)
  /// How often stalls and the quorum are looked at.
  public var checkInterval = Duration.seconds(1)
  /// Answers without events that may wait for a client that does not read.
  public var backlogLimit = 10_000
  /// How long a read that came at the wrong moment waits for the next try.
  public var retryPause = Duration.milliseconds(20)

  public init() {}
}
