package import Base
import KeyValue
package import Member
import Raft
package import Storage

/// The thread of the flush lane, which writes the state file.
package struct Flusher: LaneHost {
  package typealias Letter = FlushLetter<any StateStore>

  /// How often the heap is looked after.
  private static let restInterval = Duration.seconds(1)

  private var lane = FlushLane<FlushHost>()
  private var host: FlushHost
  private var output = FlushOutput<StateReaders, any SnapshotSource>()
  private var restAt = MonotonicClock.now() + Self.restInterval
  private let member: MemberContext

  init(state: UnsafeTransfer<any StateStore>, _ member: MemberContext) {
    host = FlushHost(state: state.value)
    self.member = member
  }

  package mutating func turn(_ letters: [Letter]) -> Instant {
    let now = MonotonicClock.now()
    if restAt <= now {
      restAt = now + Self.restInterval
      host.heap.rest()
    }
    lane.turn(letters, at: now, ports: &host, out: &output)
    return min(deliver(), restAt)
  }

  /// Returns when the lane's next turn is due.
  private mutating func deliver() -> Instant {
    defer { output.removeAll() }
    let inboxes = member.inboxes
    if let error = output.fault {
      member.exitLatch.seal(
        host.state.failure.cause.map { ServerExit($0) } ?? ServerExit(reading: error))
    }
    for letter in output.letters { inboxes.apply.post(letter) }
    for opened in output.opened {
      switch opened.asker {
      case .follower(let request): inboxes.snapshots.post(.opened(request, opened.source))
      case .client(let id): inboxes.backup.post(.opened(id, opened.source))
      }
    }
    for report in output.reports {
      if case .storeSize(let used) = report {
        member.published.usedBytes = Int64(clamping: used)
      }
      inboxes.replica.complete(.flush(report))
    }
    for id in output.defragmented { inboxes.post(.defragmented(id), for: id) }
    return output.wakeAt
  }

  /// Builds the store from every row and opens the readers.
  static func load(
    _ state: any StateStore, settings: StoreSettings = StoreSettings()
  ) throws(StorageError) -> AdoptedState<StateReaders> {
    AdoptedState(
      store: try state.load(settings: settings),
      readers: StateReaders(
        applier: UnsafeTransfer(try state.openReader()),
        reads: UnsafeTransfer(try state.openReader()),
        scrub: UnsafeTransfer(try state.openReader())))
  }

  /// The last act: makes everything flushed durable and closes the file.
  package mutating func close() {
    lane.close(at: MonotonicClock.now(), ports: &host, out: &output)
    _ = deliver()
    do throws(StorageError) {
      try host.state.sync()
      try host.state.close()
    } catch {
      member.exitLatch.seal(ServerExit(error))
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
  var wantsMaintenance: Bool { state.wantsMaintenance }
  var hasGivenBackAll: Bool { state.hasGivenBackAll }

  mutating func write(_ batch: FlushBatch) throws {
    heap.use(batch.rows.reduce(0) { $0 + $1.key.count + $1.value.count })
    try state.flush(batch)
  }

  func maintain() throws -> Duration {
    let begun = MonotonicClock.now()
    try state.maintain()
    return MonotonicClock.now() - begun
  }

  func giveBackAll() { state.giveBackAll() }

  func openSnapshot() throws -> any SnapshotSource { try state.openSnapshot() }

  mutating func adopt(_ new: any StateStore) throws -> AdoptedState<StateReaders> {
    try state.close()
    state = new
    return try Flusher.load(new)
  }
}
