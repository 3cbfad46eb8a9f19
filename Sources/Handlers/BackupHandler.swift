package import Host
import EtcdAPI
import Member
import RPC
import Services
import Synchronization

/// Where calls of `Maintenance.Snapshot` begin, each on its client's loop; the backup lane has the
/// rest of them.
package final class BackupHandler: Sendable {
  private let published: PublishedState
  private let inboxes: MemberInboxes
  let calls = BackupCalls()

  package init(published: PublishedState, _ inboxes: MemberInboxes) {
    self.published = published
    self.inboxes = inboxes
  }

  func open(_ call: StreamCall) -> (StreamEvent) -> Void {
    guard !published.isFenced else {
      call.finish(RPCStatus(.corrupt))
      return { _ in }
    }
    let (backup, calls) = (inboxes.backup, calls)
    // `nil`: the request has not come yet, or the call is over.
    var number: UInt64?
    var hasBegun = false
    return { event in
      switch event {
      case .message:
        guard !hasBegun else { return }
        hasBegun = true
        number = calls.add(call)
        if let number { backup.post(.ask(number)) }
      case .halfClosed:
        if !hasBegun { call.finish(RPCStatus(.requestMissing)) }
      case .writable:
        if let number { backup.post(.writable(number)) }
      case .cancelled:
        guard let gone = number.take() else { return }
        calls.remove(gone)
        backup.post(.gone(gone))
      }
    }
  }
}

/// The calls that are under way, for the client loops and the backup thread.
final class BackupCalls: Sendable {
  private struct State {
    var calls: [UInt64: StreamCall] = [:]
    var lastNumber: UInt64 = 0
    var isClosed = false
  }

  private let state = Mutex(State())

  /// The number of a new call; `nil`: the member stops, and the call is over.
  func add(_ call: StreamCall) -> UInt64? {
    let number = state.withLock { state -> UInt64? in
      guard !state.isClosed else { return nil }
      state.lastNumber += 1
      state.calls[state.lastNumber] = call
      return state.lastNumber
    }
    if number == nil { call.finish(RPCStatus(.stopped)) }
    return number
  }

  func remove(_ number: UInt64) { state.withLock { $0.calls[number] = nil } }

  /// False: not now, or the client is gone; either way a letter follows.
  func send(_ message: [UInt8], on number: UInt64) -> Bool {
    state.withLock { $0.calls[number] }?.send(message) ?? false
  }

  func end(_ number: UInt64, _ end: BackupEnd) {
    state.withLock { $0.calls.removeValue(forKey: number) }?.finish(end.status)
  }

  /// Ends all that are left and takes no more.
  func close() {
    let left = state.withLock { state in
      state.isClosed = true
      defer { state.calls = [:] }
      return state.calls.values.map(\.self)
    }
    for call in left { call.finish(RPCStatus(.stopped)) }
  }
}

extension BackupEnd {
  fileprivate var status: RPCStatus {
    switch self {
    case .complete: .ok
    case .tooMany: RPCStatus(.tooManyRequests)
    case .moved: RPCStatus(.leaderChanged)
    case .notOpened: RPCStatus(.backupNotOpened)
    case .noRoom(let free, let needed): RPCStatus(.noRoom(freeBytes: free, neededBytes: needed))
    case .copyFailed(let reason): RPCStatus(EtcdStatus(.unavailable, "quorate: \(reason)"))
    case .stalled: RPCStatus(.backupStalled)
    case .stopped: RPCStatus(.stopped)
    }
  }
}

extension EtcdStatus {
  fileprivate static let requestMissing = Self(
    .invalidArgument, "quorate: the call has ended without a request")
  fileprivate static let backupNotOpened = Self(
    .unavailable,
    "quorate: the snapshot was not opened within a minute: the member's disk does not keep up")
  fileprivate static let backupStalled = Self(
    .resourceExhausted, "quorate: the snapshot was not read for a minute")

  fileprivate static func noRoom(freeBytes: UInt64, neededBytes: UInt64) -> Self {
    Self(
      .resourceExhausted,
      """
      quorate: a snapshot is copied first: \(freeBytes) bytes are free, and \(neededBytes) are \
      needed
      """)
  }
}
