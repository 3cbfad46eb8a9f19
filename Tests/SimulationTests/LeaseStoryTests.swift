import Base
import KeyValue
import Linearizability
import Raft
import Replica
import Storage
import Testing

@testable import Simulation

/// What a lease promises, whoever leads (Docs/Consistency.md, *Leases*): never ended before its
/// time, counted from when its holder asked; ended at most so much later as changes of the leader
/// explain.
@Suite struct LeaseStoryTests {
  private static let lease: Int64 = 7
  private static let ttl: Int64 = 60

  private func scenario(_ members: Int, _ adjust: (inout Weather) -> Void = { _ in }) -> Scenario {
    Scenario(members: members) {
      $0.leaseKeepers = 1
      adjust(&$0)
    }
  }

  /// Has the lease granted and a key hung on it. Returns the instant before it was asked for.
  private func grant(_ scenario: Scenario, at number: Int, ttl: Int64 = ttl) -> Instant {
    let asked = scenario.world.now
    let granted = scenario.ask(.lease(.grant(id: Self.lease, ttl: ttl)), at: number)
    #expect(granted?.answer == .leaseGrant(id: Self.lease, ttl: ttl))
    var put = PutRequest(key: Array("\(LeaseKeeper.prefix)k".utf8), value: [])
    put.lease = Self.lease
    #expect(scenario.ask(.put(put), at: number) != nil)
    return asked
  }

  /// Whether a member still has the lease, or the key that hangs on it.
  private func holds(_ scenario: Scenario, _ number: Int) -> Bool {
    guard let store = scenario[number].keyValue else { return false }
    return !store.leaseImage.leases.isEmpty || store.readView.keyCount > 0
  }

  /// Runs until no member of these has the lease or its key. Returns how long after `start`.
  private func end(_ scenario: Scenario, of numbers: [Int], since start: Instant) -> Duration {
    scenario.world.run(until: start + .seconds(300)) {
      numbers.allSatisfy { !holds(scenario, $0) }
    }
    return scenario.world.now - start
  }

  /// Each change takes less than one election timeout from the time that counts.
  private func expect(_ passed: Duration, after changes: Int, _ scenario: Scenario) {
    #expect(passed >= .seconds(Self.ttl))
    #expect(passed <= .seconds(Self.ttl) + scenario.electionTimeout * changes + .seconds(1))
    #expect(scenario.violation == nil)
  }

  @Test func `with one leader a lease ends on time, and its key with it`() {
    let scenario = scenario(3)
    scenario.elect(1)
    let start = grant(scenario, at: 2)
    let passed = end(scenario, of: [1, 2, 3], since: start)
    #expect(passed >= .seconds(60) && passed <= .milliseconds(60_500))
    #expect(scenario.violation == nil)
  }

  @Test func `a hundred leaders in a row hand a lease of a minute over`() {
    let scenario = scenario(3)
    scenario.elect(1)
    let start = grant(scenario, at: 2)
    for change in 1...100 where scenario.violation == nil {
      scenario.elect(1 + change % 3)
      scenario.run(for: .milliseconds(570))
    }
    #expect(scenario.leaders.count == 1)
    expect(end(scenario, of: [1, 2, 3], since: start), after: 100, scenario)
  }

  @Test func `a hundred leaders die, one after the other, and the lease keeps its time`() {
    let scenario = scenario(3)
    scenario.elect(1)
    let start = grant(scenario, at: 2)
    for _ in 1...100 where scenario.violation == nil {
      let leader = scenario.leaders[0]
      scenario.kill(leader)
      scenario.wait { scenario.leaders.contains { $0 != leader } }
      scenario.start(leader)
      scenario.settle()
      scenario.run(for: .milliseconds(500))
    }
    expect(end(scenario, of: [1, 2, 3], since: start), after: 100, scenario)
  }

  @Test func `a lease that is kept alive outlives its time, under changing leaders too`() {
    let scenario = scenario(3)
    scenario.elect(1)
    var start = grant(scenario, at: 2, ttl: 3)
    for round in 1...20 where scenario.violation == nil {
      scenario.run(for: .seconds(1))
      scenario.elect(1 + round % 3)
      start = scenario.world.now
      let kept = scenario.ask(.lease(.keepAlive(id: Self.lease)), at: 1 + (round + 1) % 3)
      #expect(kept?.answer == .leaseKeepAlive(id: Self.lease, ttl: 3), "round \(round)")
    }
    let passed = end(scenario, of: [1, 2, 3], since: start)
    #expect(passed >= .seconds(3) && passed <= .milliseconds(3_500))
  }

  @Test func `all members start again, and the lease has the time that it had`() {
    let scenario = scenario(3)
    scenario.elect(1)
    let start = grant(scenario, at: 2)
    scenario.run(for: .seconds(30))
    for number in 1...3 { scenario.kill(number) }
    for number in 1...3 { scenario.start(number) }
    #expect(scenario.settle())
    #expect((1...3).allSatisfy { holds(scenario, $0) })
    expect(end(scenario, of: [1, 2, 3], since: start), after: 2, scenario)
  }

  /// A deposed leader may believe for a while that it leads.
  @Test func `a deposed leader keeps nothing alive, and ends nothing`() {
    let scenario = scenario(3)
    scenario.elect(1)
    let start = grant(scenario, at: 2, ttl: 4)
    scenario.partition([[1], [2, 3]])
    #expect(scenario.ask(.lease(.keepAlive(id: Self.lease)), at: 1) == nil)
    let passed = end(scenario, of: [2, 3], since: start)
    #expect(passed >= .seconds(4) && passed <= .seconds(9))
    #expect(holds(scenario, 1), "nobody has told it")
    scenario.heal()
    #expect(scenario.settle())
    #expect(!holds(scenario, 1))
    #expect(scenario.violation == nil)
  }

  @Test(arguments: [false, true])
  func `a snapshot brings leases and what hangs on them`(usesFiles: Bool) {
    let scenario = scenario(3) {
      $0.settings.raft.retainedEntries = 0
      $0.usesFiles = usesFiles
    }
    scenario.elect(1)
    scenario.partition([[1, 2]])
    let start = grant(scenario, at: 2)
    for number in 0..<200 { scenario.put("k\(number % 3)", "\(number)", at: 1) }
    scenario.run(for: .seconds(2))
    let before = scenario.world.counts.snapshots
    scenario.heal()
    #expect(scenario.settle())
    #expect(scenario.world.counts.snapshots > before, "it came by the log")
    scenario.elect(3)
    scenario.kill(1)
    let store = scenario[3].keyValue
    #expect(store?.keys(onLease: Self.lease).count == 1)
    scenario.world.run(until: start + .seconds(300)) {
      [2, 3].allSatisfy { scenario[$0].keyValue?.leaseImage.leases.isEmpty ?? false }
    }
    expect(scenario.world.now - start, after: 3, scenario)
    #expect(scenario[3].keyValue?.readView.keyCount == 3, "the keys of others stay")
  }
}

/// The check that the swarm makes of every lease.
@Suite struct LeaseHonestyTests {
  private func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

  private let expire = Command.lease(.expire(id: 7, asOf: 1))
  private let granted = LeaseChange.set(Lease(id: 7, grantedTTL: 10, renewedAt: 1))

  @Test func `what ends before the promise is found, what ends at it is not`() {
    for (end, isFound) in [(109 as Int64, true), (110, false)] {
      var checker = LeaseHonesty(driftMillionths: 0)
      let grant = Command.lease(.grant(id: 7, ttl: 10))
      #expect(checker.violation(grant, [granted], at: at(90), jumps: .zero) == nil)
      checker.acknowledged(7, ttl: 10, sentAt: at(90))
      checker.acknowledged(7, ttl: 10, sentAt: at(100))
      #expect(checker.alive == [7])
      let found = checker.violation(expire, [.removed(id: 7)], at: at(end), jumps: .zero)
      #expect((found != nil) == isFound)
      #expect(checker.alive.isEmpty)
    }
  }

  @Test func `a revocation may come at any time, and clocks may jump and drift`() {
    var checker = LeaseHonesty(driftMillionths: 0)
    checker.acknowledged(7, ttl: 10, sentAt: at(100))
    let revoke = Command.lease(.revoke(id: 7))
    #expect(checker.violation(revoke, [.removed(id: 7)], at: at(101), jumps: .zero) == nil)
    var jumping = LeaseHonesty(driftMillionths: 0)
    jumping.acknowledged(7, ttl: 10, sentAt: at(100))
    #expect(jumping.violation(expire, [.removed(id: 7)], at: at(101), jumps: .seconds(9)) == nil)
    var drifting = LeaseHonesty(driftMillionths: 500)
    drifting.acknowledged(7, ttl: 1_000, sentAt: at(0))
    #expect(drifting.violation(expire, [.removed(id: 7)], at: at(999), jumps: .zero) == nil)
  }
}
