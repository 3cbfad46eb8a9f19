import Synchronization

/// What the connections of one state file share between their threads.
final class StateShared: Sendable {
  let path: String
  let generation: UInt64
  let fileSystem: any FileSystem
  let failure: StorageFailure
  let gate = ReadGate()
  /// Snapshots that are being read.
  private let holds = Mutex(0)

  init(
    path: String, generation: UInt64, fileSystem: any FileSystem, failure: StorageFailure
  ) {
    self.path = path
    self.generation = generation
    self.fileSystem = fileSystem
    self.failure = failure
  }

  var isHeld: Bool { holds.withLock { $0 > 0 } }

  func hold() { holds.withLock { $0 += 1 } }

  func release() { holds.withLock { $0 -= 1 } }
}
