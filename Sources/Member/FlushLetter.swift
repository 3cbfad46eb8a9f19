public import Base
public import KeyValue
public import Raft
public import Replica

/// What the flush lane is told.
public enum FlushLetter<State>: Sendable {
  case order(FlushOrder)
  /// Take another generation over, whose log begins after this base.
  case adopt(TransferBox<State>, LogBase)
  /// Give every free page back; the request is answered when that is done.
  case defragment(RequestID)
}

/// What the apply lane wants of the flush lane.
public enum FlushOrder: Sendable {
  /// Write it all in one transaction, with its applied index, to the state of this generation.
  case write(FlushBatch, generation: UInt64)
  /// Open a snapshot of the state as it is.
  case openSnapshot(SnapshotAsker)
}

/// What the flush lane tells the replica.
public enum FlushReport: Hashable, Sendable {
  /// Entries up to here would survive a power loss.
  case durableApplied(LogIndex)
  /// What the state takes on the disk.
  case storeSize(UInt64)
}

/// What one turn of the flush lane brings about elsewhere.
public struct FlushOutput<Readers, Source>: Sendable {
  /// For the apply lane.
  public var letters: [ApplyLetter<Readers>] = []
  /// For who reads snapshots.
  public var opened: [(asker: SnapshotAsker, source: TransferBox<Source>)] = []
  /// For the replica.
  public var reports: [FlushReport] = []
  /// Every free page was given back.
  public var defragmented: [RequestID] = []
  /// When the lane wants its next turn, if no letter comes before.
  public var wakeAt = Instant.distantFuture
  /// The disk has failed and the member ends; `nil`: it goes on.
  public var fault: (any Error)?

  public init() {}

  /// All of it was delivered. The arrays keep their room.
  public mutating func removeAll() {
    letters.removeAll(keepingCapacity: true)
    opened.removeAll(keepingCapacity: true)
    reports.removeAll(keepingCapacity: true)
    defragmented.removeAll(keepingCapacity: true)
    wakeAt = .distantFuture
  }
}

/// The state file, as the flush lane reaches it.
public protocol FlushPorts {
  /// A generation that was opened and not read.
  associatedtype State
  /// What the threads of this host read the rows of a generation with.
  associatedtype Readers
  /// A snapshot that is read.
  associatedtype Source

  /// Of the state that is open.
  var generation: UInt64 { get }
  /// Entries up to here would survive a power loss.
  var durableApplied: LogIndex { get }
  var usedBytes: UInt64 { get }
  /// The last house-keeping left work that need not wait for the next batch.
  var wantsMaintenance: Bool { get }
  var hasGivenBackAll: Bool { get }

  mutating func write(_ batch: FlushBatch) throws
  /// One bounded piece of house-keeping. Returns how long the disk was at work.
  mutating func maintain() throws -> Duration
  /// From now on house-keeping gives every free page back, until there is none.
  mutating func giveBackAll()
  mutating func openSnapshot() throws -> Source
  /// Closes what is open, goes on with `state`, and reads all of it.
  mutating func adopt(_ state: State) throws -> AdoptedState<Readers>
}
