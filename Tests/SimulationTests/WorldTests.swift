import Base
import Raft
import Replica
import Storage
import Testing

@testable import Simulation

/// What stands around the members.
@Suite struct WorldTests {
  @Test func `events come by instant, then in the order of asking`() {
    var queue = EventQueue()
    var dice = SplitMix64(seed: 4)
    var asked: [(at: UInt64, number: Int)] = []
    for number in 0..<500 {
      let at = dice.next(below: 40)
      asked.append((at, number))
      queue.push(.restart(number), at: Instant(nanoseconds: Int64(at)))
    }
    asked.sort { ($0.at, $0.number) < ($1.at, $1.number) }
    for expected in asked {
      guard let (at, event) = queue.pop(), case .restart(let number) = event else {
        Issue.record("the queue is empty too early")
        return
      }
      #expect(at.nanoseconds == Int64(expected.at) && number == expected.number)
    }
    #expect(queue.pop() == nil)
  }

  @Test(arguments: [-500, -1, 0, 1, 500] as [Int64])
  func `a clock's alarm is never early and late by no more than a tick`(drift: Int64) {
    let clock = MemberClock(offset: 3_599_123_456_789, driftMillionths: drift)
    var dice = SplitMix64(seed: UInt64(drift + 1_000))
    for _ in 0..<1_000 {
      let world = Instant(nanoseconds: Int64(dice.next(below: 3_600_000_000_000)))
      let local = clock.local(at: world)
      let alarm = clock.world(when: local)
      #expect(clock.local(at: alarm) >= local)
      #expect(alarm <= world)
      #expect(world - alarm <= .nanoseconds(2))
    }
  }

  @Test func `the shapes of a partition`() {
    var network = Network(count: 5)
    func reach(_ from: Int) -> [Int] { (0..<5).filter { network.isOpen(from, $0) } }
    network.bridge(2, at: .zero)
    #expect(
      (0..<5).map(reach) == [[0, 1, 2], [0, 1, 2], [0, 1, 2, 3, 4], [2, 3, 4], [2, 3, 4]])
    network.heal(at: .zero)
    network.ring(at: .zero)
    #expect((0..<5).map(reach) == [[0, 1, 4], [0, 1, 2], [1, 2, 3], [2, 3, 4], [0, 3, 4]])
    network.heal(at: .zero)
    #expect(network.isWhole)
    network.set(1, 3, isCut: true, at: .zero)
    #expect(!network.isOpen(1, 3) && network.isOpen(3, 1) && !network.isOpenBothWays(1, 3))
  }

  /// The landmark may go with the power, and without it damage in the last commit looks like a torn
  /// tail: the weather does not do both to one disk before the member has started again.
  @Test(arguments: [false, true])
  func `no bit turns between a power loss and the next start`(losesPower: Bool) {
    let scenario = Scenario(members: 3) { $0.usesFiles = true }
    scenario.elect(1)
    if losesPower { scenario.losePower(3) } else { scenario.kill(3) }
    scenario.world.strike(.bitFlip, scenario[3], .milliseconds(1))
    #expect(scenario[3].isSuspect == !losesPower)
  }

  /// Space is told only when it changes, and a founder may wait long for the others.
  @Test func `a member that forms on a disk without room knows it from the first on`() {
    let scenario = Scenario(members: 3, starting: [1, 2]) {
      $0.usesFiles = true
      $0.storage.neededBytes = 1 << 60
    }
    scenario.world.run(until: scenario.world.now + .seconds(1))
    #expect(scenario[1].isSpaceShort && !scenario[1].isRunning)
    scenario.world.start(scenario[3])
    let limit = scenario.world.now + .seconds(10)
    let knows = scenario.world.run(until: limit) {
      scenario.world.members.allSatisfy {
        $0.isRunning && $0.core?.status(at: .zero).pressure == .noSpace
      }
    }
    #expect(knows)
  }

  /// One more concern, or one more draw of one, must not change what the others draw.
  @Test func `each concern has dice of its own`() {
    let concerns = ["members", "network", "crash", "crashAll", "world", ""]
    var firsts: Set<UInt64> = []
    for seed in 0..<100 as Range<UInt64> {
      for concern in concerns {
        var dice = SplitMix64(seed: seed, for: concern)
        firsts.insert(dice.next())
      }
    }
    #expect(firsts.count == 100 * concerns.count)
    for seed in 1...50 as ClosedRange<UInt64> {
      var five = Weather.drawn(seed: seed, members: 5)
      let drawn = Weather.drawn(seed: seed, members: nil)
      five.members = drawn.members
      #expect(five == drawn, "the members change what else seed \(seed) draws")
    }
  }

  @Test func `every fault strikes in some storm, and where there are files to strike`() {
    var met: Set<Fault> = []
    for seed in 1...300 as ClosedRange<UInt64> {
      let weather = Weather.drawn(seed: seed, members: nil)
      for fault in weather.faultWeights.keys {
        met.insert(fault)
        #expect(weather.usesFiles || !fault.needsFiles)
      }
    }
    #expect(met == Set(Fault.allCases))
  }

  @Test func `a shadow log follows writes, cuts and installations`() {
    let base = LogBase(last: .zero, configuration: Configuration(members: []))
    var log = ShadowLog(base: base)
    func write(_ change: (inout StorageWrite) -> Void) {
      var write = StorageWrite(ticket: WriteTicket(1))
      change(&write)
      log.take(write)
    }
    func id(_ index: UInt64, _ term: UInt64) -> EntryID {
      EntryID(term: Term(term), index: LogIndex(index))
    }
    write { $0.entries = (1...4).map { Entry(id: id($0, 1), content: .noop) } }
    write { $0.entries = [Entry(id: id(3, 2), content: .noop)] }
    #expect(log.lastIndex == LogIndex(3))
    #expect(log.covers(id(3, 2)) && !log.covers(id(4, 1)) && !log.covers(id(3, 1)))
    write { $0.cut = LogBase(last: id(2, 1), configuration: base.configuration) }
    #expect(log.id(at: LogIndex(1)) == nil && log.id(at: LogIndex(2)) == id(2, 1))
    write { $0.install = LogBase(last: id(3, 2), configuration: base.configuration) }
    #expect(log.lastIndex == LogIndex(3) && log.base.last == id(3, 2))
    write { $0.install = LogBase(last: id(9, 3), configuration: base.configuration) }
    #expect(log.lastIndex == LogIndex(9) && log.covers(id(9, 3)))
  }
}
