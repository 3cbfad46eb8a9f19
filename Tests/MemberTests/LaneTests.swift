import Raft
import Testing
import Wire

@testable import Member

/// The lane that reads snapshots out and writes them down, on files that are only names.
@Suite struct `the snapshot lane` {
  /// A disk that remembers what it holds.
  private struct Disk: SnapshotPorts {
    typealias Source = [[UInt8]]
    var files: [Int: [[UInt8]]] = [:]
    var lastFile = 0
    /// Chunks of sources that were handed out.
    var readCount = 0
    var closedCount = 0
    /// What the next write meets.
    var fault: SnapshotFault?

    func applied(by source: [[UInt8]]) -> EntryID { Side.base().last }

    mutating func next(
      of source: [[UInt8]], limitBytes: Int
    ) throws(SnapshotFault) -> [UInt8]? {
      guard readCount < source.count else { return nil }
      readCount += 1
      return source[readCount - 1]
    }

    mutating func close(_ source: [[UInt8]]) { closedCount += 1 }

    mutating func makeArrival() throws(SnapshotFault) -> Int {
      lastFile += 1
      files[lastFile] = []
      return lastFile
    }

    mutating func write(_ chunk: [UInt8], to arrival: Int) throws(SnapshotFault) {
      if let fault { throw fault }
      files[arrival]?.append(chunk)
    }

    mutating func finish(_ arrival: Int) throws(SnapshotFault) -> EntryID { Side.base().last }

    mutating func abandon(_ arrival: Int) { files[arrival] = nil }
  }

  private struct Bench {
    var lane = SnapshotLane<Disk>()
    var disk = Disk()

    mutating func turn(_ orders: SnapshotOrder...) -> [SnapshotReport] {
      var out = SnapshotLaneOutput()
      lane.turn(orders.map { .order($0) }, ports: &disk, out: &out)
      return out.reports
    }
  }

  private func stream(_ number: UInt64) -> SnapshotStreamID {
    SnapshotStreamID(number, isDialed: false)
  }

  /// A chunk behind its length.
  private func piece(_ bytes: [UInt8]) -> [UInt8] { [UInt8(bytes.count), 0, 0, 0] + bytes }

  @Test func `puts chunks together from pieces cut anywhere`() {
    var bench = Bench()
    let whole = piece([1, 2, 3]) + piece([]) + piece([4])
    _ = bench.turn(.expect(stream(1)))
    for byte in whole { #expect(bench.turn(.piece(stream(1), [byte])) == [.taken(stream(1))]) }
    #expect(bench.disk.files == [1: [[1, 2, 3], [], [4]]])
    #expect(
      bench.turn(.finish(stream(1))) == [.arrived(stream(1), applied: Side.base().last)])
  }

  /// Whatever order the two come in: a file is given up by its own name.
  @Test func `gives an arrival up without touching its successor`() {
    var bench = Bench()
    _ = bench.turn(.expect(stream(1)), .piece(stream(1), piece([1])), .expect(stream(2)))
    _ = bench.turn(.piece(stream(2), piece([2])), .abandon(stream(1)))
    _ = bench.turn(.piece(stream(1), piece([1])), .finish(stream(1)))
    #expect(bench.disk.files == [2: [[2]]])
    #expect(
      bench.turn(.finish(stream(2))) == [.arrived(stream(2), applied: Side.base().last)])
  }

  @Test func `drops what arrived whole if nobody takes it, and lets go of it if the log does`() {
    var bench = Bench()
    _ = bench.turn(.expect(stream(1)), .finish(stream(1)), .abandon(stream(1)))
    _ = bench.turn(.expect(stream(2)), .finish(stream(2)), .release(stream(2)))
    #expect(bench.turn(.abandon(stream(2))) == [])
    bench.lane.close(ports: &bench.disk)
    #expect(bench.disk.files == [2: []])
  }

  @Test func `ends the arrival that has a fault, and no other`() {
    var bench = Bench()
    _ = bench.turn(.expect(stream(1)), .expect(stream(2)))
    bench.disk.fault = .refused(.noSpace)
    #expect(
      bench.turn(.piece(stream(1), piece([1]))) == [.refused(stream(1), .noSpace)])
    bench.disk.fault = nil
    // A length that nobody sends, and an end in the middle of a chunk.
    #expect(
      bench.turn(.piece(stream(2), [0, 0, 0, 255])) == [.refused(stream(2), .damaged)])
    _ = bench.turn(.expect(stream(3)), .piece(stream(3), [9, 0, 0, 0, 1]))
    #expect(bench.turn(.finish(stream(3))) == [.refused(stream(3), .damaged)])
    #expect(bench.disk.files == [:])
    // The disk's own fault ends the member: nothing is said of it here.
    bench.disk.fault = .disk
    #expect(bench.turn(.expect(stream(4)), .piece(stream(4), piece([1]))) == [])
  }

  @Test func `reads a source piece by piece, and closes it once`() {
    var bench = Bench()
    bench.lane = SnapshotLane(pieceBytes: 6)
    var out = SnapshotLaneOutput()
    let request = Side.request
    bench.lane.turn(
      [.opened(request, TransferBox([[1, 2, 3], [4]]))], ports: &bench.disk, out: &out)
    #expect(
      out.reports == [
        .opened(request, SnapshotHead(applied: Side.base().last, source: 1))
      ])
    let to = SnapshotStreamID(1, isDialed: true)
    let read = SnapshotOrder.read(source: 1, to)
    #expect(bench.turn(read) == [.chunk(to, [3, 0, 0, 0, 1, 2])])
    #expect(bench.turn(read) == [.chunk(to, [3, 1, 0, 0, 0, 4])])
    #expect(bench.turn(read) == [.exhausted(to)])
    out = SnapshotLaneOutput()
    let close = SnapshotLetter<[[UInt8]]>.order(.close(source: 1))
    bench.lane.turn([close, close], ports: &bench.disk, out: &out)
    #expect(out.closedSources == 1 && bench.disk.closedCount == 1)
  }
}

/// A snapshot's chunks on their way through frames.
@Suite struct SnapshotPiecesTests {
  @Test func `chunks come out as they went in, however the bytes are cut`() throws {
    let chunks: [[UInt8]] = [[], [1], Array(repeating: 2, count: 300), [3, 4]]
    for size in [1, 2, 3, 7, 64, 1000] {
      var out = SnapshotPieces()
      for chunk in chunks { out.append(chunk: chunk) }
      var arrived = SnapshotPieces()
      var received: [[UInt8]] = []
      while out.count > 0 {
        arrived.append(out.popPiece(limitBytes: size))
        while let chunk = try arrived.popChunk() { received.append(chunk) }
      }
      #expect(received == chunks)
    }
  }

  @Test func `a length that no chunk has is refused`() {
    var pieces = SnapshotPieces()
    pieces.append([0xff, 0xff, 0xff, 0x7f])
    #expect(throws: (any Error).self) { try pieces.popChunk() }
  }
}
