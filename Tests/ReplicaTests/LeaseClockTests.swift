import Base
import KeyValue
import Raft
import Testing

@testable import Replica

/// When a lease ends, and what a leader writes about it (Docs/Consistency.md, *Leases*).
@Suite struct LeaseClockTests {
  private let settings = ReplicaSettings()

  private func at(_ milliseconds: Int64) -> Instant {
    Instant(nanoseconds: milliseconds * 1_000_000)
  }

  private func lease(_ id: Int64, ttl: Int64 = 60, expiry: Int64 = 0) -> Lease {
    Lease(id: id, grantedTTL: ttl, renewedAt: 1, expiry: expiry)
  }

  private func leading(_ image: LeaseImage, electedAt: Int64) -> LeaseClock {
    var clock = LeaseClock(image, at: at(electedAt - 700))
    clock.elected(at: at(electedAt))
    clock.lead()
    return clock
  }

  private func due(_ clock: inout LeaseClock, _ milliseconds: Int64) -> [LeaseCommand] {
    clock.due(at: at(milliseconds), asOf: LogIndex(9), settings)
  }

  /// Only what ends leases.
  private func expiries(_ clock: inout LeaseClock, _ milliseconds: Int64) -> [Int64] {
    due(&clock, milliseconds).compactMap { command in
      if case .expire(let id, asOf: _) = command { id } else { nil }
    }
  }

  @Test func `a lease ends its time after it was granted, and not before`() {
    var clock = leading(LeaseImage(), electedAt: 1_000)
    clock.take([.set(lease(7, ttl: 2))], at: at(5_000))
    #expect(expiries(&clock, 6_999) == [])
    #expect(clock.wakeAt == at(7_000))
    #expect(due(&clock, 7_000).first == .expire(id: 7, asOf: 9))
    #expect(expiries(&clock, 20_000) == [], "it is asked for once")
    clock.take([.removed(id: 7)], at: at(7_010))
    #expect(clock.wakeAt == .distantFuture)
  }

  @Test func `a keep-alive gives all its time back, whoever asked for the end meanwhile`() {
    var clock = leading(LeaseImage(), electedAt: 0)
    clock.take([.set(lease(7, ttl: 2))], at: at(1_000))
    var kept = lease(7, ttl: 2)
    kept.renewedAt = 3
    clock.take([.set(kept)], at: at(2_900))
    #expect(expiries(&clock, 3_000) == [])
    #expect(expiries(&clock, 4_900) == [7])
    kept.renewedAt = 5
    clock.take([.set(kept)], at: at(4_950))
    #expect(expiries(&clock, 6_949) == [])
    #expect(expiries(&clock, 6_950) == [7])
  }

  @Test func `every interval the clock is written down, and once the end of each lease`() {
    var clock = leading(LeaseImage(time: 10_000), electedAt: 3_000)
    clock.take([.set(lease(7))], at: at(3_200))
    #expect(
      due(&clock, 3_250)
        == [.tick(LeaseTick(time: 10_250, asOf: 9, dates: [.init(id: 7, expiry: 70_200)]))])
    #expect(clock.wakeAt == at(3_750))
    #expect(due(&clock, 3_749) == [])
    #expect(due(&clock, 3_800) == [.tick(LeaseTick(time: 10_800, asOf: 9, dates: []))])
  }

  @Test func `without a lease nothing is written`() {
    var clock = leading(LeaseImage(time: 10_000), electedAt: 3_000)
    #expect(clock.wakeAt == .distantFuture)
    #expect(due(&clock, 90_000) == [])
  }

  /// The clock was written down at 2,000; what happened since then nobody knows.
  @Test func `a new leader counts on from what was written down, from its election`() {
    let image = LeaseImage(time: 2_000, leases: [lease(7, expiry: 60_000), lease(8, ttl: 59)])
    var clock = leading(image, electedAt: 100_000)
    #expect(clock.remaining(of: 7, at: at(100_000))?.left == .seconds(58))
    #expect(expiries(&clock, 157_999) == [])
    #expect(expiries(&clock, 158_000) == [7])
    #expect(expiries(&clock, 158_999) == [])
    #expect(expiries(&clock, 159_000) == [8], "it was not written down: it has all its time")
  }

  @Test func `who is elected again counts on from what it wrote down last`() {
    var clock = leading(LeaseImage(), electedAt: 0)
    clock.take([.set(lease(7))], at: at(0))
    for round in 0...20 as ClosedRange<Int64> {
      for command in due(&clock, round * 500) {
        guard case .tick(let tick) = command else { continue }
        let dated = tick.dates.map { LeaseChange.set(lease($0.id, expiry: $0.expiry)) }
        clock.take([.clock(tick.time)] + dated, at: at(round * 500 + 3))
      }
    }
    clock.elected(at: at(10_700))
    clock.lead()
    #expect(clock.remaining(of: 7, at: at(10_700))?.left == .seconds(50))
    #expect(expiries(&clock, 60_699) == [])
    #expect(expiries(&clock, 60_700) == [7])
  }

  @Test func `what is left is never rounded down by being written down`() {
    var clock = leading(LeaseImage(), electedAt: 0)
    let odd = Instant(nanoseconds: 1_000_001)
    clock.take([.set(lease(7, ttl: 1))], at: odd)
    let commands = clock.due(
      at: Instant(nanoseconds: 500_999_999), asOf: LogIndex(9), settings)
    guard case .tick(let tick)? = commands.first else {
      Issue.record("no tick: \(commands)")
      return
    }
    let left = Duration.milliseconds(tick.dates[0].expiry - tick.time)
    #expect(left >= odd + .seconds(1) - Instant(nanoseconds: 500_999_999))
  }

  @Test func `a leader's own ticks do not hold its clock up`() {
    var clock = leading(LeaseImage(), electedAt: 0)
    clock.take([.set(lease(7))], at: at(0))
    for round in 1...20 as ClosedRange<Int64> {
      _ = due(&clock, round * 500)
      // Each comes late, by its commit.
      clock.take([.clock(round * 500)], at: at(round * 500 + 100))
    }
    #expect(due(&clock, 10_500) == [.tick(LeaseTick(time: 10_500, asOf: 9, dates: []))])
  }

  @Test func `a follower asks for nothing, and counts from what it hears`() {
    var clock = LeaseClock(LeaseImage(), at: at(0))
    clock.take([.set(lease(7))], at: at(1_000))
    #expect(clock.remaining(of: 7, at: at(2_000))?.left == .seconds(59))
    clock.take([.clock(500), .set(lease(7, expiry: 59_500))], at: at(3_000))
    #expect(clock.remaining(of: 7, at: at(4_000))?.left == .seconds(58))
    #expect(clock.remaining(of: 8, at: at(4_000)) == nil)
    #expect(due(&clock, 900_000) == [])
    #expect(clock.wakeAt == .distantFuture)
  }

  @Test func `a deposed leader asks for nothing more`() {
    var clock = leading(LeaseImage(), electedAt: 0)
    clock.take([.set(lease(7, ttl: 1))], at: at(0))
    clock.stepDown()
    #expect(due(&clock, 90_000) == [])
  }

  @Test func `a thousand leases that end at once end in ten heartbeats`() {
    var clock = leading(LeaseImage(), electedAt: 0)
    clock.take((1...1_000).map { .set(lease($0, ttl: 1)) }, at: at(0))
    for round in 0..<10 as Range<Int64> {
      let expected = (round * 100 + 1...round * 100 + 100).map { $0 }
      #expect(expiries(&clock, 1_000 + round * 100) == expected)
      #expect(expiries(&clock, 1_000 + round * 100 + 99) == [])
    }
    #expect(expiries(&clock, 2_000) == [])
  }

  @Test func `what the log did not take is due again after a heartbeat`() {
    var clock = leading(LeaseImage(), electedAt: 0)
    clock.take([.set(lease(7, ttl: 1))], at: at(0))
    let commands = due(&clock, 1_000)
    #expect(commands.count == 2)
    for command in commands { clock.refused(command, at: at(1_000), settings) }
    #expect(due(&clock, 1_099) == [])
    let again = due(&clock, 1_100)
    #expect(again.first == .expire(id: 7, asOf: 9))
    #expect(again.count == 2)
  }

  @Test func `the longest lease lasts, and the shortest interval is half an election timeout`() {
    var clock = leading(LeaseImage(), electedAt: 0)
    clock.take([.set(lease(7, ttl: 9_000_000_000)), .set(lease(8, ttl: .max))], at: at(0))
    #expect(clock.byDeadline == [7, 8])
    guard case .tick(let tick)? = due(&clock, 0).first else {
      Issue.record("no tick")
      return
    }
    #expect(tick.dates.allSatisfy { $0.expiry > 8_999_999_999_000 })
    #expect(settings.leaseTickInterval * 2 == settings.raft.electionTimeout)
  }
}
