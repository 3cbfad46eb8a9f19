import Glibc
import KeyValue
import Raft
import Storage

/// The thread that writes the state file: one batch is one transaction, with its applied index.
struct Flusher {
  enum Job: Sendable {
    case flush(FlushBatch)
    /// Goes on with the house-keeping that the last flush left over.
    case tend
    /// Tells when a flush interval has passed.
    case pause(@Sendable () -> Void)
    /// A second has passed.
    case rest
    /// Gives every free page back; tells when that is done.
    case defragment(@Sendable () -> Void)
    /// Opens a snapshot of the state as of the last flush.
    case openSnapshot(@Sendable (Handover<any SnapshotSource>) -> Void)
    /// Takes another generation over; what was open before is closed.
    case adopt(Handover<any StateStore>, @Sendable (Adopted) -> Void)
  }

  /// A generation that was opened, and everything that its users need.
  struct Adopted: Sendable {
    var store: Handover<Store>
    var applierReader: Handover<any StateReader>
    var reader: Handover<any StateReader>
    var patrolReader: Handover<any StateReader>
  }

  private var state: any StateStore
  private let door: ReplicaDoor
  private let fate: Fate
  private let flushed: @Sendable (UInt64) -> Void
  /// Hands a job to this very thread, behind those that wait.
  private let back: @Sendable (Job) -> Void
  /// A `tend` is on its way.
  private var isTendDue = false
  private var durableApplied = LogIndex.zero
  private var lastFlush = Instant.zero
  /// The last piece of house-keeping: when it ended, and how long it took.
  private var tended: (at: Instant, took: Duration) = (.zero, .zero)
  private let board: Board
  private var heap = Heap()
  /// Who waits until every free page is given back.
  private var defragmenting: [@Sendable () -> Void] = []

  /// Small batches are held up so that there is one in this time: each syncs, and rewrites some
  /// pages that say where the rows are. The log holds the rows until then.
  static let interval: Duration = .milliseconds(100)
  /// A batch that removes rows, and what waits for it, is not held up for so long.
  static let scrubInterval: Duration = .milliseconds(25)
  /// A batch of so many rows does not wait.
  static let largeBatch = 4_000

  init(
    state: Handover<any StateStore>, board: Board, door: ReplicaDoor, fate: Fate,
    flushed: @escaping @Sendable (UInt64) -> Void, back: @escaping @Sendable (Job) -> Void
  ) {
    self.state = state.value
    self.board = board
    self.door = door
    self.fate = fate
    self.flushed = flushed
    self.back = back
    tellDurable()
    tellSize()
  }

  mutating func work(_ jobs: [Job]) {
    do throws(StorageError) {
      for job in jobs {
        switch job {
        case .flush(let batch): try flush(batch)
        case .tend:
          isTendDue = false
          rest()
          try tend()
        case .pause(let reply):
          usleep(UInt32(Self.scrubInterval.nanoseconds / 1000))
          reply()
        case .rest: heap.rest()
        case .openSnapshot(let reply): reply(Handover(try state.openSnapshot()))
        case .defragment(let reply):
          defragmenting.append(reply)
          state.giveBackAll()
          try tend()
        case .adopt(let new, let reply): try adopt(new.value, reply)
        }
      }
    } catch {
      fate.seal(ServerExit(state.failure.cause ?? error))
    }
  }

  private mutating func flush(_ batch: FlushBatch) throws(StorageError) {
    if batch.rows.count < Self.largeBatch {
      waitFor(batch.removed.isEmpty ? Self.interval : Self.scrubInterval)
    }
    lastFlush = MonotonicClock.now()
    heap.use(batch.rows.reduce(0) { $0 + $1.key.count + $1.value.count })
    try state.flush(batch)
    flushed(batch.meta.appliedIndex)
    try tend()
  }

  /// A bounded piece of house-keeping; what it leaves comes after the flushes that wait.
  private mutating func tend() throws(StorageError) {
    let begun = MonotonicClock.now()
    try state.tend()
    tended = (MonotonicClock.now(), MonotonicClock.now() - begun)
    tellDurable()
    tellSize()
    if state.hasGivenBackAll, !defragmenting.isEmpty {
      for reply in defragmenting { reply() }
      defragmenting = []
    }
    guard state.wantsTending, !isTendDue else { return }
    isTendDue = true
    back(.tend)
  }

  /// House-keeping shares the disk with the log's syncs: it leaves it alone for three quarters of
  /// the time.
  private func rest() {
    let pause = min(max(tended.took * 3, .milliseconds(1)), .milliseconds(25))
    let rest = pause - (MonotonicClock.now() - tended.at)
    if rest > .zero { usleep(UInt32(rest.nanoseconds / 1000)) }
  }

  /// Lets the next rows pile up: a transaction for each would cost more than it brings.
  private func waitFor(_ interval: Duration) {
    let rest = interval - (MonotonicClock.now() - lastFlush)
    if rest > .zero { usleep(UInt32(rest.nanoseconds / 1000)) }
  }

  private mutating func tellDurable() {
    guard state.durableApplied > durableApplied else { return }
    durableApplied = state.durableApplied
    door.complete(.durableApplied(durableApplied))
  }

  /// Says what the state takes, if that has changed.
  private func tellSize() {
    let used = state.usedBytes
    guard Int64(clamping: used) != board.usedBytes else { return }
    board.usedBytes = Int64(clamping: used)
    door.complete(.storeSize(used))
  }

  private mutating func adopt(
    _ new: any StateStore, _ reply: @Sendable (Adopted) -> Void
  ) throws(StorageError) {
    try state.close()
    state = new
    durableApplied = .zero
    reply(try Self.load(new))
    tellDurable()
    tellSize()
    // What the old file had to give went with it.
    for reply in defragmenting { reply() }
    defragmenting = []
  }

  /// Builds the store from every row and opens the readers.
  static func load(
    _ state: any StateStore, settings: StoreSettings = StoreSettings()
  ) throws(StorageError) -> Adopted {
    Adopted(
      store: Handover(try state.load(settings: settings)),
      applierReader: Handover(try state.openReader()),
      reader: Handover(try state.openReader()), patrolReader: Handover(try state.openReader()))
  }

  /// The last job: makes everything flushed durable and closes the file.
  mutating func close() {
    for reply in defragmenting { reply() }
    do throws(StorageError) {
      try state.sync()
      try state.close()
    } catch {
      fate.seal(ServerExit(error))
    }
  }
}
