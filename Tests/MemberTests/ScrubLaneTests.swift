import Base
import KeyValue
import Raft
import Testing

@testable import Member

/// A table in memory, whose rows may be changed behind everybody's back.
private struct TablePorts: ScrubPorts {
  struct Failure: Error {}

  var rows: [Row] = []
  /// A row with this number does not prove itself.
  var bad: RowNumber?
  var reader = 1
  var fails = false
  var reads: [RowNumber] = []

  mutating func inspect(from number: RowNumber, limit: Int) throws -> [Row]? {
    if fails { throw Failure() }
    reads.append(number)
    let found = Array(rows.filter { $0.number >= number }.prefix(limit))
    return found.contains { $0.number == bad } ? nil : found
  }

  mutating func adopt(_ reader: Int) { self.reader = reader }
}

/// What is asked, read, and told of, and how fast.
@Suite struct ScrubLaneTests {
  private struct Bench {
    var lane: ScrubLane<TablePorts>
    var ports = TablePorts()
    var now = Instant.zero + .seconds(100)

    init() {
      var pace = ScrubPace()
      pace.cycle = .seconds(20)
      pace.rowsPerSecond = 100
      pace.pieceRows = 2
      lane = ScrubLane(pace: pace)
      ports.rows = (1...5).map { ScrubLaneTests.row($0) }
    }

    @discardableResult
    mutating func turn(_ letters: ScrubLetter<Int>...) -> ScrubOutput {
      var out = ScrubOutput()
      lane.turn(letters, at: now, ports: &ports, out: &out)
      return out
    }

    /// Answers what the block must hold, and reads it to its end. Returns the last turn.
    mutating func read(_ number: Int64 = 0) -> ScrubOutput {
      var out = turn(expect(number))
      while out.question == nil, out.wakeAt < .distantFuture {
        now = out.wakeAt
        out = turn()
      }
      return out
    }

    func expect(_ number: Int64, blocks: Int64 = 1) -> ScrubLetter<Int> {
      .answer(
        .expect(ScrubLaneTests.expectation, number: number, blocks: blocks, before: 1))
    }

    func confirm(_ number: Int64 = 0) -> ScrubLetter<Int> {
      .answer(.confirm(ScrubLaneTests.expectation, number: number))
    }
  }

  private static func row(_ number: RowNumber) -> Row {
    Row(
      number: number, modRevision: number + 1, subRevision: 0, key: [1], value: [2],
      createRevision: 2, version: number, lease: 0)
  }

  private static let expectation = BlockExpectation(
    rows: 0...9, count: 5,
    digest: (1...5).reduce(StateDigest()) { $0 + StateDigest(of: row($1)) }, lastRevision: 6)

  private static func isQuestion(
    _ out: ScrubOutput, _ number: Int64, _ question: BlockQuestion
  ) -> Bool {
    out.question.map { $0.number == number && $0.question == question } ?? false
  }

  @Test func `a block is read in pieces at its pace, and then asked for again`() {
    var bench = Bench()
    #expect(Self.isQuestion(bench.turn(), 0, .expect))
    let first = bench.turn(bench.expect(0))
    #expect(first.wakeAt == bench.now + .milliseconds(20))
    // A letter that comes meanwhile does not make it faster.
    #expect(bench.turn().wakeAt == first.wakeAt)
    #expect(bench.ports.reads == [0])
    bench.now = first.wakeAt
    let second = bench.turn()
    bench.now = second.wakeAt
    let third = bench.turn()
    #expect(bench.ports.reads == [0, 3, 5])
    bench.now = third.wakeAt
    #expect(Self.isQuestion(third.question == nil ? bench.turn() : third, 0, .confirm))
    let done = bench.turn(bench.confirm())
    #expect(done.damaged == nil)
    #expect(Self.isQuestion(done, 1, .expect))
  }

  @Test func `a row that was changed with its checksum is found by the block's digest`() {
    var bench = Bench()
    bench.turn()
    bench.ports.rows[2].value = [9]
    #expect(Self.isQuestion(bench.read(), 0, .confirm))
    #expect(bench.turn(bench.confirm()).damaged == 1...6)
    // Once: the member is fenced by it.
    _ = bench.read(1)
    #expect(bench.turn(bench.confirm(1)).damaged == nil)
  }

  @Test func `a row that does not prove itself is damage, also of a block that changes`() {
    var bench = Bench()
    bench.turn()
    bench.ports.bad = 4
    #expect(Self.isQuestion(bench.read(), 0, .confirm))
    let out = bench.turn(.answer(.confirm(nil, number: 0)))
    #expect(out.damaged == 1...6)
  }

  @Test func `a block that changed while it was read is looked at again, a few times`() {
    var bench = Bench()
    bench.turn()
    bench.ports.rows[2].value = [9]
    for attempt in 1...4 {
      #expect(Self.isQuestion(bench.read(), 0, .confirm))
      let out = bench.turn(.answer(.confirm(nil, number: 0)))
      #expect(out.damaged == nil)
      guard attempt < 4 else {
        #expect(Self.isQuestion(out, 1, .expect), "its turn is in the next round")
        return
      }
      #expect(out.wakeAt == bench.now + .milliseconds(20))
      bench.now = out.wakeAt
      #expect(Self.isQuestion(bench.turn(), 0, .expect))
    }
  }

  @Test func `what was found in a generation that is gone does not count`() {
    var bench = Bench()
    bench.turn()
    bench.ports.rows[2].value = [9]
    bench.ports.bad = 4
    #expect(Self.isQuestion(bench.read(), 0, .confirm))
    let moved = bench.turn(.adopt(TransferBox(2)), bench.confirm())
    #expect(moved.damaged == nil)
    #expect(bench.ports.reader == 2)
    #expect(Self.isQuestion(moved, 0, .expect), "it begins anew")
    // The answer to the question before the move is none to the one after it.
    #expect(bench.turn(bench.confirm()).question == nil)
    bench.ports.bad = nil
    bench.ports.rows[2] = Self.row(3)
    #expect(Self.isQuestion(bench.read(), 0, .confirm))
    #expect(bench.turn(bench.confirm()).damaged == nil)
  }

  @Test func `a round takes its time, and the next begins with the first block`() {
    var bench = Bench()
    let began = bench.now
    bench.turn()
    _ = bench.read()
    #expect(Self.isQuestion(bench.turn(bench.confirm()), 1, .expect))
    let over = bench.turn(bench.expect(1))
    #expect(over.wakeAt == began + .seconds(20))
    bench.now = over.wakeAt
    #expect(Self.isQuestion(bench.turn(), 0, .expect))
  }

  @Test func `a disk that fails is told, and nothing is read after it`() {
    var bench = Bench()
    bench.turn()
    bench.ports.fails = true
    #expect(bench.turn(bench.expect(0)).fault != nil)
    bench.ports.fails = false
    let after = bench.turn(bench.expect(0))
    #expect(after.question == nil && after.wakeAt == .distantFuture)
    #expect(bench.ports.reads.isEmpty)
  }
}
