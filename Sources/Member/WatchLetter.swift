public import Base
public import KeyValue
public import Raft
public import Replica

/// What the watch lane of a client loop is told.
public enum WatchLetter: Sendable {
  /// A client opens a stream. The host numbers the streams of a boot from one on.
  case open(WatchStreamID, requiresLeader: Bool)
  case order(WatchStreamID, WatchOrder)
  /// The client takes answers again.
  case writable(WatchStreamID)
  /// The client is gone.
  case gone(WatchStreamID)
  /// The apply lane's.
  case changed(ChangeBatch)
  /// The state that a read has waited for.
  case view(ReadView)
  /// The row reader's answer.
  case read(Result<ChangePiece, WatchReadFailure>)
  /// The member stops.
  case stop
}

/// What a client wants of its stream.
public enum WatchOrder: Hashable, Sendable {
  case create(WatchRequest)
  case cancel(watch: Int64)
  /// To be told how far the stream has come.
  case progress
  /// A message that cannot be read: the stream ends.
  case malformed
}

/// Why the member ends a stream.
public enum WatchEnd: Hashable, Sendable {
  case stopped
  /// The member is fenced: its state is not to be trusted.
  case corrupt
  /// Nobody leads, or the quorum rule lets the member serve nothing.
  case noLeader
  /// The client does not read.
  case stalled
  case tooManyAnswers
  case malformed
}

/// Whether the member may serve watches, as its replica stands.
public struct WatchStanding: Hashable, Sendable {
  /// Since when nobody was known to lead; `nil`: somebody leads.
  public private(set) var leaderlessSince: Instant?
  /// The quorum rule lets this member serve nothing (`--on-quorum-loss halt`).
  public private(set) var isHalted = false
  /// This member's state is not to be trusted: it serves nothing.
  public private(set) var isFenced = false

  public init() {}

  /// Follows the replica. `isQuorate`, `nil`: there is none. `now` is asked for only when nobody
  /// leads any more.
  public mutating func follow(
    leader: MemberID?, isQuorate: Bool?, isFenced: Bool, _ policy: QuorumPolicy,
    now: () -> Instant
  ) {
    if leader != nil {
      leaderlessSince = nil
    } else if leaderlessSince == nil {
      leaderlessSince = now()
    }
    isHalted = policy == .halt && isQuorate == false
    self.isFenced = isFenced
  }
}

/// The batch or piece that events are places in.
public enum WatchChanges: Sendable {
  case none
  case batch(ChangeBatch)
  case piece(ChangePiece)

  public var count: Int {
    switch self {
    case .none: 0
    case .batch(let batch): batch.changes.count
    case .piece(let piece): piece.changes.count
    }
  }

  public func row(at position: Int) -> Row {
    switch self {
    case .none: preconditionFailure("events of nothing")
    case .batch(let batch): batch.changes[position].row
    case .piece(let piece): piece.changes[position].row
    }
  }

  /// The change with the pair before it; `nil`: that pair is not in memory. `view`: where the pairs
  /// before the changes of a batch are looked up.
  public func changeWithPrevious(
    at position: Int, view: () -> ReadView?
  ) -> ChangePiece.Change? {
    switch self {
    case .none: preconditionFailure("events of nothing")
    case .piece(let piece): return piece.changes[position]
    case .batch(let batch):
      let change = batch.changes[position]
      guard change.previous != 0 else { return .init(row: change.row, previous: nil) }
      guard let previous = view()?.row(change.previous) else { return nil }
      return .init(row: change.row, previous: previous)
    }
  }
}

extension ChangeRequest {
  /// Reads a piece of the past: what the row reader does for a watch lane.
  ///
  /// Between an installation and the reader's move to its generation the two differ for a moment:
  /// nothing is read then. *Throws* what `reading` throws.
  public func piece(
    of view: ReadView, generation: UInt64, cache: inout RowCache, reading: any ChangeReading
  ) throws -> Result<ChangePiece, WatchReadFailure> {
    guard view.generation == generation else { return .failure(.notNow) }
    return try view.changes(self, cache: &cache, reading: reading).mapError { error in
      precondition(error == .compacted, "past changes are refused with \(error)")
      return .compacted(view.meta.compactRevision)
    }
  }
}

/// What one turn of the watch lane brings about elsewhere.
public struct WatchLaneOutput: Sendable {
  /// For the apply lane: whether batches are wanted; `nil`: as before.
  public var isListening: Bool?
  /// For the row reader, whose answer comes back as a letter.
  public var read: (request: ChangeRequest, view: ReadView)?
  /// For the apply lane: the view is hidden, and something is to be read.
  public var wantsView = false
  public var sentEvents = 0
  public var stalledStreams = 0
  /// When the lane wants its next turn, if no letter comes before.
  public var wakeAt = Instant.distantFuture

  public init() {}

  /// All of it was delivered.
  public mutating func removeAll() { self = WatchLaneOutput() }
}

/// The clients of one loop and the published view, as the watch lane reaches them.
public protocol WatchPorts {
  /// One message to a client.
  associatedtype Message
  /// What is kept while the answers of one batch or piece are made: an event is encoded once for
  /// all who watch it.
  associatedtype Encoding

  /// The store's, after everything that was answered.
  var revision: Int64 { get }
  var standing: WatchStanding { get }
  /// The published view; `nil`: it is hidden.
  func look() -> ReadView?

  func encoding(of changes: WatchChanges) -> Encoding
  /// An answer without events.
  func message(_ response: WatchResponse, _ encoding: inout Encoding) -> Message
  /// Makes the answer and hands it to the client.
  mutating func offer(
    _ events: WatchEvents, of response: WatchResponse, _ encoding: inout Encoding
  ) -> WatchOffer<Message>
  /// False: the client takes nothing for now; `writable` follows.
  mutating func send(_ message: Message, on stream: WatchStreamID) -> Bool
  /// Ends the stream with these last messages, which the client gets in any case.
  mutating func end(_ stream: WatchStreamID, _ end: WatchEnd, last: [Message])
}

/// What has become of an answer with events.
public enum WatchOffer<Message> {
  /// The client has its first message; the rest of the revision must follow.
  case taken(events: Int, rest: ArraySlice<Message>)
  /// The client takes nothing for now; `writable` follows.
  case refused
  /// The pair before one of the changes is not in memory.
  case notInMemory
}
