public import Raft

/// The directory of a member that does not run, for whoever decides how a store goes on whose
/// majority is lost.
public final class Salvage {
  public let path: String
  public let identity: Identity
  public let log: RecoveredLog
  /// Of the state beside the log.
  public let applied: LogIndex
  private let directory: DataDirectory

  /// Locks the directory and proves all of it, as a start does.
  ///
  /// *Throws* what a start throws, and `failed` when there is no member, or nothing to recover.
  public init(at path: String) throws(StorageError) {
    self.path = path
    let fileSystem = POSIXFileSystem()
    guard fileSystem.exists(path + "/raft.db") else {
      throw .failed(file: path, action: "recover", reason: "it is no data directory of a member")
    }
    identity = try DataDirectory.identity(of: path, on: fileSystem)
    let claim = Claim(cluster: identity.cluster, member: identity.member, name: identity.name)
    directory = try DataDirectory(at: path, as: claim, on: fileSystem) { .unknown }
    do throws(StorageError) {
      let state = try directory.openState()
      let recovered = try directory.recover(with: state)
      _ = try state.load()
      try state.close()
      guard let recovered else {
        throw .failed(
          file: path, action: "recover",
          reason: "its store has never formed, so it holds nothing that can be lost")
      }
      log = RecoveredLog(
        hardState: recovered.hardState, base: recovered.base, entries: recovered.entries,
        founding: recovered.founding)
      applied = recovered.applied
    } catch {
      try? directory.close()
      throw error
    }
  }

  /// The end of the log.
  public var last: EntryID { log.entries.last?.id ?? log.base.last }

  /// The last configuration in the log, committed or not.
  public var configuration: Configuration {
    for entry in log.entries.reversed() {
      if case .configuration(let configuration) = entry.content { return configuration }
    }
    return log.base.configuration
  }

  /// Makes it the directory of a new incarnation, in a store of its own, whose log ends with this
  /// entry, in one transaction.
  ///
  /// *Precondition*: the entry follows the log.
  public func goOn(
    as incarnation: Incarnation, _ founding: Founding, with entry: Entry,
    _ hardState: HardState
  ) throws(StorageError) {
    precondition(entry.index == last.index.next, "entry \(entry.index.number) leaves a gap")
    var identity = identity
    identity.incarnation = incarnation
    try directory.goOn(as: identity, founding, with: entry, hardState)
  }

  public func close() throws(StorageError) { try directory.close() }
}
