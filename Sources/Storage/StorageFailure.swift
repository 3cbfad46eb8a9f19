import Synchronization

/// The first failure of a data directory, kept for ever: after it nothing is written, answered or
/// tried again, for a second fsync may report success over lost pages (PostgreSQL, 2018).
///
/// Shared by every object of one directory, on every thread.
public final class StorageFailure: Sendable {
  private let first = Mutex<StorageError?>(nil)

  public init() {}

  /// What stopped the store; `nil`: nothing yet.
  public var cause: StorageError? { first.withLock { $0 } }

  /// *Throws* `stopped` once anything has failed.
  public func check() throws(StorageError) {
    if let cause { throw .stopped(because: cause.description) }
  }

  /// Keeps the error if it is the first, and gives it back for throwing.
  public func latch(_ error: StorageError) -> StorageError {
    first.withLock { if $0 == nil { $0 = error } }
    return error
  }

  /// The same for a file that nothing refers to yet: for a lack of room it is given up, and the
  /// member goes on.
  func guardingSpare<Result>(
    _ body: () throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    try check()
    do {
      return try body()
    } catch {
      if case .full = error { throw error }
      throw latch(error)
    }
  }

  /// Runs `body` unless something has failed before, and latches what it throws.
  func guarding<Result>(
    _ body: () throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    try check()
    do {
      return try body()
    } catch {
      throw latch(error)
    }
  }
}
