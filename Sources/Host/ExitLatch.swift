import Base
import Foundation
package import Storage
import Synchronization

/// How a member's process ends: the first reason counts, and is told once.
package final class ExitLatch: Sendable {
  private struct State {
    var exit: ServerExit?
    var isKnown = false
    var listeners: [CheckedContinuation<ServerExit?, Never>] = []
  }

  private let state = Mutex(State())

  package init() {}

  /// Ends the member; `nil`: in good order.
  package func seal(_ exit: ServerExit?) {
    let listeners = state.withLock { state -> [CheckedContinuation<ServerExit?, Never>] in
      guard !state.isKnown else { return [] }
      state.isKnown = true
      state.exit = exit
      return state.listeners
    }
    for listener in listeners { listener.resume(returning: exit) }
  }

  package var isSealed: Bool { state.withLock { $0.isKnown } }

  /// What has stopped the member; `nil`: nothing, or it is not known yet.
  package var exit: ServerExit? { state.withLock { $0.exit } }

  /// How the member ends. Waits until that is known.
  package func sealed() async -> ServerExit? {
    await withCheckedContinuation { listener in
      let exit = state.withLock { state -> ServerExit?? in
        if state.isKnown { return .some(state.exit) }
        state.listeners.append(listener)
        return nil
      }
      if let exit { listener.resume(returning: exit) }
    }
  }
}

extension ServerExit {
  /// What an error of the store means for the process.
  package init(_ error: StorageError) {
    switch error {
    case .inUse(let directory): self = .directoryInUse(directory: directory)
    case .unwritable(let path, let reason):
      self = .unwritableDirectory(directory: path, reason: reason)
    case .otherCluster(let directory, let found, let expected):
      self = .anotherCluster(
        directory: directory, found: hexadecimal(found), expected: hexadecimal(expected)
      )
    case .otherMember(let directory, _, let name, _):
      self = .wrongInitialCluster(
        "the data directory \(directory) was made for member \(name) with other URLs")
    case .unknownFormat(let file, let found, let newest):
      self = .unknownFormat(what: "\(file) (format \(found), known up to \(newest))")
    case .damaged(let file, let place): self = .damagedFile(file: file, place: place)
    case .full(let file): self = .diskFailed(file: file, reason: "no space is left")
    case .failed(let file, let action, let reason):
      self = .diskFailed(file: file, reason: "could not \(action) it: \(reason)")
    case .snapshotRefused(let reason): self = .diskFailed(file: "a snapshot", reason: reason)
    case .stopped(let reason): self = .diskFailed(file: "the store", reason: reason)
    }
  }
}
