import Base
import KeyValue
import Raft
import Replica
import Testing

@testable import Member

/// A state file in memory, which remembers what was done to it.
private struct FilePorts: FlushPorts {
  struct Failure: Error {}

  var generation: UInt64 = 1
  var durableApplied = LogIndex.zero
  var usedBytes: UInt64 = 0
  var wantsMaintenance = false
  var hasGivenBackAll = true
  var took = Duration.zero
  var fails = false
  var done: [String] = []

  mutating func write(_ batch: FlushBatch) throws {
    if fails { throw Failure() }
    done.append("write \(batch.meta.appliedIndex)")
    usedBytes += 1
  }

  mutating func maintain() throws -> Duration {
    done.append("maintain")
    return took
  }

  mutating func giveBackAll() { done.append("give back") }

  mutating func openSnapshot() throws -> String {
    done.append("open")
    return "snapshot"
  }

  mutating func adopt(_ state: String) throws -> AdoptedState<String> {
    generation += 1
    durableApplied = LogIndex(9)
    return AdoptedState(store: Store(generation: generation), readers: "readers of \(state)")
  }
}

/// The pace of the flush lane, and whom it tells of what.
@Suite struct FlushLaneTests {
  private struct Bench {
    var lane = FlushLane<FilePorts>()
    var ports = FilePorts()
    var now = Instant.zero + .seconds(100)

    init() { _ = turn() }

    mutating func turn(_ letters: FlushLetter<String>...) -> FlushOutput<String, String> {
      var out = FlushOutput<String, String>()
      lane.turn(letters, at: now, ports: &ports, out: &out)
      return out
    }

    /// Goes on to the instant at which the lane wants to be woken.
    mutating func next(_ out: FlushOutput<String, String>) -> FlushOutput<String, String> {
      now = out.wakeAt
      return turn()
    }

    /// Writes a batch, so that the next comes soon after another.
    mutating func writeFirst() {
      let out = turn(FlushLaneTests.batch(1))
      #expect(ports.done == ["write 1"])
      _ = next(out)
      ports.done = []
    }
  }

  private static func batch(
    _ index: UInt64, rows: Int = 1, removed: [RowNumber] = [], generation: UInt64 = 1
  ) -> FlushLetter<String> {
    let row = Row(
      number: 1, modRevision: 2, subRevision: 0, key: [1], value: [], createRevision: 2,
      version: 1, lease: 0)
    return .order(
      .write(
        FlushBatch(
          rows: Array(repeating: row, count: rows), removed: removed,
          meta: StateMeta(appliedIndex: index)),
        generation: generation))
  }

  private static let base = LogBase(last: .zero, configuration: Configuration(members: []))

  @Test func `the first turn tells how things stand, and later ones what has changed`() {
    var lane = FlushLane<FilePorts>()
    var ports = FilePorts(durableApplied: LogIndex(3), usedBytes: 7)
    var out = FlushOutput<String, String>()
    lane.turn([], at: .zero, ports: &ports, out: &out)
    #expect(out.reports == [.durableApplied(LogIndex(3)), .storeSize(7)])
    #expect(out.wakeAt == .distantFuture)
    out.removeAll()
    lane.turn([], at: .zero, ports: &ports, out: &out)
    #expect(out.reports.isEmpty)
    ports.durableApplied = LogIndex(4)
    lane.turn([], at: .zero, ports: &ports, out: &out)
    #expect(out.reports == [.durableApplied(LogIndex(4))])
  }

  @Test func `a batch is told of as soon as it is written, before the house-keeping`() {
    var bench = Bench()
    let out = bench.turn(Self.batch(5))
    #expect(bench.ports.done == ["write 5"])
    guard case .flushed(generation: 1, through: 5)? = out.letters.first else {
      Issue.record("the apply lane is told nothing")
      return
    }
    #expect(out.wakeAt == bench.now)
    _ = bench.turn()
    #expect(bench.ports.done == ["write 5", "maintain"])
  }

  @Test(arguments: [(1, [], 100), (1, [1], 25), (4_000, [], 0)] as [(Int, [RowNumber], Int64)])
  func `a small batch is held up, one that removes rows less, a large one not at all`(
    _ rows: Int, _ removed: [RowNumber], _ milliseconds: Int64
  ) {
    var bench = Bench()
    let start = bench.now
    bench.writeFirst()
    var out = bench.turn(Self.batch(2, rows: rows, removed: removed))
    guard milliseconds > 0 else { return #expect(bench.ports.done == ["write 2"]) }
    #expect(out.wakeAt == start + .milliseconds(milliseconds))
    #expect(bench.ports.done == [])
    bench.now = start + .milliseconds(milliseconds) * 9 / 10
    out = bench.turn()
    #expect(bench.ports.done == [])
    _ = bench.next(out)
    #expect(bench.ports.done == ["write 2"])
  }

  @Test func `what waits behind a batch that is held up waits with it`() {
    var bench = Bench()
    bench.writeFirst()
    var out = bench.turn(Self.batch(2), .order(.openSnapshot(.client(1))))
    #expect(bench.ports.done == [])
    out = bench.next(out)
    #expect(bench.ports.done == ["write 2"])
    out = bench.next(out)
    #expect(bench.ports.done == ["write 2", "maintain"])
    out = bench.next(out)
    #expect(bench.ports.done == ["write 2", "maintain", "open"])
    #expect(out.opened.map(\.asker) == [.client(1)])
    #expect(out.opened.first?.source.take() == "snapshot")
  }

  @Test func `house-keeping leaves the disk alone for three quarters of the time`() {
    var bench = Bench()
    bench.ports.wantsMaintenance = true
    bench.ports.took = .milliseconds(4)
    var out = bench.next(bench.turn(Self.batch(1)))
    #expect(bench.ports.done == ["write 1", "maintain"])
    // It ended four milliseconds after it began.
    let ended = bench.now + .milliseconds(4)
    bench.now = ended
    out = bench.turn()
    #expect(out.wakeAt == ended + .milliseconds(12))
    out = bench.next(out)
    #expect(bench.ports.done == ["write 1", "maintain", "maintain"])
    bench.ports.took = .seconds(1)
    bench.now = bench.now + .seconds(1)
    out = bench.next(bench.turn())
    // Never longer than a removal waits.
    let last = bench.now + .seconds(1)
    bench.now = last
    #expect(bench.turn().wakeAt == last + .milliseconds(25))
    bench.ports.wantsMaintenance = false
    bench.now = bench.now + .seconds(1)
    #expect(bench.turn().wakeAt == .distantFuture)
  }

  @Test func `a batch for a generation that is gone is not written`() {
    var bench = Bench()
    let out = bench.turn(
      .adopt(TransferBox("moved"), Self.base), Self.batch(2),
      Self.batch(
        3, generation: 2))
    guard case .adopted(let adopted, Self.base)? = out.letters.first else {
      Issue.record("the apply lane is told nothing")
      return
    }
    #expect(adopted.take().readers == "readers of moved")
    #expect(bench.ports.done == ["write 3"])
    #expect(out.reports.first == .durableApplied(LogIndex(9)))
  }

  @Test func `who wants every free page back is answered when there is none left`() {
    var bench = Bench()
    bench.ports.hasGivenBackAll = false
    bench.ports.wantsMaintenance = true
    var out = bench.next(bench.turn(.defragment(RequestID(1))))
    #expect(bench.ports.done == ["give back", "maintain"])
    #expect(out.defragmented.isEmpty)
    bench.ports.hasGivenBackAll = true
    out = bench.next(bench.next(out))
    #expect(out.defragmented == [RequestID(1)])
  }

  @Test func `after a failure nothing is written, and nothing is told`() {
    var bench = Bench()
    bench.ports.fails = true
    var out = bench.turn(Self.batch(1))
    #expect(out.fault is FilePorts.Failure && out.letters.isEmpty)
    bench.ports.fails = false
    bench.now = bench.now + .seconds(1)
    out = bench.turn(Self.batch(2))
    bench.lane.close(at: bench.now, ports: &bench.ports, out: &out)
    #expect(bench.ports.done.isEmpty && out.letters.isEmpty)
  }

  @Test func `the last turn writes what is held up, and waits for nothing`() {
    var bench = Bench()
    bench.writeFirst()
    var out = bench.turn(Self.batch(2), Self.batch(3))
    #expect(bench.ports.done == [])
    bench.lane.close(at: bench.now, ports: &bench.ports, out: &out)
    #expect(bench.ports.done == ["write 2", "write 3"])
  }
}
