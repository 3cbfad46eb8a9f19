public import KeyValue
public import Raft

/// One generation of the rows and what belongs to them; written by one thread.
///
/// Conformers: `StateFile` on SQLite, `MemoryState`.
public protocol StateStore: RowReading, AnyObject {
  /// The file's name for people.
  var name: String { get }
  var generation: UInt64 { get }
  /// Says once what stopped the store.
  var failure: StorageFailure { get }

  /// The state as of the last flush.
  var meta: StateMeta { get }

  /// Entries up to here would survive a power loss; the log may be cut up to here.
  var durableApplied: LogIndex { get }

  /// A snapshot is being read: physical compaction must wait.
  var isCompactionHeld: Bool { get }

  /// Hands every row to `body` in number order, each checked by itself; whether they are the ones
  /// that `meta` speaks of is for `body` to find out, with the help of each row's digest. The bytes
  /// are good during the call.
  func scan(_ body: RowBody) throws(StorageError)

  /// The leases as of the last flush, ascending by id, each checked by itself.
  func leases() throws(StorageError) -> [Lease]

  /// Writes all of the batch or nothing.
  /// *Precondition*: every entry up to `meta.appliedIndex` is committed and durable in this
  /// member's log; `removed` is empty while `isCompactionHeld`.
  func flush(_ batch: FlushBatch) throws(StorageError)

  /// What the state takes, as far as it holds something.
  var usedBytes: UInt64 { get }

  /// One bounded piece of house-keeping between flushes; may move `durableApplied`.
  func maintain() throws(StorageError)

  /// From now on `maintain` gives every free page back, until there is none.
  func giveBackAll()

  /// All that `giveBackAll` asked for has been given, and the file is as short as it gets.
  var hasGivenBackAll: Bool { get }

  /// The last `maintain` left work that need not wait for the next flush.
  var wantsMaintenance: Bool { get }

  /// Makes everything flushed durable now, so that `durableApplied` is `meta.appliedIndex`.
  func sync() throws(StorageError)

  /// Another reader of the same rows, for another thread.
  func openReader() throws(StorageError) -> any StateReader

  /// A snapshot of the state as of the last flush, to be read on another thread. Physical
  /// compaction is held until it is closed.
  func openSnapshot() throws(StorageError) -> any SnapshotSource

  /// Closes the files; the object is of no use afterwards.
  func close() throws(StorageError)
}

/// What a scan does with a row. *Throws* to end it.
public typealias RowBody = (
  RowHead, _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ digest: StateDigest
) throws(StoreDamage) -> Void

extension StateStore {
  /// Builds the store from every row and proves that none is missing or changed. For the start.
  public func load(settings: StoreSettings = StoreSettings()) throws(StorageError) -> Store {
    var loader = StoreLoader(meta: meta, generation: generation, settings: settings)
    for lease in try leases() { loader.add(lease) }
    try scan { head, key, _, digest throws(StoreDamage) in
      try loader.add(head, key: key, digest: digest)
    }
    do {
      return try loader.finish()
    } catch {
      throw failure.latch(.damaged(file: name, place: error.reason))
    }
  }
}

/// Reads rows beside the thread that writes them. It belongs to one thread at a time.
public protocol StateReader: ChangeReading, AnyObject {
  var generation: UInt64 { get }

  /// The first rows with numbers from `number` on, in order; `nil`: one of them is not what was
  /// written. For whoever looks for damage: it ends nothing. Other readers' transactions do not
  /// outlast it.
  func inspect(from number: RowNumber, limit: Int) throws -> [Row]?

  func close()
}

/// A snapshot on its way out: chunks of bytes, each with its own checksum.
public protocol SnapshotSource: AnyObject {
  /// The state that the snapshot is of. Its applied entry is the snapshot's `LogBase.last`.
  var meta: StateMeta { get }

  /// The next chunk, about `limitBytes` long, or one row if that is longer; `nil`: all is sent.
  func next(limitBytes: Int) throws(StorageError) -> [UInt8]?

  /// Ends the hold on physical compaction. Harmless when repeated.
  func close()
}

/// A snapshot on its way in. Until `finish` returns nothing of this member has changed.
public protocol SnapshotSink: AnyObject {
  /// Takes the next chunk. *Throws* `snapshotRefused` if it is not the one that must follow.
  func receive(_ chunk: [UInt8]) throws(StorageError)

  /// Verifies the whole and makes it durable; then `LogStore.commit` may install it.
  /// *Throws* `snapshotRefused` if anything is missing.
  func finish() throws(StorageError) -> StateMeta

  /// Drops what has arrived. Harmless when repeated, and after `finish`.
  func abandon()
}
