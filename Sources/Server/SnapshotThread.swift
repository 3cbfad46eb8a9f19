import KeyValue
import Member
import Raft
import Storage
import Transport

/// The thread that reads snapshots for followers and writes down those that arrive: both take
/// long, and neither may hold up the log or the readers.
struct SnapshotThread {
  enum Job: Sendable {
    /// The state that the follower will be sent.
    case open(SnapshotRequest, Handover<any SnapshotSource>)
    /// Reads the next piece of this source for this stream.
    case next(source: UInt64, SnapshotStreamID)
    case close(source: UInt64)
    /// A snapshot is about to arrive. What was arriving before is given up, then `open` is called:
    /// there is one next generation, and one file for it.
    case expect(SnapshotStreamID, open: @Sendable () -> Void)
    /// Where it goes. Its first pieces may have been here before.
    case begin(SnapshotStreamID, Handover<any SnapshotSink>)
    case piece(SnapshotStreamID, [UInt8])
    case finish(SnapshotStreamID)
    case abandon(SnapshotStreamID)
  }

  /// What one frame carries: a frame has one payload.
  static let pieceBytes = 60 << 10

  private struct Outgoing {
    var source: any SnapshotSource
    /// Read and not yet handed over.
    var unsent = SnapshotPieces()
    var isRead = false
  }

  private struct Incoming {
    var stream: SnapshotStreamID
    /// `nil`: the file is still being made.
    var sink: (any SnapshotSink)?
    var pieces = SnapshotPieces()
    /// Pieces not reported as taken; the transport stops reading when there are too many.
    var untaken = 0
    /// The last piece is here.
    var isWhole = false
  }

  private let door: ReplicaDoor
  private let fate: Fate
  private let apply: @Sendable (Applier.Job) -> Void
  private var outgoing: [UInt64: Outgoing] = [:]
  private var incoming: Incoming?
  private var lastSource: UInt64 = 0

  init(door: ReplicaDoor, fate: Fate, apply: @escaping @Sendable (Applier.Job) -> Void) {
    self.door = door
    self.fate = fate
    self.apply = apply
  }

  mutating func work(_ jobs: [Job]) {
    for job in jobs {
      do throws(StorageError) {
        try carryOut(job)
      } catch {
        fail(error)
      }
    }
  }

  /// A snapshot that is not whole is the sender's business; anything else ends the member.
  private mutating func fail(_ error: StorageError) {
    if case .snapshotRefused = error, let arrival = incoming {
      arrival.sink?.abandon()
      incoming = nil
      return door.complete(.snapshot(.refused(arrival.stream)))
    }
    fate.seal(ServerExit(error))
  }

  private mutating func carryOut(_ job: Job) throws(StorageError) {
    switch job {
    case .open(let request, let source):
      lastSource += 1
      outgoing[lastSource] = Outgoing(source: source.value)
      let meta = source.value.meta
      let applied = EntryID(term: Term(meta.appliedTerm), index: LogIndex(meta.appliedIndex))
      door.complete(
        .snapshot(.opened(request, SnapshotHead(applied: applied, source: lastSource))))
    case .next(let source, let stream): try sendNext(source, stream)
    case .close(let source):
      guard let closed = outgoing.removeValue(forKey: source) else { return }
      closed.source.close()
      apply(.snapshotClosed)
    case .expect(let stream, let open):
      incoming?.sink?.abandon()
      incoming = Incoming(stream: stream)
      open()
    case .begin(let stream, let sink):
      guard incoming?.stream == stream else { return sink.value.abandon() }
      incoming?.sink = sink.value
      try writeDown()
    case .piece(let stream, let bytes):
      guard incoming?.stream == stream else { return }
      incoming?.pieces.append(bytes)
      incoming?.untaken += 1
      try writeDown()
    case .finish(let stream):
      guard incoming?.stream == stream else { return }
      incoming?.isWhole = true
      try writeDown()
    case .abandon(let stream):
      guard let arrival = incoming, arrival.stream == stream else { return }
      arrival.sink?.abandon()
      incoming = nil
    }
  }

  /// Gives the sink what has arrived, once there is one.
  private mutating func writeDown() throws(StorageError) {
    guard let stream = incoming?.stream, let sink = incoming?.sink else { return }
    while let chunk = try incoming?.pieces.popChunk() { try sink.receive(chunk) }
    for _ in 0..<(incoming?.untaken ?? 0) { door.complete(.snapshot(.taken(stream))) }
    incoming?.untaken = 0
    guard incoming?.isWhole == true else { return }
    let meta = try sink.finish()
    incoming = nil
    let applied = EntryID(term: Term(meta.appliedTerm), index: LogIndex(meta.appliedIndex))
    door.complete(.snapshot(.arrived(stream, applied: applied)))
  }

  private mutating func sendNext(_ source: UInt64, _ stream: SnapshotStreamID) throws(StorageError)
  {
    guard var sending = outgoing[source] else { return }
    while !sending.isRead && sending.unsent.count < Self.pieceBytes {
      if let chunk = try sending.source.next(limitBytes: Self.pieceBytes) {
        sending.unsent.append(chunk: chunk)
      } else {
        sending.isRead = true
      }
    }
    let piece = sending.unsent.popPiece(limitBytes: Self.pieceBytes)
    outgoing[source] = sending
    door.complete(.snapshot(piece.isEmpty ? .exhausted(stream) : .chunk(stream, piece)))
  }

  /// The last job: lets go of everything.
  mutating func close() {
    for sending in outgoing.values { sending.source.close() }
    incoming?.sink?.abandon()
  }
}

/// Chunks of any length as a run of bytes, each behind its length in four bytes, little-endian;
/// cut into pieces that fit a frame on one side, put together again on the other.
struct SnapshotPieces {
  /// No chunk is longer: one row at most is, by the bounds of a request.
  static let chunkLimitBytes = 64 << 20
  private var bytes: [UInt8] = []
  private var head = 0

  var count: Int { bytes.count - head }

  mutating func append(chunk: [UInt8]) {
    let length = UInt32(chunk.count)
    for shift in stride(from: 0, to: 32, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: length >> UInt32(shift)))
    }
    bytes += chunk
  }

  mutating func append(_ piece: [UInt8]) { bytes += piece }

  /// As much as fits; empty: there is nothing.
  mutating func popPiece(limitBytes: Int) -> [UInt8] { pop(min(limitBytes, count)) }

  /// The next whole chunk; `nil`: more pieces are needed. *Throws* `snapshotRefused`.
  mutating func popChunk() throws(StorageError) -> [UInt8]? {
    guard count >= 4 else { return nil }
    var length = 0
    for position in 0..<4 { length |= Int(bytes[head + position]) << (8 * position) }
    guard length <= Self.chunkLimitBytes else {
      throw .snapshotRefused(reason: "a chunk of \(length) bytes is announced")
    }
    guard count >= 4 + length else { return nil }
    head += 4
    return pop(length)
  }

  private mutating func pop(_ length: Int) -> [UInt8] {
    let popped = Array(bytes[head..<head + length])
    head += length
    if head > 1 << 20 || head == bytes.count {
      bytes.removeFirst(head)
      head = 0
    }
    return popped
  }
}
