import Base
import KeyValue
import Raft
import Replica
import Testing

@testable import Member

/// What the apply lane shows, answers and tells, and in which order.
@Suite struct ApplyLaneTests {
  /// Whoever is answered may read at once, anywhere on this member.
  @Test func `an answer leaves after the view that shows its result, a stride at a time`() {
    var bench = ApplyBench()
    let entries = (1...600).map { ApplyBench.put($0) }
    var out = bench.turn(.entries(entries))
    for count in [256, 256, 88] {
      #expect(out.answers.count == count)
      for answer in out.answers {
        #expect(answer.result.revision <= bench.ports.view.meta.revision)
      }
      guard
        case .applied(through: let index, let completed, leases: _, upkeep: let facts)? =
          out.reports.first
      else {
        Issue.record("the replica is told nothing")
        return
      }
      #expect(index.number == bench.ports.view.meta.appliedIndex)
      #expect(completed == out.answers.map(\.id))
      #expect(facts.revision == bench.ports.view.meta.revision)
      #expect(out.wakeAt == (index.number < 600 ? bench.now : .distantFuture))
      out = bench.turn()
    }
    #expect(out.reports.isEmpty && out.answers.isEmpty)
  }

  @Test func `watches are fed after the view is shown, and only those that listen`() {
    var bench = ApplyBench()
    #expect(bench.turn(.entries([ApplyBench.put(1)])).feeds.isEmpty)
    var out = bench.turn(.listen(loop: 2, true), .listen(loop: 0, true))
    #expect(out.feeds.map(\.loop) == [2, 0])
    // Revision 1 is the empty store's.
    #expect(out.feeds.allSatisfy { $0.batch == ChangeBatch(after: 2, through: 2) })
    out = bench.turn(.listen(loop: 2, false), .entries([ApplyBench.put(2), ApplyBench.put(3)]))
    #expect(out.feeds.map(\.loop) == [0])
    #expect(out.feeds[0].batch.after == 2 && out.feeds[0].batch.through == 4)
    #expect(out.feeds[0].batch.changes.map(\.row.modRevision) == [3, 4])
    #expect(bench.ports.view.meta.revision == 4)
  }

  /// What nobody reads need not be copied before it is changed.
  @Test func `a view that nobody looks at is taken back, and who asks is shown the newest`() {
    var bench = ApplyBench()
    _ = bench.ports.view.look()
    _ = bench.turn(.entries([ApplyBench.put(1)]))
    _ = bench.turn(.entries([ApplyBench.put(2)]))
    #expect(bench.ports.view.isHidden)
    #expect(bench.ports.view.meta.appliedIndex == 2)
    let viewer = ViewAsker.client(RequestID(9))
    let out = bench.turn(.show(viewer), .entries([ApplyBench.put(3)]))
    #expect(out.viewers == [viewer])
    #expect(out.view?.meta.appliedIndex == 3)
    #expect(bench.ports.view.look()?.meta.appliedIndex == 3)
    // Somebody has looked: the next one is shown too.
    _ = bench.turn(.entries([ApplyBench.put(4)]))
    #expect(bench.ports.view.look()?.meta.appliedIndex == 4)
    _ = bench.turn(.entries([ApplyBench.put(5)]))
    _ = bench.turn(.entries([ApplyBench.put(6)]))
    #expect(bench.ports.view.isHidden)
  }

  @Test func `an entry is marked before it is applied, and the mark goes only when it was`() {
    var bench = ApplyBench()
    _ = bench.turn(.entries([ApplyBench.put(1), ApplyBench.put(2)]))
    #expect(bench.ports.marks == [1, 2, 0])
    #expect(bench.ports.applied == [1, 2])
    bench.ports.marks = []
    let broken = ApplyBench.entry(3, .command([]))
    let out = bench.turn(.entries([broken, ApplyBench.put(4)]))
    #expect(bench.ports.marks == [3])
    guard case .malformed(LogIndex(3))? = out.fault else {
      Issue.record("the lane goes on")
      return
    }
  }

  @Test func `a command of an unknown version ends the lane, and nothing of its stride is told`() {
    var bench = ApplyBench()
    let unknown = ApplyBench.entry(2, .command([99, 0, 0]))
    let out = bench.turn(.entries([ApplyBench.put(1), unknown, ApplyBench.put(3)]))
    guard case .unknownVersion(LogIndex(2), 99)? = out.fault else {
      Issue.record("the lane goes on")
      return
    }
    #expect(out.answers.isEmpty && out.reports.isEmpty && out.flushOrders.isEmpty)
    #expect(bench.ports.view.meta.appliedIndex == 0)
    let later = bench.turn(.entries([ApplyBench.put(4)]))
    #expect(later.answers.isEmpty && later.reports.isEmpty)
    var last = ApplyOutput()
    bench.lane.close(out: &last)
    #expect(last.flushOrders.isEmpty)
  }

  @Test func `a full overlay stops apply, says so, and lets it go on when it has drained`() {
    var settings = StoreSettings()
    settings.overlayLimitBytes = 10_000
    var bench = ApplyBench(settings)
    var out = bench.turn(.entries((1...7).map { ApplyBench.put($0, bytes: 4_000) }))
    #expect(out.answers.count == 3)
    #expect(out.reports.last == .overlayFull(true))
    #expect(out.overlayBytes >= 10_000)
    #expect(out.wakeAt == .distantFuture)
    // Nothing more goes in, however often it is tried.
    #expect(bench.turn().reports.isEmpty)
    var reports: [ApplyReport] = []
    while let batch = out.batches.first {
      out = bench.turn(bench.write(batch))
      reports += out.reports
    }
    #expect(bench.lane.store.meta.appliedIndex == 7)
    #expect(out.overlayBytes == 0)
    #expect(reports.last == .overlayFull(false))
  }

  @Test func `a question about keys or blocks comes back to who asked`() {
    var bench = ApplyBench()
    let grant = Command.lease(.grant(id: 5, ttl: 60))
    var put = PutRequest(key: [9], value: [])
    put.lease = 5
    let out = bench.turn(
      .entries([ApplyBench.entry(1, grant), ApplyBench.entry(2, .put(put))]), .block(0, .confirm))
    #expect(out.blocks.count == 1)
    let keys = bench.turn(.leaseKeys(5, RequestID(4))).leaseKeys
    #expect(keys.map(\.id) == [RequestID(4)] && keys.map(\.keys) == [[[9]]])
  }
}
