import Base
public import KeyValue
import Raft

/// Makes a new member's data directory around a backed-up state: as if the store had begun with it.
///
/// The state counts as what entry 1 of term 1 left behind, an entry that no log holds. So a member
/// that comes later, with an empty directory, is never brought up to date by the log alone.
public struct Restoration: Sendable {
  public let identity: Identity
  /// The state that the directory will hold.
  public let meta: StateMeta

  /// Where a restored state ends.
  static let last = EntryID(term: Term(1), index: LogIndex(1))

  /// What becomes of revisions.
  public struct Revisions: Hashable, Sendable {
    /// How far the store's revision jumps ahead: beyond everything that was acknowledged after the
    /// backup, so that no revision has two meanings.
    public var bump: Int64
    /// Everything before the new revision counts as compacted: who watched the old store and goes
    /// on here is told that it has missed something, instead of nothing.
    public var marksCompacted: Bool

    public init(bump: Int64, marksCompacted: Bool) {
      self.bump = bump
      self.marksCompacted = marksCompacted
    }

    /// A billion: more revisions than a store makes between two backups.
    public static let standard = Revisions(bump: 1_000_000_000, marksCompacted: true)
  }

  /// Whose directory it will be; its origin follows from the backup.
  ///
  /// *Throws* `damaged` when the revision cannot go so far ahead, or a lease is not what was
  /// written.
  public init(
    of backup: BackupFile, for identity: Identity, revisions: Revisions
  ) throws(StorageError) {
    precondition(revisions.bump >= 0, "revisions go back by \(-revisions.bump)")
    var meta = backup.meta
    let (revision, isBeyond) = meta.revision.addingReportingOverflow(revisions.bump)
    guard !isBeyond else {
      throw .damaged(file: backup.path, place: "its revision, \(meta.revision), is too far ahead")
    }
    meta.appliedTerm = Self.last.term.number
    meta.appliedIndex = Self.last.index.number
    meta.revision = revision
    if revisions.marksCompacted { meta.compactRevision = revision }
    meta.alarms = []
    meta.leases = LeaseMeta()
    for lease in try backup.leases() {
      meta.leases.count += 1
      meta.leases.digest = meta.leases.digest + StateDigest(of: Self.renewed(lease))
    }
    self.meta = meta
    self.identity = Identity(
      cluster: identity.cluster, member: identity.member, name: identity.name,
      incarnation: identity.incarnation,
      origin: LogOrigin(last: Self.last, digest: Self.digest(of: meta)))
  }

  /// All its time is left again, and the clock that told its end has stopped with the old store.
  private static func renewed(_ lease: Lease) -> Lease {
    Lease(id: lease.id, grantedTTL: lease.grantedTTL, renewedAt: last.index.number)
  }

  /// Over all that members must have in common. Never zero.
  private static func digest(of meta: StateMeta) -> UInt64 {
    var hasher = WideHasher()
    let lanes = meta.stateDigest.lanes
    hasher.absorb(lanes.0, lanes.1, lanes.2, lanes.3)
    hasher.absorb(
      UInt64(bitPattern: meta.revision), UInt64(bitPattern: meta.compactRevision),
      UInt64(bitPattern: meta.lastRow), UInt64(bitPattern: meta.rowCount))
    return max(1, hasher.finish().0)
  }

  /// Makes the directory at `path`, whole or not at all. *Throws* `unwritable` when there is
  /// something there.
  public func make(
    at path: String, of backup: BackupFile, on fileSystem: any FileSystem = POSIXFileSystem()
  ) throws(StorageError) {
    if fileSystem.exists(path), try !fileSystem.names(in: path).isEmpty {
      throw .unwritable(path: path, reason: "it is not empty, and a restored member begins anew")
    }
    // Under another name until it is whole: half a directory would begin an empty store.
    let draft = path + ".restoring"
    try fileSystem.makeDirectory(draft)
    for name in try fileSystem.names(in: draft) { try fileSystem.remove("\(draft)/\(name)") }
    try DataDirectory.create(at: draft, for: identity, on: fileSystem) {
      (state) throws(StorageError) in
      try writeState(to: state, of: backup, on: fileSystem)
    }
    try fileSystem.rename(draft, to: path)
    try fileSystem.syncDirectory(Self.parent(of: path))
  }

  private static func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  private func writeState(
    to path: String, of backup: BackupFile, on fileSystem: any FileSystem
  ) throws(StorageError) {
    let connection = try StateFile.begin(at: path, on: fileSystem)
    let leaseRows = try LeaseRows(connection)
    let insert = try connection.prepare(RowTable.insert)
    let leases = try backup.leases().map(Self.renewed)
    try connection.transaction { () throws(StorageError) in try leaseRows.write(leases) }
    var rows = RowsInTransactions(connection)
    // What is read a second time must be what was proved the first time.
    var digest = StateDigest()
    try backup.forEachRow { (found) throws(StorageError) in
      digest = digest + found.digest
      let row = Row(found.head, key: found.key, value: found.value)
      try rows.add { () throws(StorageError) in try RowTable.insert(row, with: insert) }
    }
    try rows.finish()
    guard digest == meta.presentDigest else {
      throw .damaged(file: backup.path, place: "it has changed since it was checked")
    }
    try StateFile.end(connection, meta: meta, on: fileSystem)
  }
}

/// Runs what it is given in transactions of some thousand.
private struct RowsInTransactions {
  private static let limit = 4_096
  private let connection: Connection
  private var open = 0

  init(_ connection: Connection) { self.connection = connection }

  mutating func add(_ body: () throws(StorageError) -> Void) throws(StorageError) {
    if open == 0 { try connection.execute("BEGIN IMMEDIATE") }
    try body()
    open += 1
    if open == Self.limit { try finish() }
  }

  mutating func finish() throws(StorageError) {
    guard open > 0 else { return }
    open = 0
    try connection.execute("COMMIT")
  }
}
