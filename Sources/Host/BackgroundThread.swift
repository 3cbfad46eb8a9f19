import Dispatch
import Foundation
import Storage
import Synchronization

/// Work on a thread of its own, begun at once, for whoever waits for its end.
final class BackgroundThread: Sendable {
  private let outcome = Mutex<Result<Void, StorageError>?>(nil)
  private let ended = DispatchSemaphore(value: 0)

  init(_ name: String, _ work: @escaping @Sendable () throws(StorageError) -> Void) {
    let thread = Thread { [self] in
      Thread.current.name = name
      let result = Result(catching: work)
      outcome.withLock { $0 = result }
      ended.signal()
    }
    thread.start()
  }

  /// Waits for the end. To be called once.
  func result() throws(StorageError) {
    ended.wait()
    try outcome.withLock { $0 }?.get()
  }
}
