import EtcdAPI
import KeyValue
import Member
import RPC
import Raft
import Services
import Storage

/// The thread of the flush lane, which writes the state file.
struct Flusher {
  enum Job: Sendable {
    case letter(FlushLetter<any StateStore>)
    /// A second has passed.
    case rest
  }

  /// Where the lane's work goes.
  struct Outlets: Sendable {
    var board: Board
    var door: ReplicaDoor
    var waiters: WaiterTable
    var fate: Fate
    var apply: Worker<Applier.Job>
    var snapshots: Worker<SnapshotThread.Job>
    var backup: Worker<BackupThread.Job>
  }

  private var lane = FlushLane<FlushHost>()
  private var host: FlushHost
  private var output = FlushOutput<StateReaders, any SnapshotSource>()
  private var letters: [FlushLetter<any StateStore>] = []
  private let out: Outlets

  init(state: Handover<any StateStore>, out: Outlets) {
    host = FlushHost(state: state.value)
    self.out = out
  }

  /// One turn. Returns when the next is due, if no job comes before.
  mutating func work(_ jobs: [Job]) -> Instant {
    for job in jobs {
      switch job {
      case .letter(let letter): letters.append(letter)
      case .rest: host.heap.rest()
      }
    }
    lane.turn(letters, at: MonotonicClock.now(), ports: &host, out: &output)
    letters.removeAll(keepingCapacity: true)
    return deliver()
  }

  /// Returns when the next turn is due.
  private mutating func deliver() -> Instant {
    defer { output.removeAll() }
    if let error = output.fault {
      out.fate.seal(
        host.state.failure.cause.map { ServerExit($0) } ?? ServerExit(reading: error))
    }
    for letter in output.letters { out.apply.post(letter) }
    for opened in output.opened {
      switch opened.asker {
      case .follower(let request): out.snapshots.post(.opened(request, opened.source))
      case .client(let id): out.backup.post(.begin(id, Handover(opened.source.take())))
      }
    }
    for report in output.reports {
      if case .storeSize(let used) = report { out.board.usedBytes = Int64(clamping: used) }
      out.door.complete(.flush(report))
    }
    for id in output.defragmented {
      out.waiters.take(id)?.call.answer(
        MaintenanceService.defragmented(out.board.header).encodedBytes)
    }
    return output.wakeAt
  }

  /// A generation that was opened, and everything that its users need.
  struct Adopted: Sendable {
    var store: Handover<Store>
    var readers: StateReaders
  }

  /// Builds the store from every row and opens the readers.
  static func load(
    _ state: any StateStore, settings: StoreSettings = StoreSettings()
  ) throws(StorageError) -> Adopted {
    Adopted(
      store: Handover(try state.load(settings: settings)),
      readers: StateReaders(
        applier: Handover(try state.openReader()), reads: Handover(try state.openReader()),
        scrub: Handover(try state.openReader())))
  }

  /// The last job: makes everything flushed durable and closes the file.
  mutating func close() {
    lane.close(at: MonotonicClock.now(), ports: &host, out: &output)
    _ = deliver()
    do throws(StorageError) {
      try host.state.sync()
      try host.state.close()
    } catch {
      out.fate.seal(ServerExit(error))
    }
  }
}

/// The state file that is open, as the flush lane reaches it.
struct FlushHost: FlushPorts {
  fileprivate var state: any StateStore
  fileprivate var heap = Heap()

  fileprivate init(state: any StateStore) { self.state = state }

  var generation: UInt64 { state.generation }
  var durableApplied: LogIndex { state.durableApplied }
  var usedBytes: UInt64 { state.usedBytes }
  var wantsTending: Bool { state.wantsTending }
  var hasGivenBackAll: Bool { state.hasGivenBackAll }

  mutating func write(_ batch: FlushBatch) throws {
    heap.use(batch.rows.reduce(0) { $0 + $1.key.count + $1.value.count })
    try state.flush(batch)
  }

  func tend() throws -> Duration {
    let begun = MonotonicClock.now()
    try state.tend()
    return MonotonicClock.now() - begun
  }

  func giveBackAll() { state.giveBackAll() }

  func openSnapshot() throws -> any SnapshotSource { try state.openSnapshot() }

  mutating func adopt(_ new: any StateStore) throws -> AdoptedState<StateReaders> {
    try state.close()
    state = new
    let adopted = try Flusher.load(new)
    return AdoptedState(store: adopted.store.value, readers: adopted.readers)
  }
}
