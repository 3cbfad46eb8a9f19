import FaultyStorage
import Base
import Raft
import Storage

/// What one simulated member keeps, over crashes of its process and of its machine.
///
/// Conformers: `FileDisk` with the product's own files, and `ModelDisk`, which is much faster.
protocol MemberDisk: AnyObject {
  var identity: Identity { get }

  /// What the present process has open. *Precondition*: it was opened after the last `lose`.
  var store: any MemberStore { get }

  /// Where faults strike; `nil`: there are no files.
  var files: MemoryDisk? { get }

  /// A process opens the store.
  func open() throws(StorageError)

  /// The process is gone, and with it all that it had open. `power`: the machine too, with what
  /// was not synced, as far as the dice have it.
  func lose(power: Bool, _ dice: inout SplitMix64)

  /// The process closes the store in order.
  func close() throws(StorageError)
}

/// A `MemoryStore`: what it was told to keep, it keeps.
final class ModelDisk: MemberDisk {
  var identity: Identity { memory.identity }
  var store: any MemberStore { memory }
  var files: MemoryDisk? { nil }
  private let memory: MemoryStore

  init(identity: Identity) { memory = MemoryStore(identity: identity) }

  func open() {}

  func lose(power: Bool, _ dice: inout SplitMix64) {
    let unsynced = memory.unsyncedFlushes
    memory.crash(keepingFlushes: power ? dice.index(below: unsynced + 1) : unsynced)
  }

  func close() { memory.crash(keepingFlushes: memory.unsyncedFlushes) }
}

/// The files that a real member has (`DataDirectory`: raft.db, landmark, state files), opened by
/// SQLite on a disk in memory.
final class FileDisk: MemberDisk {
  static let path = "/m"

  let identity: Identity
  var files: MemoryDisk? { disk }
  var store: any MemberStore {
    guard let directory else { preconditionFailure("\(identity.name)'s store is not open") }
    return directory
  }
  private let disk = MemoryDisk()
  private let settings: StorageSettings
  private var directory: DataDirectory?

  init(identity: Identity, settings: StorageSettings) {
    self.identity = identity
    self.settings = settings
  }

  func open() throws(StorageError) {
    directory = nil
    let claim = Claim(cluster: identity.cluster, member: identity.member, name: identity.name)
    directory = try DataDirectory(at: FileDisk.path, as: claim, settings: settings, on: disk) {
      identity.incarnation
    }
  }

  func lose(power: Bool, _ dice: inout SplitMix64) {
    if power {
      disk.crash(dice.chance(1, in: 4) ? .losesAll : .keepsSome(seed: dice.next()))
    } else {
      disk.endProcess()
    }
    directory = nil
  }

  func close() throws(StorageError) {
    defer { directory = nil }
    try directory?.close()
  }
}
