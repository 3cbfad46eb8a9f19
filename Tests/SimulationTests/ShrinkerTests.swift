import Base
import Testing

@testable import Simulation

/// From a failing seed to something that can be read.
@Suite struct ShrinkerTests {
  @Test func `what matters is kept and all else left out`() {
    // It fails whenever the turns 7 and 31 are played and the storm has 90 events.
    var tried = 0
    var shrinker = Shrinker(Simulator(seed: 1)) { candidate in
      tried += 1
      let turns = candidate.reduction.turns ?? Array(1...60)
      return turns.contains(7) && turns.contains(31) && candidate.steps >= 90
    }
    shrinker.shrink(turns: 60)
    #expect(shrinker.smallest.reduction.turns == [7, 31])
    #expect((90...160).contains(shrinker.smallest.steps))
    #expect(shrinker.smallest.reduction.isSmooth && shrinker.smallest.reduction.clients == 0)
    #expect(tried <= 300)
    #expect(shrinker.smallest.replay.hasSuffix("--turns 7,31 --clients 0 --smooth"))
  }

  @Test func `a failure's kind is its words`() {
    let one = "m1's disk fails without a fault: no space for /m/state-1.db\nmore"
    let two = "m3's disk fails without a fault: no space for /m/state-2.db"
    #expect(Shrinker.kind(of: one) == Shrinker.kind(of: two))
    #expect(Shrinker.kind(of: one) != Shrinker.kind(of: "no leader within 40 election timeouts"))
  }

  @Test func `a turn that is left out does not change the others`() {
    func trace(_ turns: [Int]?) -> [String] {
      var lines: [String] = []
      var reduction = Reduction()
      reduction.turns = turns
      let simulator = Simulator(seed: 23, members: 3, steps: 800, reduction: reduction)
      _ = simulator.run { lines.append($0) }
      return lines
    }
    #expect(trace(nil) == trace(Array(1...10_000)))
    #expect(trace(nil) != trace([]))
  }
}

/// The same run, drawn.
@Suite struct DiagramTests {
  private func drawn(_ simulator: Simulator) -> Diagram {
    var diagram = Diagram(title: simulator.replay, members: simulator.positions)
    _ = simulator.run(watch: { diagram.take($0) })
    return diagram
  }

  @Test func `a message is a line from its sender to its receiver, a lost one has no head`() {
    var diagram = Diagram(title: "a run", members: 3)
    let at = { Instant(nanoseconds: $0 * 1_000) }
    for member in 0..<3 { diagram.take(.life(member, at: at(0), isUp: true)) }
    diagram.take(.sent(1, at: at(10), from: 0, to: 2, text: "append 1"))
    diagram.take(.sent(2, at: at(20), from: 2, to: 1, text: "<lost>"))
    diagram.take(.arrived(1, at: at(1_110)))
    diagram.take(.life(1, at: at(2_000), isUp: false))
    diagram.take(.told(0, at: at(2_500), text: "commits 1"))
    #expect(
      diagram.text() == """
        a run
                      m1     m2     m3     \n\
               0.000  ┬      ┊      ┊       is up
               0.000  │      ┬      ┊       is up
               0.000  │      │      ┬       is up
               0.010  ●──────┼──────▶       append 1  → 1.110
               0.020  │      ✗──────●       <lost>  lost
               2.000  │      ┴      │       is down
               2.500  ■      ┊      │       commits 1

        """)
    let html = diagram.html()
    #expect(html.contains("&lt;lost&gt;") && !html.contains("<lost>"))
    #expect(html.contains("marker-end") && !html.contains("http://www.w3.org/1999/xlink"))
    #expect(!html.contains("src="), "the page needs nothing else")
  }

  /// A run is the same byte for byte: with and without files, in a storm and in a power loss.
  @Test(arguments: [
    Simulator(seed: 7, steps: 600), Simulator(seed: 3, members: 5, steps: 600),
    Simulator(seed: 2, steps: 600, kind: .powerLoss),
  ])
  func `a run drawn twice is the same drawing`(simulator: Simulator) {
    let first = drawn(simulator)
    #expect(first.text().utf8.count > 5_000)
    #expect(first.text() == drawn(simulator).text())
    #expect(first.html() == drawn(simulator).html())
  }
}
