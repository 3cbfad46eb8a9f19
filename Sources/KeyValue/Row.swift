/// Counts the rows ever written, from one, equally on every member. Rows in number order are rows
/// in revision order. Zero: no row.
public typealias RowNumber = Int64

/// One change of one key: what a put or a delete leaves behind (etcd kv.proto KeyValue).
public struct Row: Hashable, Sendable {
  public var number: RowNumber
  /// The store's revision that made this change.
  public var modRevision: Int64
  /// Counts the changes within one revision, from zero.
  public var subRevision: Int64
  public var key: [UInt8]
  /// Empty for a tombstone.
  public var value: [UInt8]
  /// The revision that created the key's present life; zero for a tombstone.
  public var createRevision: Int64
  /// Counts the puts in the key's present life, from one; zero for a tombstone.
  public var version: Int64
  /// The lease the key hangs on; zero: none.
  public var lease: Int64

  /// The key was deleted here.
  public var isTombstone: Bool { version == 0 }

  public init(
    number: RowNumber, modRevision: Int64, subRevision: Int64, key: [UInt8], value: [UInt8],
    createRevision: Int64, version: Int64, lease: Int64
  ) {
    self.number = number
    self.modRevision = modRevision
    self.subRevision = subRevision
    self.key = key
    self.value = value
    self.createRevision = createRevision
    self.version = version
    self.lease = lease
  }
}

/// Where rows that memory no longer holds are read from.
public protocol RowReading {
  /// The rows with these numbers, in the same order. Every number was handed to the flusher
  /// before and is not compacted as long as a live root needs it.
  ///
  /// *Throws* when the world fails (a disk, a checksum): the member stops.
  func rows(numbered numbers: [RowNumber]) throws -> [Row]
}

/// The state beside the rows; it changes in the same transaction as they do.
public struct StateMeta: Hashable, Sendable {
  /// The last entry of the log that this state contains; zero: none.
  public var appliedIndex: UInt64
  public var appliedTerm: UInt64
  /// The store's revision; one in an empty store, as in etcd.
  public var revision: Int64
  /// The last revision that a client compacted; zero (etcd answers −1 for none): none.
  public var compactRevision: Int64
  /// Physical compaction has removed everything superseded at or before this revision.
  public var scrubbedRevision: Int64
  /// The highest row number ever given out.
  public var lastRow: RowNumber
  /// How many rows the table holds.
  public var rowCount: Int64
  /// Over the logical state at `appliedIndex`: equal on all members at equal applied index.
  public var digest: StateDigest

  public init(
    appliedIndex: UInt64 = 0, appliedTerm: UInt64 = 0, revision: Int64 = 1,
    compactRevision: Int64 = 0, scrubbedRevision: Int64 = 0, lastRow: RowNumber = 0,
    rowCount: Int64 = 0, digest: StateDigest = StateDigest()
  ) {
    self.appliedIndex = appliedIndex
    self.appliedTerm = appliedTerm
    self.revision = revision
    self.compactRevision = compactRevision
    self.scrubbedRevision = scrubbedRevision
    self.lastRow = lastRow
    self.rowCount = rowCount
    self.digest = digest
  }
}

/// 256 bits that do not depend on the order in which rows were added: the wrapping sum of a
/// 256-bit hash a row. Compaction does not change it, for members compact rows at different times.
public struct StateDigest: Hashable, Sendable {
  public var lanes: (UInt64, UInt64, UInt64, UInt64)

  public init() { lanes = (0, 0, 0, 0) }

  public init(lanes: (UInt64, UInt64, UInt64, UInt64)) { self.lanes = lanes }

  public static func == (left: StateDigest, right: StateDigest) -> Bool {
    left.lanes == right.lanes
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(lanes.0)
    hasher.combine(lanes.1)
    hasher.combine(lanes.2)
    hasher.combine(lanes.3)
  }
}

/// What the flusher writes in ONE transaction.
public struct FlushBatch: Sendable {
  /// New rows, in number order.
  public var rows: [Row]
  /// Compacted rows that no live root needs, to be deleted.
  public var removed: [RowNumber]
  /// The state after all of it.
  public var meta: StateMeta

  public init(rows: [Row], removed: [RowNumber], meta: StateMeta) {
    self.rows = rows
    self.removed = removed
    self.meta = meta
  }
}
