import Base
import KeyValue
import Raft
import Replica
import Testing

@testable import Member

/// What the apply lane gives to the table, what it removes, and how it moves to another one.
@Suite struct ApplyFlushTests {
  private let base = LogBase(
    last: EntryID(term: Term(1), index: LogIndex(9)), configuration: Configuration(members: []))

  /// The state of `base`, of generation 2.
  private func moved() -> ApplyLetter<String> {
    var store = Store(generation: 2)
    for index in UInt64(1)...9 { store.skip(index: index, term: 1) }
    return .adopted(TransferBox(AdoptedState(store: store, readers: "new readers")), base)
  }

  /// A lane whose caller waits until compacted rows are gone; the batch that removes them is under
  /// way.
  private func purging() -> (ApplyBench, removal: FlushBatch) {
    var bench = ApplyBench()
    let compaction = ApplyBench.entry(3, .compaction(revision: 3), by: 3)
    var out = bench.turn(.entries([ApplyBench.put(1), ApplyBench.put(2), compaction]))
    #expect(out.answers.map(\.id) == [RequestID(1), RequestID(2), RequestID(3)])
    let first = out.batches[0]
    #expect(bench.turn(.awaitPurge(RequestID(3))).purged.isEmpty)
    out = bench.turn(bench.write(first))
    #expect(out.purged.isEmpty)
    for _ in 0..<10 where out.batches.isEmpty {
      #expect(out.wakeAt == bench.now + .milliseconds(25))
      bench.now = out.wakeAt
      out = bench.turn()
    }
    return (bench, out.batches[0])
  }

  @Test func `one batch is under way at a time, with its applied index`() {
    var bench = ApplyBench()
    let first = bench.turn(.entries([ApplyBench.put(1)])).batches
    #expect(first.map(\.meta.appliedIndex) == [1])
    #expect(bench.turn(.entries([ApplyBench.put(2)])).batches.isEmpty)
    #expect(bench.turn(.entries([ApplyBench.put(3)])).batches.isEmpty)
    let second = bench.turn(bench.write(first[0])).batches
    #expect(second.map(\.meta.appliedIndex) == [3])
    #expect(second[0].rows.count == 2)
    #expect(!bench.lane.isIdle)
    #expect(bench.turn(bench.write(second[0])).batches.isEmpty)
    #expect(bench.lane.isIdle)
  }

  @Test func `whoever waits for compacted rows is answered when they are gone from the table`() {
    var (bench, removal) = purging()
    #expect(removal.removed == [1])
    let out = bench.turn(bench.write(removal))
    #expect(out.purged == [RequestID(3)])
    // Nothing is left to wait for.
    #expect(bench.turn(.awaitPurge(RequestID(4))).purged == [RequestID(4)])
  }

  @Test func `whoever waits for compacted rows is told in the end that a snapshot holds them`() {
    var bench = ApplyBench()
    _ = bench.turn(.openSnapshot(.client(1)))
    let compaction = ApplyBench.entry(3, .compaction(revision: 3), by: 3)
    var out = bench.turn(.entries([ApplyBench.put(1), ApplyBench.put(2), compaction]))
    #expect(bench.turn(.awaitPurge(RequestID(3))).purged.isEmpty)
    out = bench.turn(bench.write(out.batches[0]))
    #expect(out.unpurged.isEmpty && out.wakeAt == .zero + .seconds(30))
    bench.now = out.wakeAt
    out = bench.turn()
    #expect(out.unpurged == [RequestID(3)] && out.purged.isEmpty)
    // It is answered once.
    #expect(out.wakeAt == .distantFuture)
    out = bench.turn(.snapshotClosed)
    for _ in 0..<10 where out.batches.isEmpty {
      bench.now = bench.now + .milliseconds(25)
      out = bench.turn()
    }
    #expect(bench.turn(bench.write(out.batches[0])).purged.isEmpty)
  }

  @Test func `a flush of a generation that is gone does not count`() {
    var (bench, removal) = purging()
    #expect(bench.turn(.restore(base)).opensState == base)
    #expect(bench.lane.isRestoring)
    // Its rows went from a table that nobody reads any more.
    #expect(bench.turn(bench.write(removal)).purged.isEmpty)
    _ = bench.turn(moved())
    // Nor does it after the move, when its number could be taken for one of the new table.
    let out = bench.turn(bench.write(removal))
    #expect(out.purged.isEmpty && out.flushOrders.isEmpty)
  }

  @Test func `no row is removed while a snapshot is open, and all are when it is closed`() {
    var bench = ApplyBench()
    let asker = SnapshotAsker.client(1)
    #expect(bench.turn(.openSnapshot(asker)).openings == [asker])
    let compaction = ApplyBench.entry(3, .compaction(revision: 3))
    var out = bench.turn(.entries([ApplyBench.put(1), ApplyBench.put(2), compaction]))
    out = bench.turn(bench.write(out.batches[0]))
    bench.now = bench.now + .seconds(1)
    out = bench.turn()
    #expect(out.batches.isEmpty && out.wakeAt == .distantFuture)
    out = bench.turn(.snapshotClosed)
    for _ in 0..<10 where out.batches.isEmpty {
      bench.now = bench.now + .milliseconds(25)
      out = bench.turn()
    }
    #expect(out.batches.first?.removed == [1])
  }

  @Test func `a snapshot is opened when the table holds what its reader needs`() {
    var bench = ApplyBench()
    let entries = [ApplyBench.put(1), ApplyBench.put(2), ApplyBench.put(3)]
    let follower = SnapshotRequest(to: MemberID(8), atLeast: LogIndex(3))
    let early = SnapshotRequest(to: MemberID(9), atLeast: .zero)
    var out = bench.turn(
      .entries(entries), .openSnapshot(.follower(follower)), .openSnapshot(.follower(early)))
    #expect(out.openings == [.follower(early)])
    // A client gets all that is applied when it asks.
    let batch = out.batches[0]
    #expect(bench.turn(.openSnapshot(.client(4))).openings.isEmpty)
    out = bench.turn(bench.write(batch))
    #expect(out.openings == [.follower(follower), .client(4)])
  }

  @Test func `a move drops what was to come, and shows the new state before it is read`() {
    var bench = ApplyBench()
    _ = bench.turn(.listen(loop: 1, true))
    let waiting = SnapshotAsker.follower(SnapshotRequest(to: MemberID(8), atLeast: LogIndex(3)))
    _ = bench.turn(.entries([ApplyBench.put(1)]), .openSnapshot(waiting))
    var out = bench.turn(.entries([ApplyBench.put(2)]), .restore(base))
    #expect(out.unopened == [waiting])
    #expect(out.opensState == base && out.reports.isEmpty)
    #expect(bench.turn(.openSnapshot(.client(1))).unopened == [.client(1)])
    out = bench.turn(.entries([ApplyBench.put(10)]))
    #expect(out.reports.isEmpty && out.wakeAt == .distantFuture)
    out = bench.turn(moved())
    #expect(bench.ports.adopted == ["new readers at 9"])
    #expect(bench.ports.view.meta.appliedIndex == 10)
    #expect(out.feeds.first?.batch == ChangeBatch(after: 1, through: 1))
    guard case .restored(base, leases: _, upkeep: _)? = out.reports.first,
      case .applied(through: LogIndex(10), _, leases: _, upkeep: _)? = out.reports.last
    else {
      Issue.record("the replica is told \(out.reports)")
      return
    }
  }

  @Test func `the last turn gives the table all that was applied, behind a batch under way`() {
    var bench = ApplyBench()
    let batch = bench.turn(.entries([ApplyBench.put(1)])).batches[0]
    _ = bench.turn(.entries([ApplyBench.put(2), ApplyBench.put(3)]))
    var out = ApplyOutput()
    bench.lane.close(out: &out)
    #expect(batch.meta.appliedIndex == 1)
    #expect(out.batches.map(\.meta.appliedIndex) == [3])
    #expect(out.batches.map { $0.rows.map(\.number) } == [[2, 3]])
  }

  /// What was applied before belongs to a file that is gone.
  @Test func `an end during the move to a snapshot gives the table nothing`() {
    var bench = ApplyBench()
    _ = bench.turn(.entries([ApplyBench.put(1)]))
    _ = bench.turn(.entries([ApplyBench.put(2)]), .restore(base))
    var out = ApplyOutput()
    bench.lane.close(out: &out)
    #expect(out.flushOrders.isEmpty)
  }
}
