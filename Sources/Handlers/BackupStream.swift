import Base
package import Host
import Raft
import EtcdAPI
import Member
import NIOCore
import RPC
import Storage
import Synchronization

/// One client's call of `Maintenance.Snapshot`, for all threads.
final class BackupStream: Sendable {
  enum Failure {
    case copyFailed(StorageError)
    case noRoom(free: UInt64, needed: UInt64)
    case stopping
    /// The member has just moved to another state.
    case moved
    case stalled
  }

  let id: UInt64
  /// What the copy will take, about.
  let expectedBytes: UInt64
  private let call: StreamCall
  private let isDone: @Sendable () -> Void
  private struct State {
    var isOver = false
    /// When the client took something last.
    var takenAt: Instant
  }
  private let state: Mutex<State>

  /// `isDone` is called once, when the call is over.
  init(
    id: UInt64, call: StreamCall, expectedBytes: UInt64, isDone: @escaping @Sendable () -> Void
  ) {
    self.id = id
    self.call = call
    self.expectedBytes = expectedBytes
    self.isDone = isDone
    state = Mutex(State(takenAt: MonotonicClock.now()))
  }

  var isOver: Bool { state.withLock { $0.isOver } }

  /// False: not now; the call's `writable` says when.
  func send(_ message: [UInt8]) -> Bool {
    guard call.send(message) else { return false }
    state.withLock { $0.takenAt = MonotonicClock.now() }
    return true
  }

  /// Since when the client has taken nothing.
  var takenAt: Instant { state.withLock { $0.takenAt } }

  func end() { finish(.ok) }

  func fail(_ failure: Failure) {
    let status =
      switch failure {
      case .copyFailed(let error): EtcdStatus(.unavailable, "quorate: \(error)")
      case .noRoom(let free, let needed):
        EtcdStatus(
          .resourceExhausted,
          "quorate: a snapshot is copied first: \(free) bytes are free, and \(needed) are needed")
      case .stopping: EtcdStatus.stopped
      case .moved: EtcdStatus.leaderChanged
      case .stalled:
        EtcdStatus(.resourceExhausted, "quorate: the snapshot was not read for a minute")
      }
    finish(RPCStatus(status))
  }

  /// The client is gone.
  func cancelled() { if becomesOver() { isDone() } }

  private func finish(_ status: RPCStatus) {
    guard becomesOver() else { return }
    call.finish(status)
    isDone()
  }

  private func becomesOver() -> Bool {
    state.withLock { state in
      defer { state.isOver = true }
      return !state.isOver
    }
  }
}

/// Where snapshots for clients begin: on the loop of the client, a few at a time.
package final class BackupHandler: Sendable {
  /// Snapshots that are made or handed out at a time: each is a copy of the store on the disk.
  static let limit = 2
  /// A client that takes nothing for so long has its copy taken away.
  static let patience: Duration = .seconds(60)

  private let published: PublishedState
  private let inboxes: MemberInboxes
  /// Those that are under way.
  private let streams = Mutex<[UInt64: BackupStream]>([:])
  private let lastID = Atomic<UInt64>(0)

  package init(published: PublishedState, _ inboxes: MemberInboxes) {
    self.published = published
    self.inboxes = inboxes
  }

  /// `nil`: the call is over.
  func stream(_ id: UInt64) -> BackupStream? { streams.withLock { $0[id] } }

  func open(_ call: StreamCall, on loop: any EventLoop) -> (StreamEvent) -> Void {
    guard !published.isFenced else {
      call.finish(RPCStatus(.corrupt))
      return { _ in }
    }
    let id = lastID.wrappingAdd(1, ordering: .relaxed).newValue
    let stream = BackupStream(
      id: id, call: call, expectedBytes: UInt64(max(0, published.fileBytes))
    ) { [self] in streams.withLock { $0[id] = nil } }
    let isTaken = streams.withLock { streams in
      guard streams.count < Self.limit else { return false }
      streams[id] = stream
      return true
    }
    guard isTaken else {
      call.finish(RPCStatus(.tooManyRequests))
      return { _ in }
    }
    let (backup, apply) = (inboxes.backup, inboxes.apply)
    let patience = loop.scheduleRepeatedTask(initialDelay: .seconds(5), delay: .seconds(5)) {
      task in
      if stream.isOver { return task.cancel() }
      guard MonotonicClock.now() - stream.takenAt > Self.patience else { return }
      stream.fail(.stalled)
      backup.post(.drop(stream.id))
      task.cancel()
    }
    var hasBegun = false
    return { event in
      switch event {
      case .message:
        guard !hasBegun else { return }
        hasBegun = true
        backup.post(.expect(stream.id))
        apply.post(.openSnapshot(.client(stream.id)))
      case .halfClosed:
        // Nothing was asked.
        if !hasBegun { stream.fail(.moved) }
      case .writable: backup.post(.send(stream.id))
      case .cancelled:
        patience.cancel()
        stream.cancelled()
        backup.post(.drop(stream.id))
      }
    }
  }
}
