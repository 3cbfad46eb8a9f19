import Base
import Member
import Raft
import Storage

/// The thread of the log lane: everything that waits is one commit, and one wake-up tells the
/// replica.
struct LogThread: LaneHost {
  private var lane = LogLane<LogFiles>()
  private var out = LogLaneOutput<any StateStore>()
  private var files: LogFiles
  private let inboxes: MemberInboxes

  init(files: LogFiles, _ inboxes: MemberInboxes) {
    self.files = files
    self.inboxes = inboxes
    files.showSize()
  }

  mutating func turn(_ letters: [LogLetter]) -> Instant {
    guard !letters.isEmpty else { return .distantFuture }
    var batch = letters[...]
    while lane.turn(&batch, ports: &files, out: &out) {
      for report in out.reports { inboxes.replica.complete(.log(report)) }
      out.reports.removeAll(keepingCapacity: true)
      for opened in out.opened { inboxes.flush.post(.adopt(opened.state, opened.base)) }
      out.opened = []
    }
    return .distantFuture
  }

  /// The last act: closes the files and lets other processes in.
  mutating func close() { files.close() }
}

/// The files of the member's data directory, as the log lane reaches them.
struct LogFiles: LogPorts {
  let store: any MemberStore
  let directory: StateFiles
  let published: PublishedState
  let metrics: Metrics
  let exitLatch: ExitLatch

  func commit(_ writes: [StorageWrite]) throws(LogFault) {
    let start = MonotonicClock.now()
    try reaching { () throws(StorageError) in try store.log.commit(writes) }
    metrics.syncDuration.record(MonotonicClock.now() - start)
  }

  func entries(_ fetch: LogFetch) throws(LogFault) -> [Entry] {
    try reaching { () throws(StorageError) in try store.log.entries(fetch) }
  }

  func form(_ formation: Formation) throws(LogFault) {
    try reaching { () throws(StorageError) in try store.log.form(formation) }
  }

  func openState() throws(LogFault) -> any StateStore {
    try reaching { () throws(StorageError) in try store.openState() }
  }

  func removeGenerations(before generation: UInt64) throws(LogFault) {
    try reaching { () throws(StorageError) in
      try store.removeGenerations(before: generation)
    }
  }

  func retire() throws(LogFault) {
    try reaching { () throws(StorageError) in
      try store.failure.check()
      try directory.retire()
    }
  }

  func isShortOfSpace() throws(LogFault) -> Bool {
    showSize()
    return try reaching { () throws(StorageError) in try store.space() != .plenty }
  }

  func maintain() throws(LogFault) {
    try reaching { () throws(StorageError) in try store.log.maintain() }
  }

  /// Says for people how much the state's files take.
  func showSize() { published.fileBytes = directory.bytes() }

  func close() {
    do throws(StorageError) {
      if let directory = store as? DataDirectory {
        try directory.close()
      } else {
        try store.log.close()
      }
    } catch {
      exitLatch.seal(ServerExit(error))
    }
  }

  /// Whatever fails here ends the member, with the first reason that there was.
  private func reaching<Result>(
    _ body: () throws(StorageError) -> Result
  ) throws(LogFault) -> Result {
    do throws(StorageError) { return try body() } catch {
      exitLatch.seal(ServerExit(store.failure.cause ?? error))
      throw .disk
    }
  }
}
