public import Raft

/// What a member has promised: identity, hard state and base in `raft.db`, entries in segments
/// beside it (`EntryLog`). On one thread.
///
/// `raft.db` has a WAL with `synchronous=FULL` and exclusive locking, and no other connection
/// exists that could checkpoint (see `SQLiteVersion`). It is written when term, vote or base
/// change; most commits have entries only, and never come to it.
public final class RaftLog: LogStore {
  public let name: String
  public private(set) var generation: UInt64
  let identity: Identity
  /// `nil`: not formed yet.
  private var base: LogBase?
  private var founding = Founding.unknown
  private var hardState: HardState
  /// The last entry, or the base's.
  private var last: EntryID
  private let records: RecordTable
  private let connection: Connection
  private var entryLog: EntryLog
  private let landmark: Landmark
  private let failure: StorageFailure
  private let reserve: Reserve
  private let settings: StorageSettings
  private let arrivals: SnapshotArrivals
  private let directory: String
  private let fileSystem: any FileSystem
  /// What was read to find the end, kept for the first `recover`.
  private var opened: [Entry]?
  private var isProven = false

  /// Makes a whole `raft.db` that is not formed, under its final name's neighbour, and moves it
  /// there: a file with the final name is never half made.
  static func create(
    at path: String, for identity: Identity, _ formation: Formation? = nil,
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
      let log = EntryLog.Place(salt: identity.incarnation.number)
      let record = BaseRecord(generation: 1, base: formation?.base, log: log)
      try records.write(.base, record.encoded())
      if let founding = formation?.founding, founding.isKnown {
        try records.write(.founding, founding.encoded())
      }
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
    opening path: String, in directory: String, landmark: Landmark, arrivals: SnapshotArrivals,
    reserve: Reserve,
    failure: StorageFailure, settings: StorageSettings, on fileSystem: any FileSystem
  ) throws(StorageError) {
    name = path
    self.landmark = landmark
    self.arrivals = arrivals
    self.directory = directory
    self.fileSystem = fileSystem
    self.reserve = reserve
    self.failure = failure
    self.settings = settings
    let pageSize = try DatabaseFormat.log.checkHeader(of: path, on: fileSystem)
    let wal = try fileSystem.contents(of: path + "-wal") ?? []
    if case .damaged(let offset) = WALScan.verdict(on: wal, pageSize: pageSize) {
      throw .damaged(file: path + "-wal", place: "byte \(offset); whole commits follow it")
    }
    try fileSystem.settle(path + "-wal")
    connection = try Connection(path, .write, on: fileSystem)
    try connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    try connection.execute("PRAGMA synchronous = FULL")
    try connection.execute("PRAGMA cache_size = -1024")
    _ = try DatabaseFormat.log.checkOwnSchema(of: connection)
    records = try RecordTable(connection)
    identity = try Identity(decoding: records.read(.identity), in: path)
    let hardState = try? HardState(decoding: records.read(.hardState))
    guard let hardState else { throw .damaged(file: path, place: "the hard state") }
    self.hardState = hardState
    let record = try BaseRecord(
      decoding: records.read(.base), in: path, salt: identity.incarnation.number)
    (generation, base) = (record.generation, record.base)
    if let bytes = try records.readIfPresent(.founding) {
      founding = try Founding(decoding: bytes, in: path)
    }
    try records.checkCount(founding.isKnown ? 4 : 3)
    entryLog = EntryLog(
      record.log, in: directory, reserve: reserve, settings: settings, on: fileSystem)
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
      }
      try connection.gatherWrites()
      try LogUpgrade.run(on: connection, into: entryLog, record)
      let entries = try entryLog.open(after: base?.last)
      last = entries.last?.id ?? last
      opened = entries
      guard landmark.record.isReached(by: position) else {
        throw .damaged(file: name, place: shortfall(of: landmark.record))
      }
      try landmark.renew(to: position)
      isProven = true
    }
  }

  private var record: BaseRecord {
    BaseRecord(generation: generation, base: base, log: entryLog.place)
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

  public func form(_ formation: Formation) throws(StorageError) {
    try failure.guarding { () throws(StorageError) in
      precondition(isProven, "a log is proven before it is formed")
      precondition(base == nil, "the log was formed before")
      let record = BaseRecord(
        generation: generation, base: formation.base, log: entryLog.place)
      try writing { () throws(StorageError) in
        try records.write(.base, record.encoded())
        if formation.founding.isKnown {
          try records.write(.founding, formation.founding.encoded())
        }
      }
      base = formation.base
      founding = formation.founding
      last = formation.base.last
      try landmark.advance(to: position)
    }
  }

  public func recover() throws(StorageError) -> RecoveredLog? {
    try failure.guarding { () throws(StorageError) in
      precondition(isProven, "a log is proven before it is read")
      guard let base else { return nil }
      let kept = if let opened { opened } else { try entries(after: base.last.index) }
      opened = nil
      return RecoveredLog(
        hardState: hardState, base: base, entries: kept, founding: founding)
    }
  }

  public func commit(_ writes: [StorageWrite]) throws(StorageError) {
    try failure.guarding { () throws(StorageError) in
      precondition(isProven, "a log is proven before it is written")
      guard let base else { preconditionFailure("a log is formed before it is written") }
      opened = nil
      let edit = try LogEdit(writes, last: last) { (index) throws(StorageError) -> EntryID? in
        index == base.last.index ? base.last : try entryLog.id(at: index)
      }
      guard !edit.isEmpty else { return }
      check(edit, over: base)
      try landmark.lower(to: edit.last)
      if edit.installs {
        try install(edit)
      } else {
        try append(edit)
      }
      hardState = edit.hardState ?? hardState
      self.base = edit.base ?? base
      last = edit.last
      try landmark.advance(to: position)
    }
  }

  /// Term and vote before entries of the term; a base after the entries that it counts as durable.
  private func append(_ edit: LogEdit) throws(StorageError) {
    let hasEntries = !edit.entries.isEmpty
    if hasEntries {
      if let state = edit.hardState { try write(state) }
      try entryLog.append(edit.entries)
    }
    let state = hasEntries ? nil : edit.hardState
    guard let base = edit.base else {
      if let state { try write(state) }
      return
    }
    let place = entryLog.place(after: base.last.index)
    try write(BaseRecord(generation: generation, base: base, log: place), state)
    try entryLog.move(to: place)
  }

  /// The arrived state gets the next generation's name; the entries that agree with it, and those
  /// that came after it, make a log of their own; one transaction puts both in the place of what
  /// was (Docs/Storage.md, *Snapshots*).
  private func install(_ edit: LogEdit) throws(StorageError) {
    guard let base = edit.base else { preconditionFailure("a snapshot without a base") }
    let end = edit.truncateFrom ?? edit.entries.first?.index ?? last.index.next
    let kept = try entries(after: base.last.index, before: end)
    guard let arrived = arrivals.claim(base.last) else {
      preconditionFailure("the snapshot at \(base.last.index.number) was taken back")
    }
    // The file is synced. Until the transaction its new name means no more than its old one.
    try fileSystem.rename(
      arrived, to: DataDirectory.statePath(in: directory, generation: generation + 1))
    try fileSystem.syncDirectory(directory)
    try beginAnew(with: kept + edit.entries) { (place) throws(StorageError) in
      try write(
        BaseRecord(generation: generation + 1, base: base, log: place), edit.hardState)
    }
    generation += 1
  }

  /// Puts a log of these entries in the place of the present one; `record` says so in `raft.db`, in
  /// one transaction with whatever else changes.
  private func beginAnew(
    with entries: [Entry], _ record: (EntryLog.Place) throws(StorageError) -> Void
  ) throws(StorageError) {
    let fresh = entryLog.successor()
    try fresh.append(entries)
    try record(fresh.place)
    try entryLog.removeFiles()
    entryLog = fresh
  }

  /// The entries that are kept between these two; without `end`, all.
  private func entries(
    after index: LogIndex, before end: LogIndex? = nil
  ) throws(StorageError) -> [Entry] {
    let end = end ?? last.index.next
    guard index.next < end else { return [] }
    return try entryLog.entries(
      LogFetch(first: index.next, last: end.previous, limitBytes: .max))
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
      !edit.installs || arrivals.isWhole(at: moved),
      "the snapshot at \(moved.index.number) has not arrived whole")
  }

  private func write(_ state: HardState) throws(StorageError) {
    try writing { () throws(StorageError) in try records.write(.hardState, state.encoded()) }
  }

  private func write(
    _ record: BaseRecord, _ state: HardState? = nil
  ) throws(StorageError) {
    try writing { () throws(StorageError) in
      try records.write(.base, record.encoded())
      if let state { try records.write(.hardState, state.encoded()) }
    }
  }

  /// One transaction. When the disk is full, the reserve is given up once for it: what is refused
  /// before append is not refused here (Docs/Storage.md, *A full disk*).
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
    as identity: Identity, _ founding: Founding, with entry: Entry, _ hardState: HardState
  ) throws(StorageError) {
    try failure.guarding { () throws(StorageError) in
      guard isProven, let base else { preconditionFailure("a log goes on that was not formed") }
      let kept = try entries(after: base.last.index)
      try beginAnew(with: kept + [entry]) { (place) throws(StorageError) in
        let record = BaseRecord(generation: generation, base: base, log: place)
        try writing { () throws(StorageError) in
          try records.write(.identity, identity.encoded())
          try records.write(.founding, founding.encoded())
          try records.write(.hardState, hardState.encoded())
          try records.write(.base, record.encoded())
        }
      }
      self.founding = founding
      self.hardState = hardState
      last = entry.id
      try landmark.renew(to: position)
    }
  }

  public func entries(_ wish: LogFetch) throws(StorageError) -> [Entry] {
    try failure.guarding { () throws(StorageError) in
      guard let base, wish.first > base.last.index, wish.first <= last.index else { return [] }
      return try entryLog.entries(wish)
    }
  }

  /// Makes the next segment ready, and checkpoints once enough pages wait.
  public func maintain() throws(StorageError) {
    try failure.guarding { () throws(StorageError) in
      try entryLog.maintain()
      guard connection.walFrames >= settings.checkpointPages else { return }
      _ = try connection.checkpoint(.passive)
    }
  }

  public func close() throws(StorageError) {
    defer { connection.close() }
    try failure.guarding { () throws(StorageError) in
      _ = try connection.checkpoint(.truncate)
    }
  }
}

/// What decides which files of a directory count: changed as a whole, or not at all.
struct BaseRecord {
  /// Of the state file.
  var generation: UInt64
  /// `nil`: not formed.
  var base: LogBase?
  var log: EntryLog.Place

  init(generation: UInt64, base: LogBase?, log: EntryLog.Place) {
    self.generation = generation
    self.base = base
    self.log = log
  }

  func encoded() -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(number: generation)
    bytes.append(counted: base?.encoded() ?? [])
    bytes.append(number: log.edition)
    bytes.append(number: log.salt)
    bytes.append(number: log.floor)
    return bytes
  }

  /// What ends before the log's place is of format 1, whose log will begin with this salt.
  init(decoding bytes: [UInt8], in file: String, salt: UInt64) throws(StorageError) {
    var cursor = ByteCursor(bytes)
    guard let generation = cursor.number(UInt64.self), let encoded = cursor.counted(),
      encoded.isEmpty || (try? LogBase(decoding: Array(encoded))) != nil
    else { throw .damaged(file: file, place: "the log's base") }
    self.generation = generation
    base = try? LogBase(decoding: Array(encoded))
    log = EntryLog.Place(salt: salt)
    guard cursor.remaining > 0 else { return }
    guard let edition = cursor.number(UInt64.self), let salt = cursor.number(UInt64.self),
      let floor = cursor.number(UInt64.self), cursor.remaining == 0
    else { throw .damaged(file: file, place: "the log's base") }
    log = EntryLog.Place(edition: edition, salt: salt, floor: floor)
  }
}
