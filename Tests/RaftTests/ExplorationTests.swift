import Base
import Testing

@testable import Raft

/// What an explorer of all states takes for the same state.
@Suite struct `A core as a state` {
  private func words(of core: RaftCore, _ names: [UInt64]) -> [UInt64] {
    var canonical = CanonicalState(names: names.map { MemberID($0) })
    core.canonicalize(&canonical)
    return canonical.words
  }

  /// Member `number` of three without names, just after its time ran out.
  private func asking(_ number: UInt64, seed: UInt64) -> RaftCore {
    let members = (1...3).map { id in
      Configuration.Member(
        id: MemberID(id), incarnation: Incarnation(1), role: .voter, name: "", peerURLs: [])
    }
    let base = LogBase(last: .zero, configuration: Configuration(members: members))
    let recovered = Recovered(
      hardState: HardState(currentTerm: Term(3)), base: base, entries: .terms([1, 3]),
      applied: .zero)
    var core = RaftCore(
      id: MemberID(number), settings: RaftSettings(), recovered: recovered, seed: seed, now: .zero)
    _ = core.step(Input(now: core.wakeAt, event: .timer))
    core.forgetTime()
    return core
  }

  @Test func `has no instants and no dice`() {
    #expect(asking(1, seed: 1) == asking(1, seed: 77))
  }

  @Test func `forgets the time once`() {
    var again = asking(2, seed: 5)
    again.forgetTime()
    #expect(again == asking(2, seed: 5))
  }

  @Test func `still counts on a leader that it heard, and not on one that it did not`() {
    var core = RaftCore.follower(1, term: 1, voters: 1...3)
    _ = core.receive(.heartbeat(Heartbeat(round: 1, commitIndex: .zero)), term: 1, from: 2)
    core.forgetTime()
    #expect(core.isHearingLeader)
    _ = core.step(Input(now: .zero + core.settings.electionTimeout, event: .timer))
    core.forgetTime()
    #expect(!core.isHearingLeader)
    guard case .follower = core.role else {
      Issue.record("the leader fell silent, and the member already stands: \(core.role)")
      return
    }
  }

  @Test func `looks like another that differs only in its name`() {
    #expect(
      words(of: asking(1, seed: 1), [2, 1, 3]) == words(of: asking(2, seed: 1), [1, 2, 3]))
    #expect(
      words(of: asking(1, seed: 1), [1, 2, 3]) != words(of: asking(2, seed: 1), [1, 2, 3]))
  }

  @Test func `counts its writes from one, in the order they are stored`() {
    var core = RaftCore.follower(1, term: 1, voters: 1...3)
    _ = core.receive(
      .appendEntries(AppendEntries(previous: .zero, entries: .terms([1]), commitIndex: .zero)),
      term: 1, from: 2)
    core.forgetTime()
    #expect(core.durability.lastTicket == WriteTicket(1))
    _ = core.stored(1)
    core.forgetTime()
    #expect(core.durability.lastTicket == WriteTicket(0))
    #expect(core.durableIndex == LogIndex(1))
  }
}
