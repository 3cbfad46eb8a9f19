public import Raft
public import Wire

/// What the snapshot lane is told.
public enum SnapshotLetter<Source>: Sendable {
  /// The state that a follower is to be sent.
  case opened(SnapshotRequest, TransferBox<Source>)
  case order(SnapshotOrder)
}

/// What the exchange wants of the lane. The stream is the return address, and names the arrival.
public enum SnapshotOrder: Hashable, Sendable {
  /// Read the next piece of this source for this stream.
  case read(source: UInt64, SnapshotStreamID)
  case close(source: UInt64)
  /// A snapshot is about to arrive: make a file for it.
  case expect(SnapshotStreamID)
  case piece(SnapshotStreamID, [UInt8])
  /// Every piece was handed over: verify the whole and make it durable.
  case finish(SnapshotStreamID)
  /// The log installs what has arrived whole; the lane has nothing to do with it any more.
  case release(SnapshotStreamID)
  /// Drop what has arrived, whole or not.
  case abandon(SnapshotStreamID)
}

/// What the snapshot lane tells the exchange.
public enum SnapshotReport: Hashable, Sendable {
  /// The state to be sent to a follower is open; `nil`: not now.
  case opened(SnapshotRequest, SnapshotHead?)
  case chunk(SnapshotStreamID, [UInt8])
  /// Every chunk has been handed over.
  case exhausted(SnapshotStreamID)
  /// One piece was taken: it is with the disk.
  case taken(SnapshotStreamID)
  /// What arrived is whole and on disk.
  case arrived(SnapshotStreamID, applied: EntryID)
  /// The arrival has ended by a fault of its own, and nothing is left of it.
  case refused(SnapshotStreamID, SnapshotFrame.Rejection)
}

/// Which state a snapshot is of, and where it is kept until it is sent.
public struct SnapshotHead: Hashable, Sendable {
  public var applied: EntryID
  /// Names the source on the lane.
  public var source: UInt64

  public init(applied: EntryID, source: UInt64) {
    self.applied = applied
    self.source = source
  }
}

/// What one turn of the lane brings about elsewhere.
public struct SnapshotLaneOutput: Sendable {
  /// For the exchange, in order.
  public var reports: [SnapshotReport] = []
  /// Sources closed in this turn: the applier counts them, since it removes no rows while one is
  /// open.
  public var closedSources = 0

  public init() {}
}

/// The disk, as the snapshot lane reaches it.
public protocol SnapshotPorts {
  /// A state that is read.
  associatedtype Source
  /// A file that is written.
  associatedtype Arrival

  /// The last entry that the state has applied.
  func applied(by source: Source) -> EntryID
  /// The next chunk; `nil`: that was all.
  mutating func next(of source: Source, limitBytes: Int) throws(SnapshotFault) -> [UInt8]?
  mutating func close(_ source: Source)

  /// A file that no other arrival shares.
  mutating func makeArrival() throws(SnapshotFault) -> Arrival
  mutating func write(_ chunk: [UInt8], to arrival: Arrival) throws(SnapshotFault)
  /// Verifies the whole and makes it durable. Returns the entry that it ends at.
  mutating func finish(_ arrival: Arrival) throws(SnapshotFault) -> EntryID
  /// Removes the file, whole or not, unless the log has taken it.
  mutating func abandon(_ arrival: Arrival)
}

/// Why a port did not do what it was asked.
public enum SnapshotFault: Error, Hashable, Sendable {
  /// The arrival cannot go on. Nothing of this member has changed.
  case refused(SnapshotFrame.Rejection)
  /// The member's disk has failed, and the host ends the member.
  case disk
}
