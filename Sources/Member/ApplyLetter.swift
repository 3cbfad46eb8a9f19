public import Base
public import KeyValue
public import Raft
public import Replica

/// What the apply lane is told.
public enum ApplyLetter<Readers>: Sendable {
  /// Committed entries, in their order.
  case entries([Entry])
  /// The flush lane has written the batch of this generation that ends at this entry.
  case flushed(generation: UInt64, through: UInt64)
  /// Move to the installed snapshot; nothing applied before counts any more.
  case restore(LogBase)
  /// The flush lane has moved to it.
  case adopted(TransferBox<AdoptedState<Readers>>, LogBase)
  /// Open the state for reading as a whole.
  case openSnapshot(SnapshotAsker)
  case snapshotClosed
  /// Somebody wants to see the state, which is hidden.
  case show(ViewAsker)
  /// The watches of this client loop begin to need what is applied, or need it no more.
  case listen(loop: Int, Bool)
  /// The keys that hang on a lease now.
  case leaseKeys(Int64, RequestID)
  /// Tell this request when every row that is compacted by now is gone from the table.
  case awaitPurge(RequestID)
  /// What a block of the table holds.
  case block(Int64, BlockQuestion)
}

/// A generation that was opened: the store built from its rows, and what other threads read it
/// with.
public struct AdoptedState<Readers> {
  public var store: Store
  public var readers: Readers

  public init(store: Store, readers: Readers) {
    self.store = store
    self.readers = readers
  }
}

/// Who wants to read the state as a whole.
public enum SnapshotAsker: Hashable, Sendable {
  /// A follower that is to be sent at least what its request says.
  case follower(SnapshotRequest)
  /// A client that wants all that is applied by now, by the number of its call.
  case client(UInt64)
}

/// Who wants to see the state.
public enum ViewAsker: Hashable, Sendable {
  /// A client's request, which waits on the loop that gave it its number.
  case client(RequestID)
  /// The watches of a client loop.
  case watches(loop: Int)
}

/// What somebody who reads the whole table asks about a block of it.
public enum BlockQuestion: Hashable, Sendable {
  /// Before the rows are read.
  case expect
  /// After that: does it still hold the same?
  case confirm
}

/// What a block of the table must hold.
public enum BlockAnswer: Hashable, Sendable {
  /// `nil`: part of it is on its way. `blocks`: how many there are; `before`: the last revision of
  /// the blocks before this one.
  case expect(BlockExpectation?, number: Int64, blocks: Int64, before: Int64)
  case confirm(BlockExpectation?, number: Int64)
}

/// The result of a request of this boot.
public struct ApplyAnswer: Hashable, Sendable {
  public var id: RequestID
  public var result: CommandResult

  public init(id: RequestID, result: CommandResult) {
    self.id = id
    self.result = result
  }
}

/// What the apply lane tells the replica.
public enum ApplyReport: Hashable, Sendable {
  case applied(
    through: LogIndex, completed: [RequestID], leases: [LeaseChange], upkeep: UpkeepFacts)
  /// The rows that wait for the flush lane are as many as may be, or fewer again.
  case overlayFull(Bool)
  /// The member has moved to the installed snapshot.
  case restored(LogBase, leases: LeaseImage, upkeep: UpkeepFacts)
}

/// Why apply cannot go on: the member ends.
public enum ApplyFault: Error {
  /// Reading a row has failed with this.
  case world(any Error)
  /// The entry's command is of a version that this program does not know.
  case unknownVersion(LogIndex, UInt8)
  /// The entry's command is none.
  case malformed(LogIndex)
}

/// What one turn of the apply lane brings about elsewhere. It is delivered after the turn, and so
/// after the view that shows it.
public struct ApplyOutput: Sendable {
  /// For the watches of a client loop.
  public var feeds: [(loop: Int, batch: ChangeBatch)] = []
  /// For who waits.
  public var answers: [ApplyAnswer] = []
  /// Compactions whose rows are still there: their callers wait no longer.
  public var unpurged: [RequestID] = []
  /// For the replica.
  public var reports: [ApplyReport] = []
  /// For the flush lane.
  public var flushOrders: [FlushOrder] = []
  /// The log lane opens the state of the generation that the log names, and hands it to the flush
  /// lane with this base; `nil`: it need not.
  public var opensState: LogBase?
  /// They get no snapshot: the state to be read is not there just now.
  public var unopened: [SnapshotAsker] = []
  /// What `viewers` wanted to see; `nil`: there are none.
  public var view: ReadView?
  public var viewers: [ViewAsker] = []
  public var leaseKeys: [(id: RequestID, keys: [[UInt8]])] = []
  /// The rows that they waited for are gone from the table.
  public var purged: [RequestID] = []
  public var blocks: [BlockAnswer] = []
  /// What the rows occupy that wait for the flush lane.
  public var overlayBytes = 0
  /// When the lane wants its next turn, if no letter comes before.
  public var wakeAt = Instant.distantFuture
  /// The member ends, and there is nothing else; `nil`: it goes on.
  public var fault: ApplyFault?

  public init() {}

  /// All of it was delivered. The arrays keep their room.
  public mutating func removeAll() {
    feeds.removeAll(keepingCapacity: true)
    answers.removeAll(keepingCapacity: true)
    unpurged.removeAll(keepingCapacity: true)
    reports.removeAll(keepingCapacity: true)
    flushOrders.removeAll(keepingCapacity: true)
    unopened.removeAll(keepingCapacity: true)
    viewers.removeAll(keepingCapacity: true)
    leaseKeys.removeAll(keepingCapacity: true)
    purged.removeAll(keepingCapacity: true)
    blocks.removeAll(keepingCapacity: true)
    (opensState, view, wakeAt) = (nil, nil, .distantFuture)
  }
}

/// The world, as the apply lane reaches it.
public protocol ApplyPorts {
  /// What the threads of this host read the rows of a generation with.
  associatedtype Readers

  /// Where rows that memory no longer holds are read from.
  var rows: any RowReading { get }

  /// Leaves word for the next start of the entry that is taken up; `nil`: of none.
  mutating func mark(_ entry: Entry?)

  /// An entry was applied that carries nothing for the store.
  mutating func skipped(_ entry: Entry, _ meta: StateMeta)
  /// A command was applied.
  mutating func applied(
    _ entry: Entry, _ envelope: CommandEnvelope, _ effect: Applied, _ meta: StateMeta)

  /// Takes back the view that nobody has looked at; whether none is shown now.
  mutating func hideUnusedView() -> Bool
  mutating func publish(_ view: ReadView)
  /// The state has gone on to here, and nobody sees it.
  mutating func advance(to meta: StateMeta)

  /// Another generation: closes the reader of the old one, and hands the others theirs.
  mutating func adopt(_ readers: Readers)
}
