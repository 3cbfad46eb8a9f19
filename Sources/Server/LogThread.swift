import Logging
import Raft
import Replica
import Storage

/// The thread that writes the log: everything that waits is one commit, and one wake-up tells the
/// replica.
struct LogThread {
  enum Job: Sendable {
    case write(StorageWrite)
    case fetch(LogFetch)
    case form(Formation)
    /// Opens the state of the generation that the log names, for the thread that asks.
    case openState(@Sendable (Handover<any StateStore>) -> Void)
    case removeOldGenerations
    /// This member was removed: no process starts on the directory again.
    case retire(@Sendable () -> Void)
    /// Looks how much space is left, and how much the state takes.
    case lookAtSpace
  }

  private let store: any MemberStore
  private let files: StateFiles
  private let board: Board
  private let door: ReplicaDoor
  private let metrics: Metrics
  private let fate: Fate
  private var isShort = false

  init(
    store: any MemberStore, files: StateFiles, board: Board, door: ReplicaDoor, metrics: Metrics,
    fate: Fate
  ) {
    self.store = store
    self.files = files
    self.board = board
    self.door = door
    self.metrics = metrics
    self.fate = fate
    board.fileBytes = files.bytes()
  }

  /// Carries a batch out. After a failure nothing is done, or acknowledged, any more.
  mutating func work(_ jobs: [Job]) {
    guard !fate.isSealed || store.failure.cause == nil else { return }
    do throws(StorageError) {
      try carryOut(jobs)
      try store.log.tend()
    } catch {
      fate.seal(ServerExit(store.failure.cause ?? error))
    }
  }

  private mutating func carryOut(_ jobs: [Job]) throws(StorageError) {
    var writes: [StorageWrite] = []
    for job in jobs {
      if case .write(let write) = job {
        // A commit can install one snapshot.
        if write.install != nil { try commit(&writes) }
        writes.append(write)
        continue
      }
      try commit(&writes)
      switch job {
      case .write: break
      case .fetch(let wish): door.complete(.fetched(wish, try store.log.entries(wish)))
      case .form(let formation):
        try store.log.form(formation)
        door.complete(.formed(formation))
      case .openState(let reply): reply(Handover(try store.openState()))
      case .retire(let done):
        try files.retire()
        done()
      case .removeOldGenerations: try store.removeOldGenerations()
      case .lookAtSpace: try lookAtSpace()
      }
    }
    try commit(&writes)
  }

  private func commit(_ writes: inout [StorageWrite]) throws(StorageError) {
    guard let last = writes.last else { return }
    let start = MonotonicClock.now()
    try store.log.commit(writes)
    metrics.syncDuration.record(MonotonicClock.now() - start)
    writes = []
    door.complete(.stored(last.ticket))
  }

  private mutating func lookAtSpace() throws(StorageError) {
    board.fileBytes = files.bytes()
    let isShort = try store.space() != .plenty
    guard isShort != self.isShort else { return }
    self.isShort = isShort
    door.complete(.spaceShort(isShort))
  }

  /// The last job: closes the files and lets other processes in.
  mutating func close() {
    do throws(StorageError) {
      if let directory = store as? DataDirectory {
        try directory.close()
      } else {
        try store.log.close()
      }
    } catch {
      fate.seal(ServerExit(error))
    }
  }
}
