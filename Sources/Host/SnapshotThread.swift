import Base
import KeyValue
import Member
import Raft
import Storage
import Wire

/// The thread of the snapshot lane: it reads snapshots for followers, and writes down those that
/// arrive.
struct SnapshotThread: LaneHost {
  typealias Letter = SnapshotLetter<any SnapshotSource>

  private var lane = SnapshotLane<SnapshotFiles>()
  private var files: SnapshotFiles
  private let inboxes: MemberInboxes

  init(store: any MemberStore, exitLatch: ExitLatch, _ inboxes: MemberInboxes) {
    files = SnapshotFiles(store: store, exitLatch: exitLatch)
    self.inboxes = inboxes
  }

  /// The lane has a turn for each letter: what it has done is told before the next, which may take
  /// long.
  mutating func turn(_ letters: [Letter]) -> Instant {
    for letter in letters {
      var out = SnapshotLaneOutput()
      lane.turn([letter], ports: &files, out: &out)
      for report in out.reports { inboxes.replica.complete(.snapshot(report)) }
      for _ in 0..<out.closedSources { inboxes.apply.post(.snapshotClosed) }
    }
    return .distantFuture
  }

  /// The last act: lets go of everything.
  mutating func close() { lane.close(ports: &files) }
}

/// The files of the member's data directory, as the snapshot lane reaches them.
struct SnapshotFiles: SnapshotPorts {
  let store: any MemberStore
  let exitLatch: ExitLatch

  func applied(by source: any SnapshotSource) -> EntryID { source.meta.applied }

  func next(
    of source: any SnapshotSource, limitBytes: Int
  ) throws(SnapshotFault) -> [UInt8]? {
    do throws(StorageError) { return try source.next(limitBytes: limitBytes) } catch {
      throw fail(error)
    }
  }

  func close(_ source: any SnapshotSource) { source.close() }

  func makeArrival() throws(SnapshotFault) -> any SnapshotSink {
    try arriving { () throws(StorageError) in try store.receiveSnapshot() }
  }

  func write(_ chunk: [UInt8], to arrival: any SnapshotSink) throws(SnapshotFault) {
    try arriving { () throws(StorageError) in try arrival.receive(chunk) }
  }

  func finish(_ arrival: any SnapshotSink) throws(SnapshotFault) -> EntryID {
    try arriving { () throws(StorageError) in try arrival.finish().applied }
  }

  func abandon(_ arrival: any SnapshotSink) { arrival.abandon() }

  /// What only the arrival suffers from ends the arrival; anything else ends the member.
  private func arriving<Result>(
    _ body: () throws(StorageError) -> Result
  ) throws(SnapshotFault) -> Result {
    do throws(StorageError) { return try body() } catch {
      switch error {
      case .snapshotRefused: throw .refused(.damaged)
      case .full: throw .refused(.noSpace)
      case .inUse, .unwritable, .otherCluster, .otherMember, .unknownFormat, .damaged, .failed,
        .stopped:
        throw fail(error)
      }
    }
  }

  private func fail(_ error: StorageError) -> SnapshotFault {
    exitLatch.seal(ServerExit(store.failure.cause ?? error))
    return .disk
  }
}

extension StateMeta {
  fileprivate var applied: EntryID {
    EntryID(term: Term(appliedTerm), index: LogIndex(appliedIndex))
  }
}
