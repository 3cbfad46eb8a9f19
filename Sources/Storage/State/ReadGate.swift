#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Lets readers in one bounded piece at a time, and keeps new ones out while the writer waits for
/// an empty house and changes the file.
///
/// A reader's transaction may stand from one piece to the next: to begin one, SQLite looks for a
/// journal and takes locks, ten system calls that cost more than the row. Whoever closes the gate
/// ends those that stand, so the next piece sees what was written, and no writer meets a lock.
///
/// ```text
///   reader    ├piece┤      ├piece┤├piece┤           ┊├piece┤
///             begin ─────── stands ─────────── end  ┊begin ── stands ──
///   writer                                     ├──alone──┤
/// ```
///
/// `@unchecked Sendable`: the mutex protects the state; a transaction that stands is touched by its
/// reader inside the gate, or by who has closed it.
final class ReadGate: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var inside = 0
  private var isClosed = false
  private var standing: [StandingTransaction] = []

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

  /// Runs one bounded read, in `transaction` if there is one: it is begun unless it stands, and
  /// stands afterwards.
  func reading<Result>(
    in transaction: StandingTransaction? = nil, _ body: () throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    pthread_mutex_lock(mutex)
    while isClosed { pthread_cond_wait(changed, mutex) }
    inside += 1
    pthread_mutex_unlock(mutex)
    defer {
      pthread_mutex_lock(mutex)
      if let transaction, transaction.stands, !standing.contains(where: { $0 === transaction }) {
        standing.append(transaction)
      }
      inside -= 1
      pthread_cond_broadcast(changed)
      pthread_mutex_unlock(mutex)
    }
    if let transaction, !transaction.stands { try transaction.begin() }
    return try body()
  }

  /// Runs `body` while nobody reads and no transaction stands.
  func alone<Result>(_ body: () throws(StorageError) -> Result) throws(StorageError) -> Result {
    close()
    defer { reopen() }
    while let transaction = standing.popLast() { try transaction.end() }
    return try body()
  }

  /// Ends the transactions that stand, so that a file which nobody changes is not locked for ever.
  func endStanding() throws(StorageError) { try alone { () throws(StorageError) in } }

  /// Runs `body`, the end of a reader, while nobody would end its transaction.
  func leave(_ transaction: StandingTransaction, _ body: () -> Void) {
    close()
    standing.removeAll { $0 === transaction }
    body()
    reopen()
  }

  private func close() {
    pthread_mutex_lock(mutex)
    while isClosed { pthread_cond_wait(changed, mutex) }
    isClosed = true
    while inside > 0 { pthread_cond_wait(changed, mutex) }
    pthread_mutex_unlock(mutex)
  }

  private func reopen() {
    pthread_mutex_lock(mutex)
    isClosed = false
    pthread_cond_broadcast(changed)
    pthread_mutex_unlock(mutex)
  }
}

/// A reading transaction that stands from one piece of a reader to the next.
final class StandingTransaction {
  fileprivate private(set) var stands = false
  private let beginning: Statement
  private let ending: Statement

  init(_ connection: Connection) throws(StorageError) {
    beginning = try connection.prepare("BEGIN")
    ending = try connection.prepare("COMMIT")
  }

  fileprivate func begin() throws(StorageError) {
    try beginning.run()
    stands = true
  }

  fileprivate func end() throws(StorageError) {
    stands = false
    try ending.run()
  }
}
