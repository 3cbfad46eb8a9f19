internal import Synchronization

/// What one stream may have on its way to the socket, counted from any thread: the back-pressure
/// that a sender sees.
final class SendBudget: Sendable {
  private struct State {
    var unsentBytes = 0
    var wasRefused = false
    var isClosed = false
  }

  private let limitBytes: Int
  private let state = Mutex(State())

  init(limitBytes: Int) {
    self.limitBytes = limitBytes
  }

  /// False when the message has to wait, or the stream takes none any more. One message is always
  /// taken when nothing else waits, however long it is.
  func take(_ bytes: Int) -> Bool {
    state.withLock { state in
      guard !state.isClosed else { return false }
      guard state.unsentBytes == 0 || state.unsentBytes + bytes <= limitBytes else {
        state.wasRefused = true
        return false
      }
      state.unsentBytes += bytes
      return true
    }
  }

  /// Last words: taken whatever waits, and nothing after them.
  func takeLast(_ bytes: Int) {
    state.withLock { state in
      guard !state.isClosed else { return }
      state.unsentBytes += bytes
      state.isClosed = true
    }
  }

  /// The bytes have gone. True when a sender that was refused should be told to go on.
  func release(_ bytes: Int) -> Bool {
    state.withLock { state in
      state.unsentBytes -= bytes
      precondition(state.unsentBytes >= 0, "\(-state.unsentBytes) bytes too many were released")
      guard state.wasRefused, !state.isClosed, state.unsentBytes <= limitBytes / 2 else {
        return false
      }
      state.wasRefused = false
      return true
    }
  }

  /// Nothing is taken from now on.
  func close() {
    state.withLock { $0.isClosed = true }
  }
}
