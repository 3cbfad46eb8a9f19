/// The bounds of a store's files.
public struct StorageSettings: Hashable, Sendable {
  /// The WAL of `raft.db` is checkpointed between commits once it has this many pages.
  public var checkpointPages = 400
  /// What a segment of the log has room for.
  public var segmentBytes = 4 << 20
  /// At most so many free pages are given back to the file system at a time.
  public var vacuumPages = 64
  /// Kept aside for deletes, compaction and the log while the disk is full.
  public var reserveBytes = 16 << 20
  /// Commands that grow the store are refused when less than this is free, until an eighth more is.
  public var neededBytes: UInt64 = 64 << 20

  /// For so long a commit of the state file waits at a time, while another process reads it.
  public var lockMilliseconds: Int32 = 2_000
  /// So many times, before the member ends.
  public var lockTries = 150

  public init() {}
}
