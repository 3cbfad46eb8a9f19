/// The bounds of a store's files.
public struct StorageSettings: Hashable, Sendable {
  /// A WAL is checkpointed between batches once it has this many pages of 4 KiB.
  public var checkpointPages = 100
  /// Above this many pages new reads wait until the WAL could begin anew.
  public var walLimitPages = 4_000
  /// Kept aside for deletes, compaction and the log while the disk is full.
  public var reserveBytes = 16 << 20
  /// Commands that grow the store are refused when less than this is free.
  public var neededBytes: UInt64 = 64 << 20

  public init() {}
}
