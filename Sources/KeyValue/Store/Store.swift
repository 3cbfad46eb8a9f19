/// The state that commands change: the key index, the rows that are not in the table yet, and the
/// meta beside them. One thread owns it; readers take read views.
public struct Store: Sendable {
  /// A state in the past that ends with a whole entry, where a flush may stop.
  struct Boundary: Sendable {
    var meta: StateMeta
    /// Of all changes ever applied here, up to this boundary.
    var appliedBytes: Int
  }

  /// Rows between two boundaries, about.
  static let boundaryBytes = 64 << 10

  var state: StoreState
  var leases = LeaseTable()
  /// What became of leases in entries that are not flushed yet; `nil`: it has ended.
  var leaseJournal: [(index: UInt64, id: Int64, lease: Lease?)] = []
  var cache: RowCache
  let settings: StoreSettings
  /// False while an entry is half applied, and for ever if the world failed then.
  var isWhole = true
  var appliedBytes = 0
  /// Ends of entries not flushed yet, oldest first; the state as it is now is one more.
  var boundaries: [Boundary] = []
  /// The last batch reported as written.
  var flushedEnd: Boundary
  /// The batch that the flusher has.
  var inFlight: Boundary?
  /// Rows taken out of the index, to be removed from the table with the next batch.
  var purged: [RowNumber] = []
  /// Over all rows ever purged.
  var purgedDigest: StateDigest
  var purgedCount: Int64
  /// `nil`: no purge is under way.
  var purgeWalk: PurgeWalk?
  /// The last mark that was applied to this very value; `nil`: none.
  var lastMark: DigestMark?
  /// Of the rows that the table holds, or will with the next flush.
  var blocks = BlockDigests()
  /// Blocks with rows that are out of the index and still in the table.
  var unsettledBlocks: Set<Int64> = []
  /// Of these the rows go with the batch that the flusher has.
  var settlingBlocks: Set<Int64> = []
  /// What read views taken before a compaction keep alive, and the compact revision that they show.
  var olderHolds: [(compactRevision: Int64, hold: ReadViewHold)] = []

  /// Revision one, no key.
  public init(generation: UInt64, settings: StoreSettings = StoreSettings()) {
    self.init(
      meta: StateMeta(), index: KeyIndex(), leases: LeaseTable(), generation: generation,
      settings: settings)
  }

  init(
    meta: StateMeta, index: KeyIndex, leases: LeaseTable, generation: UInt64,
    settings: StoreSettings, blocks: BlockDigests = BlockDigests()
  ) {
    self.leases = leases
    self.blocks = blocks
    state = StoreState(
      index: index, window: RowWindow(after: meta.lastRow), meta: meta, generation: generation)
    cache = RowCache(limitBytes: settings.cacheLimitBytes)
    self.settings = settings
    flushedEnd = Boundary(meta: meta, appliedBytes: 0)
    purgedDigest = meta.digest - meta.presentDigest
    purgedCount = meta.lastRow - meta.rowCount
  }

  /// The state as it is now, for readers on any thread. Cheap; keeps alive what it shows.
  ///
  /// *Precondition*: no apply has thrown.
  public var readView: ReadView {
    precondition(isWhole, "entry \(state.meta.appliedIndex + 1) is half applied")
    return ReadView(state: state)
  }

  /// The state at the last applied entry.
  public var meta: StateMeta { state.meta }

  /// The state file that holds the rows which memory does not.
  public var generation: UInt64 { state.generation }

  /// The meta of the last batch that the flusher reported.
  public var flushedMeta: StateMeta { flushedEnd.meta }

  /// All leases as they are now, and the lease clock.
  public var leaseImage: LeaseImage {
    LeaseImage(time: state.meta.leases.time, leases: leases.all)
  }

  /// The keys that hang on a lease, in their order.
  public func keys(onLease id: Int64) -> [[UInt8]] { leases.keys(on: id) }

  /// What the changes that wait to be flushed occupy, about.
  public var overlayBytes: Int { appliedBytes - flushedEnd.appliedBytes }

  /// The overlay holds as much as it may: apply should wait for the flusher.
  public var isFull: Bool { overlayBytes >= settings.overlayLimitBytes }
}
