public import Raft

/// Whose data a directory is expected to hold.
public struct Claim: Hashable, Sendable {
  public var cluster: UInt64
  public var member: MemberID
  public var name: String
  /// Of a directory that is there, only the name has to be right: its member has joined a store, or
  /// moved, and what the flags say of the others was true once.
  public var isHint: Bool

  public init(cluster: UInt64, member: MemberID, name: String, isHint: Bool = false) {
    self.cluster = cluster
    self.member = member
    self.name = name
    self.isHint = isHint
  }
}

/// The files of one member, locked against other processes.
///
///     LOCK               held while the process runs; empty
///     raft.db            identity, hard state, base
///     raft-<e>-<n>.wal   the log's entries; e is named by raft.db
///     landmark           what the log has reached
///     state-<g>.db       the rows; g is named by raft.db
///     arrival-<n>.db     a snapshot on its way in; nothing refers to it
///     reserve            space for a full disk
///
/// A directory whose `raft.db` exists is complete; without it, it is made anew.
public final class DataDirectory: MemberStore {
  public let path: String
  public var identity: Identity { raftLog.identity }
  public let failure: StorageFailure
  public var log: any LogStore { raftLog }
  /// It was made just now: nothing that this member promised can be in it.
  public let isNew: Bool
  private let raftLog: RaftLog
  private let arrivals: SnapshotArrivals
  private let reserve: Reserve
  private let settings: StorageSettings
  private let fileSystem: any FileSystem
  private let lock: any DiskLock

  /// Locks, makes or opens the directory, and checks all of `raft.db`, unless `provesLater`: then
  /// `prove` does it, and until it has, the state may be opened and nothing else.
  ///
  /// `drawIncarnation` is asked only if the directory is made, and `formation` is how its log
  /// begins then: of a member that joins a store. `nil`: the members form it later.
  /// *Throws* `inUse`, `unwritable`, `otherCluster`, `otherMember`, `unknownFormat`, `damaged`.
  public init(
    at path: String, as claim: Claim, settings: StorageSettings = StorageSettings(),
    on fileSystem: any FileSystem = POSIXFileSystem(), provesLater: Bool = false,
    formation: Formation? = nil, drawIncarnation: () -> Incarnation
  ) throws(StorageError) {
    self.path = path
    self.settings = settings
    self.fileSystem = fileSystem
    failure = StorageFailure()
    arrivals = SnapshotArrivals()
    try fileSystem.makeDirectory(path)
    guard let lock = try fileSystem.lock(path + "/LOCK") else { throw .inUse(directory: path) }
    self.lock = lock
    isNew = !fileSystem.exists(path + "/raft.db")
    if isNew {
      let identity = Identity(
        cluster: claim.cluster, member: claim.member, name: claim.name,
        incarnation: drawIncarnation())
      try DataDirectory.create(at: path, for: identity, formation, on: fileSystem)
    } else {
      // Its makers may have been killed before this.
      try fileSystem.syncDirectory(path)
    }
    reserve = try Reserve(in: path, settings, on: fileSystem)
    raftLog = try RaftLog(
      opening: path + "/raft.db", in: path,
      landmark: Landmark(opening: path + "/landmark", on: fileSystem), arrivals: arrivals,
      reserve: reserve, failure: failure, settings: settings, on: fileSystem)
    try check(claim)
    if !provesLater { try prove() }
  }

  private func check(_ claim: Claim) throws(StorageError) {
    let found = raftLog.identity
    if claim.isHint && !isNew {
      guard found.name == claim.name else {
        throw .otherMember(
          directory: path, found: found.member, name: found.name, expected: claim.member)
      }
      return
    }
    guard found.cluster == claim.cluster else {
      throw .otherCluster(directory: path, found: found.cluster, expected: claim.cluster)
    }
    guard found.member == claim.member else {
      throw .otherMember(
        directory: path, found: found.member, name: found.name, expected: claim.member)
    }
  }

  /// Checks all of `raft.db`, and removes what it does not speak of. The state may be read
  /// meanwhile on another thread: each takes about as long as the other.
  ///
  /// *Throws* `damaged`.
  public func prove() throws(StorageError) {
    try raftLog.prove()
    // `raft.db` alone says which state is in force.
    try removeGenerations { [generation = raftLog.generation] in $0 != generation }
    for name in try fileSystem.names(in: path)
    where BackupWriter.isLeftover(name) || SnapshotArrivals.isLeftover(name) {
      try fileSystem.remove(path + "/" + name)
    }
  }

  /// `raft.db` comes last and in one step: until it is there, nothing was promised. `formation`:
  /// how the log of a member that joins begins. `makeState` makes the state's file; `nil`: an
  /// empty one.
  static func create(
    at path: String, for identity: Identity, _ formation: Formation? = nil,
    on fileSystem: any FileSystem, makeState: ((String) throws(StorageError) -> Void)? = nil
  ) throws(StorageError) {
    precondition(identity.incarnation != .unknown, "an incarnation is never zero")
    let landmark = path + "/landmark"
    if fileSystem.exists(landmark) {
      // A making that was cut short leaves a fresh landmark or half of one; a raft.db that is
      // gone leaves one that speaks of it.
      let left = try? Landmark(opening: landmark, on: fileSystem)
      guard left?.isFresh ?? true else {
        throw .damaged(file: path + "/raft.db", place: "it is missing")
      }
    }
    // Segments come after raft.db, too.
    guard try !fileSystem.names(in: path).contains(where: { LogSegment.Name($0) != nil }) else {
      throw .damaged(file: path + "/raft.db", place: "it is missing")
    }
    let state = statePath(in: path, generation: 1)
    if let makeState {
      try makeState(state)
    } else {
      try StateFile.create(at: state, on: fileSystem)
    }
    try Landmark.create(at: landmark, on: fileSystem)
    try fileSystem.syncDirectory(path)
    try RaftLog.create(at: path + "/raft.db", for: identity, formation, on: fileSystem)
    try fileSystem.syncDirectory(path)
  }

  public func openState() throws(StorageError) -> any StateStore {
    try failure.guarding { () throws(StorageError) in
      let generation = raftLog.generation
      let shared = StateShared(
        path: DataDirectory.statePath(in: path, generation: generation), generation: generation,
        fileSystem: fileSystem, failure: failure)
      return try StateFile(opening: shared, reserve: reserve, settings: settings)
    }
  }

  public func receiveSnapshot() throws(StorageError) -> any SnapshotSink {
    try failure.guardingSpare { () throws(StorageError) in
      try StateFileSink(
        path: arrivals.nextPath(in: path), on: fileSystem, failure: failure, arrivals: arrivals)
    }
  }

  public func removeGenerations(before generation: UInt64) throws(StorageError) {
    try failure.guarding { () throws(StorageError) in
      let first = min(generation, raftLog.generation)
      try removeGenerations { $0 < first }
    }
  }

  public func space() throws(StorageError) -> Space {
    try failure.guarding { () throws(StorageError) in try reserve.space() }
  }

  /// Whose directory it is, before anything else is believed of it.
  ///
  /// *Throws* `inUse` while a process runs on it.
  static func identity(
    of path: String, on fileSystem: any FileSystem
  ) throws(StorageError) -> Identity {
    guard let lock = try fileSystem.lock(path + "/LOCK") else { throw .inUse(directory: path) }
    defer { lock.release() }
    let file = path + "/raft.db"
    try DatabaseFormat.log.checkHeader(of: file, on: fileSystem)
    let connection = try Connection(file, .read, on: fileSystem)
    defer { connection.close() }
    _ = try DatabaseFormat.log.checkOwnSchema(of: connection)
    return try Identity(decoding: try RecordTable(connection).read(.identity), in: file)
  }

  /// Gives the directory another identity and its log one more entry, in one transaction.
  func goOn(
    as identity: Identity, _ founding: Founding, with entry: Entry, _ hardState: HardState
  ) throws(StorageError) {
    try raftLog.goOn(as: identity, founding, with: entry, hardState)
  }

  /// Closes the log and lets other processes in. Every other object must be closed before.
  public func close() throws(StorageError) {
    defer { lock.release() }
    try raftLog.close()
  }

  private func removeGenerations(_ isGone: (UInt64) -> Bool) throws(StorageError) {
    for name in try fileSystem.names(in: path) {
      guard let generation = DataDirectory.generation(of: name), isGone(generation) else {
        continue
      }
      try fileSystem.remove(path + "/" + name)
    }
  }

  static func statePath(in directory: String, generation: UInt64) -> String {
    "\(directory)/state-\(generation).db"
  }

  /// The generation that a file belongs to; `nil`: it is no state file.
  private static func generation(of name: String) -> UInt64? {
    guard name.hasPrefix("state-") else { return nil }
    let rest = name.dropFirst("state-".count)
    guard let dot = rest.firstIndex(of: "."),
      [".db", ".db-wal", ".db-shm", ".db-journal"].contains(rest[dot...])
    else { return nil }
    return UInt64(rest[..<dot])
  }
}
