import Raft
import Synchronization

/// The snapshots that have arrived whole and may be installed; shared by the thread that receives
/// and the one that writes the log.
///
/// Each arrival has a file of its own, so that to give one up never touches another.
final class SnapshotArrivals: Sendable {
  private struct Whole {
    var path: String
    /// Where its state ends.
    var last: EntryID
  }

  private struct State {
    var count: UInt64 = 0
    /// In the order in which they became whole.
    var whole: [Whole] = []
  }

  private static let prefix = "arrival-"
  private let state = Mutex(State())

  /// The file of the next arrival.
  func nextPath(in directory: String) -> String {
    let number = state.withLock { state in
      state.count += 1
      return state.count
    }
    return "\(directory)/\(Self.prefix)\(number).db"
  }

  /// Whether a file of a data directory is what an earlier process left of an arrival.
  static func isLeftover(_ name: String) -> Bool { name.hasPrefix(prefix) }

  /// The file at `path` is a whole state, verified and synced.
  func announce(_ path: String, last: EntryID) {
    state.withLock { $0.whole.append(Whole(path: path, last: last)) }
  }

  /// Takes a whole arrival back; `false`: the log has it, and the file is no longer the caller's.
  func withdraw(_ path: String) -> Bool {
    state.withLock { state in
      guard let position = state.whole.firstIndex(where: { $0.path == path }) else { return false }
      state.whole.remove(at: position)
      return true
    }
  }

  /// Hands the file of the state that ends here to the log; `nil`: none has arrived whole.
  func claim(_ last: EntryID) -> String? {
    state.withLock { state in
      guard let position = state.whole.firstIndex(where: { $0.last == last }) else { return nil }
      return state.whole.remove(at: position).path
    }
  }

  func isWhole(at last: EntryID) -> Bool {
    state.withLock { $0.whole.contains { $0.last == last } }
  }
}
