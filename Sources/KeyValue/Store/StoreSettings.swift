/// The bounds of a store's memory, in bytes. They change no answer, only what it costs.
public struct StoreSettings: Hashable, Sendable {
  /// Rows that wait to be flushed; beyond it the store is full and apply should wait.
  public var overlayLimitBytes = 64 << 20
  /// Flushed rows that stay in the read view because they are the newest.
  public var recentLimitBytes = 8 << 20
  /// Rows that apply had to read from the table.
  public var cacheLimitBytes = 4 << 20

  public init() {}
}
