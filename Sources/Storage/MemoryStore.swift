import KeyValue
import Raft

/// A member's store without a disk, for the simulator and for tests.
///
/// What a disk would keep survives `crash`; objects that were opened before it must not be used
/// after it.
public final class MemoryStore: MemberStore {
  public let identity: Identity
  public private(set) var failure = StorageFailure()
  public var log: any LogStore { memoryLog }
  private let memoryLog: MemoryLog
  /// The generations that the disk holds, the present one and perhaps others beside it.
  private var states: [UInt64: MemoryState] = [:]

  public init(identity: Identity) {
    self.identity = identity
    memoryLog = MemoryLog(failure: failure)
    states[1] = MemoryState(generation: 1, contents: .init(), failure: failure)
  }

  public func openState() throws(StorageError) -> any StateStore {
    try failure.check()
    return presentState()
  }

  public func receiveSnapshot() throws(StorageError) -> any SnapshotSink {
    try failure.check()
    return MemorySnapshotSink(memoryLog.arrivals)
  }

  /// The state of the generation that the log names.
  private func presentState() -> MemoryState {
    let generation = memoryLog.generation
    if let state = states[generation] { return state }
    guard let contents = memoryLog.installed else {
      preconditionFailure("generation \(generation) was installed but never received")
    }
    let state = MemoryState(generation: generation, contents: contents, failure: failure)
    states[generation] = state
    return state
  }

  public func removeGenerations(before generation: UInt64) throws(StorageError) {
    try failure.check()
    let first = min(generation, memoryLog.generation)
    for generation in states.keys.sorted() where generation < first { states[generation] = nil }
  }

  public func space() throws(StorageError) -> Space { .plenty }

  /// How many flushes a crash may take or leave.
  public var unsyncedFlushes: Int { states[memoryLog.generation]?.unsyncedFlushes ?? 0 }

  /// The power fails: the log keeps what was committed, the state what was durable and, of the
  /// flushes since, the first `keepingFlushes`.
  public func crash(keepingFlushes: Int = 0) {
    memoryLog.arrivals.forget()
    let generation = memoryLog.generation
    let left = presentState().crash(keepingFlushes: keepingFlushes)
    states = [generation: MemoryState(generation: generation, contents: left, failure: failure)]
  }
}
