public import Raft

#if Mutants
  import Mutants
#endif

/// `raft.db`: identity, hard state, base and log, on one connection of one thread.
///
/// WAL with `synchronous=FULL` and exclusive locking: a commit is one write and one fdatasync,
/// and no other connection exists that could checkpoint (see `SQLiteVersion`).
public final class RaftLog: LogStore {
  public let name: String
  public private(set) var generation: UInt64
  let identity: Identity
  /// `nil`: not formed yet.
  private var base: LogBase?
  private var hardState: HardState
  /// The last entry, or the base's.
  private var last: EntryID
  private let rows: LogTable
  private let connection: Connection
  private let landmark: Landmark
  private let failure: StorageFailure
  private let reserve: Reserve
  private let settings: StorageSettings
  /// The snapshot that may be installed next; `nil`: none has arrived whole.
  let arrival: SnapshotArrival
  /// What was read to find the end, kept for the first `recover`.
  private var opened: [Entry]?
  private var isProven = false

  /// Makes a whole `raft.db` that is not formed, under its final name's neighbour, and moves it
  /// there: a file with the final name is never half made.
  static func create(
    at path: String, for identity: Identity, base: LogBase? = nil,
    on fileSystem: any FileSystem
  ) throws(StorageError) {
    let draft = path + ".new"
    for leftover in [draft, draft + "-wal", draft + "-shm", draft + "-journal"] {
      try fileSystem.remove(leftover)
    }
    let connection = try Connection(draft, .create, on: fileSystem)
    try connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    try connection.execute("PRAGMA synchronous = FULL")
    try DatabaseFormat.log.create(on: connection) { () throws(StorageError) in
      let records = try RecordTable(connection)
      try records.write(.identity, identity.encoded())
      let state = HardState(currentTerm: identity.origin.last.term)
      try records.write(.hardState, state.encoded())
      try records.write(.base, RaftLog.encode(generation: 1, base: base))
    }
    guard try connection.checkpoint(.truncate) else { throw .full(file: draft) }
    connection.close()
    try fileSystem.remove(draft + "-wal")
    try fileSystem.rename(draft, to: path)
  }

  /// Opens the file and reads whose it is and which generation counts. The rest is for `prove`.
  ///
  /// *Throws* `damaged` with the place.
  init(
    opening path: String, landmark: Landmark, arrival: SnapshotArrival, reserve: Reserve,
    failure: StorageFailure, settings: StorageSettings, on fileSystem: any FileSystem
  ) throws(StorageError) {
    name = path
    self.landmark = landmark
    self.arrival = arrival
    self.reserve = reserve
    self.failure = failure
    self.settings = settings
    let pageSize = try DatabaseFormat.log.checkHeader(of: path, on: fileSystem)
    let wal = try fileSystem.contents(of: path + "-wal") ?? []
    #if Mutants
      if Mutant.refusesTornTails.isPlanted, WALScan.verdict(on: wal, pageSize: pageSize) == .torn {
        throw .damaged(file: path + "-wal", place: "its end")
      }
    #endif
    if case .damaged(let offset) = WALScan.verdict(on: wal, pageSize: pageSize) {
      throw .damaged(file: path + "-wal", place: "byte \(offset); whole commits follow it")
    }
    try fileSystem.settle(path + "-wal")
    connection = try Connection(path, .write, on: fileSystem)
    try connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    try connection.execute("PRAGMA synchronous = FULL")
    #if Mutants
      if Mutant.commitsWithoutSync.isPlanted { try connection.execute("PRAGMA synchronous = OFF") }
    #endif
    try connection.execute("PRAGMA cache_size = -1024")
    try DatabaseFormat.log.checkSchema(of: connection)
    rows = try LogTable(connection)
    identity = try Identity(decoding: rows.records.read(.identity), in: path)
    let hardState = try? HardState(decoding: rows.records.read(.hardState))
    guard let hardState else { throw .damaged(file: path, place: "the hard state") }
    self.hardState = hardState
    (generation, base) = try RaftLog.decode(rows.records.read(.base), in: path)
    last = base?.last ?? .zero
  }

  /// Proves every byte of the file that means anything; before that it is of no use. It takes time
  /// in proportion to the log.
  ///
  /// *Throws* `damaged` with the place.
  func prove() throws(StorageError) {
    try failure.guarding { () throws(StorageError) in
      precondition(!isProven, "the log is proven twice")
      try connection.mapped { () throws(StorageError) in
        try DatabaseFormat.log.checkStructure(of: connection)
        let entries = try rows.all(after: base?.last)
        last = entries.last?.id ?? last
        opened = entries
      }
      try connection.gatherWrites()
      guard landmark.record.isReached(by: position) else {
        throw .damaged(file: name, place: shortfall(of: landmark.record))
      }
      try landmark.renew(to: position)
      isProven = true
    }
  }

  /// Where the log stands, for the landmark.
  private var position: LandmarkRecord {
    LandmarkRecord(hardState: hardState, last: last, base: base?.last.index)
  }

  private func shortfall(of mark: LandmarkRecord) -> String {
    "it begins after entry \(base?.last.index.number ?? 0) and ends at entry "
      + "\(last.index.number) of term \(last.term.number) in term "
      + "\(hardState.currentTerm.number); it had begun after \(mark.base?.number ?? 0) and "
      + "reached entry \(mark.last.index.number) of term \(mark.last.term.number) in term "
      + "\(mark.hardState.currentTerm.number)"
  }

  public func form(_ base: LogBase) throws(StorageError) {
    try failure.guarding { () throws(StorageError) in
      precondition(isProven, "a log is proven before it is formed")
      precondition(self.base == nil, "the log was formed before")
      try writing { () throws(StorageError) in
        try rows.records.write(.base, RaftLog.encode(generation: generation, base: base))
      }
      self.base = base
      last = base.last
      try landmark.advance(to: position)
    }
  }

  public func recover() throws(StorageError) -> RecoveredLog? {
    try failure.guarding { () throws(StorageError) in
      precondition(isProven, "a log is proven before it is read")
      guard let base else { return nil }
      let entries: [Entry]
      if let opened { entries = opened } else { entries = try rows.all(after: base.last) }
      opened = nil
      return RecoveredLog(hardState: hardState, base: base, entries: entries)
    }
  }

  public func commit(_ writes: [StorageWrite]) throws(StorageError) {
    try failure.guarding { () throws(StorageError) in
      precondition(isProven, "a log is proven before it is written")
      guard let base else { preconditionFailure("a log is formed before it is written") }
      opened = nil
      let edit = try LogEdit(writes, last: last) { (index) throws(StorageError) -> EntryID? in
        index == base.last.index ? base.last : try rows.id(at: index)
      }
      guard !edit.isEmpty else { return }
      check(edit, over: base)
      try landmark.lower(to: edit.last)
      let baseRecord = RaftLog.encode(
        generation: edit.installs ? generation + 1 : generation, base: edit.base ?? base)
      try writing { () throws(StorageError) in try rows.apply(edit, baseRecord: baseRecord) }
      hardState = edit.hardState ?? hardState
      self.base = edit.base ?? base
      last = edit.last
      if edit.installs {
        generation += 1
        arrival.forget()
      }
      try landmark.advance(to: position)
    }
  }

  /// What must hold between a log and the next batch of writes.
  private func check(_ edit: LogEdit, over base: LogBase) {
    let moved = edit.base?.last ?? base.last
    precondition(
      moved.index >= base.last.index,
      "the log begins after \(base.last.index.number), not \(moved.index.number)")
    precondition(
      edit.truncateFrom == nil || edit.installs
        || edit.truncateFrom ?? .zero > base.last.index,
      "entry \(edit.truncateFrom?.number ?? 0) is below the base")
    precondition(
      edit.hardState?.currentTerm ?? hardState.currentTerm >= hardState.currentTerm,
      "term goes back from \(hardState.currentTerm.number)")
    precondition(
      !edit.installs || arrival.isWhole(generation: generation + 1, at: moved),
      "the snapshot at \(moved.index.number) has not arrived whole")
  }

  /// One transaction. When the disk is full, the reserve is given up once for it: what is refused
  /// before append is not refused here (design §6).
  private func writing(_ body: () throws(StorageError) -> Void) throws(StorageError) {
    do {
      try connection.transaction(body)
    } catch .full where reserve.release() {
      try connection.transaction(body)
    }
  }

  /// Rewrites whose log it is, and ends it with this entry. *Precondition*: the log was proven and
  /// formed, and the entry follows it.
  func goOn(
    as identity: Identity, with entry: Entry, _ hardState: HardState
  ) throws(StorageError) {
    try failure.guarding { () throws(StorageError) in
      precondition(isProven && base != nil, "a log goes on that was not formed")
      var write = StorageWrite(ticket: WriteTicket(1))
      write.entries = [entry]
      write.hardState = hardState
      let edit = try LogEdit([write], last: last) { (index) throws(StorageError) -> EntryID? in
        try rows.id(at: index)
      }
      try writing { () throws(StorageError) in
        try rows.records.write(.identity, identity.encoded())
        try rows.apply(edit, baseRecord: [])
      }
      self.hardState = hardState
      last = entry.id
      try landmark.renew(to: position)
    }
  }

  public func entries(_ wish: LogFetch) throws(StorageError) -> [Entry] {
    try failure.guarding { () throws(StorageError) in
      guard let base, wish.first > base.last.index, wish.first <= last.index else { return [] }
      return try rows.entries(wish)
    }
  }

  /// Checkpoints once enough pages wait.
  public func tend() throws(StorageError) {
    try failure.guarding { () throws(StorageError) in
      guard connection.walFrames >= settings.logCheckpointPages else { return }
      _ = try connection.checkpoint(.passive)
    }
  }

  public func close() throws(StorageError) {
    defer { connection.close() }
    try failure.guarding { () throws(StorageError) in
      _ = try connection.checkpoint(.truncate)
    }
  }

  private static func encode(generation: UInt64, base: LogBase?) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(number: generation)
    bytes.append(counted: base?.encoded() ?? [])
    return bytes
  }

  private static func decode(
    _ bytes: [UInt8], in file: String
  ) throws(StorageError) -> (UInt64, LogBase?) {
    var cursor = ByteCursor(bytes)
    guard let generation = cursor.number(UInt64.self), let base = cursor.counted(),
      cursor.remaining == 0
    else { throw .damaged(file: file, place: "the log's base") }
    if base.isEmpty { return (generation, nil) }
    guard let base = try? LogBase(decoding: Array(base)) else {
      throw .damaged(file: file, place: "the log's base")
    }
    return (generation, base)
  }
}
