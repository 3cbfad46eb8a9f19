#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Lets readers in one bounded piece at a time, and keeps new ones out while the writer waits for
/// an empty house and changes the file.
///
/// `@unchecked Sendable`: the mutex protects both counts.
final class ReadGate: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var inside = 0
  private var isClosed = false

  init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(changed, nil)
  }

  deinit {
    pthread_cond_destroy(changed)
    pthread_mutex_destroy(mutex)
    changed.deallocate()
    mutex.deallocate()
  }

  /// Runs one bounded read.
  func reading<Result>(
    _ body: () throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    pthread_mutex_lock(mutex)
    while isClosed { pthread_cond_wait(changed, mutex) }
    inside += 1
    pthread_mutex_unlock(mutex)
    defer {
      pthread_mutex_lock(mutex)
      inside -= 1
      pthread_cond_broadcast(changed)
      pthread_mutex_unlock(mutex)
    }
    return try body()
  }

  /// Runs `body` while nobody reads.
  func alone<Result>(_ body: () throws(StorageError) -> Result) throws(StorageError) -> Result {
    pthread_mutex_lock(mutex)
    precondition(!isClosed, "two threads close the gate")
    isClosed = true
    while inside > 0 { pthread_cond_wait(changed, mutex) }
    pthread_mutex_unlock(mutex)
    defer {
      pthread_mutex_lock(mutex)
      isClosed = false
      pthread_cond_broadcast(changed)
      pthread_mutex_unlock(mutex)
    }
    return try body()
  }
}
