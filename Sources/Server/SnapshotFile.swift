import Base
import Handlers
import Host
import KeyValue
import Raft
import Replica
import Storage

/// What `quorate snapshot` does with a file: looks into it, or begins a store with it.
public struct SnapshotFile {
  /// Why it cannot.
  public struct Failure: Error, Hashable, Sendable {
    /// One sentence.
    public var sentence: String
  }

  private let backup: BackupFile

  /// Proves every byte of the file that means anything. `skipsHash`: it has none behind it.
  public init(at path: String, skipsHash: Bool) throws(Failure) {
    backup = try Self.telling { () throws(StorageError) in
      try BackupFile(at: path, skipsHash: skipsHash)
    }
  }

  /// As a member's `Hash` tells it of the same state.
  public var hash: UInt32 { LiveHasher.fold(backup.meta.stateDigest) }
  public var revision: Int64 { backup.meta.revision }
  /// Changes that are kept, deletions among them.
  public var rowCount: Int64 { backup.meta.rowCount }
  public var keyCount: Int { backup.keyCount }
  public var sizeBytes: Int64 { backup.sizeBytes }

  /// How the store goes on from the file.
  public struct Wish: Sendable {
    public var flags = MemberFlags()
    /// `nil`: a billion.
    public var bump: Int64?
    /// Asked for by name; a bump does it anyway.
    public var marksCompacted = false

    public init() {}
  }

  /// What was made.
  public struct Restored: Sendable {
    public var directory: String
    public var member: String
    public var cluster: String
    public var revision: Int64
  }

  /// Makes the data directory of one member of a new store.
  ///
  /// *Throws* before anything is written.
  public func restore(_ wish: Wish) throws(Failure) -> Restored {
    let settings: MemberSettings
    do throws(ServerExit) {
      settings = try wish.flags.settings()
    } catch {
      throw Failure(sentence: error.sentence)
    }
    guard let own = settings.initialCluster.member(named: settings.name) else {
      throw Failure(sentence: "--initial-cluster does not name this member, \(settings.name)")
    }
    let revisions = try Self.revisions(wish)
    let backup = backup
    return try Self.telling { () throws(StorageError) in
      let restoration = try Restoration(
        of: backup,
        for: Identity(
          cluster: settings.initialCluster.clusterID.number, member: own.id, name: own.name,
          incarnation: Incarnation(UInt64.random(in: 1 ... .max))),
        revisions: revisions)
      try restoration.make(at: settings.dataDirectory, of: backup)
      return Restored(
        directory: settings.dataDirectory, member: hexadecimal(own.id.number),
        cluster: hexadecimal(settings.initialCluster.clusterID.number),
        revision: restoration.meta.revision)
    }
  }

  private static func revisions(_ wish: Wish) throws(Failure) -> Restoration.Revisions {
    let standard = Restoration.Revisions.standard
    let bump = wish.bump ?? standard.bump
    guard bump >= 0 else {
      throw Failure(sentence: "--bump-revision=\(bump): revisions go forward")
    }
    guard !wish.marksCompacted || bump > 0 else {
      throw Failure(sentence: "--mark-compacted requires --bump-revision")
    }
    // A jump that nobody is told of would hide what was lost.
    return Restoration.Revisions(bump: bump, marksCompacted: bump > 0)
  }

  private static func telling<Value>(
    _ body: () throws(StorageError) -> Value
  ) throws(Failure) -> Value {
    do {
      return try body()
    } catch {
      throw Failure(sentence: error.description)
    }
  }
}
