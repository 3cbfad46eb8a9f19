import Raft
import Testing

@testable import Replica

/// A majority is gone for ever: what is left goes on with one member.
@Suite struct `a plan to recover` {
  private func member(_ number: UInt64, _ role: Configuration.Role = .voter)
    -> Configuration.Member
  {
    Configuration.Member(
      id: MemberID(number), incarnation: Incarnation(number), role: role, name: "n\(number)",
      peerURLs: ["http://n\(number):2380"])
  }

  private func survivor(
    _ number: UInt64, term: UInt64, last: (UInt64, UInt64), applied: UInt64, voters: UInt64 = 5
  ) -> Survivor {
    Survivor(
      cluster: 7, member: MemberID(number), name: "n\(number)", term: Term(term),
      last: EntryID(term: Term(last.0), index: LogIndex(last.1)), applied: LogIndex(applied),
      configuration: Configuration(members: (1...voters).map { member($0) }))
  }

  @Test func `goes on with the log of the highest term, not the longest`() throws {
    let plan = try RecoveryPlan(
      [
        survivor(1, term: 6, last: (4, 90), applied: 70),
        survivor(2, term: 5, last: (5, 80), applied: 75),
      ], incarnation: Incarnation(99))
    #expect(plan.chosen == 1)
    #expect(plan.lost.map(\.name) == ["n3", "n4", "n5"])
    #expect(plan.retired.map(\.name) == ["n1"])
    #expect(plan.committed == LogIndex(75) && plan.voters == 5)
    #expect(plan.discarded == [.init(survivor: 0, entries: 81...90)])
    #expect(plan.entry.id == EntryID(term: Term(7), index: LogIndex(81)))
    #expect(plan.hardState == HardState(currentTerm: Term(7)))
    var own = member(2)
    own.incarnation = Incarnation(99)
    #expect(plan.entry.content == .configuration(Configuration(members: [own])))
  }

  @Test func `is refused while a majority is there, and for what is no store`() throws {
    func refusal(_ survivors: [Survivor]) -> RecoveryRefusal? {
      do throws(RecoveryRefusal) {
        _ = try RecoveryPlan(survivors, incarnation: Incarnation(9))
        return nil
      } catch {
        return error
      }
    }
    let three = (1...3).map { survivor($0, term: 1, last: (1, 1), applied: 1) }
    #expect(refusal(three) == .majorityIsThere(heard: 3, voters: 5))
    #expect(refusal(Array(three.prefix(2))) == nil)
    #expect(refusal([]) == .nobody)
    #expect(refusal([three[0], three[0]]) == .sameMember("n1"))
    var stranger = three[1]
    stranger.cluster = 8
    #expect(refusal([three[0], stranger]) == .otherCluster("n1", "n2"))
    #expect(
      refusal([survivor(1, term: 1, last: (1, 1), applied: 1, voters: 1)]) == .isAlone("n1"))
  }

  /// Whoever comes back from the lost ones is refused, and so is whoever did not go on.
  @Test func `fences those that it leaves behind`() throws {
    let survivors = [survivor(1, term: 3, last: (3, 9), applied: 9, voters: 3)]
    let plan = try RecoveryPlan(survivors, incarnation: Incarnation(99))
    guard case .configuration(let configuration) = plan.entry.content else {
      Issue.record("no configuration")
      return
    }
    let rule = HandshakeRule(
      me: MemberID(1), name: "n1", clusterID: ClusterID(7), incarnation: Incarnation(99),
      boot: Boot(1), initialDigest: 5)
    let known = configuration.members.map { KnownMember(id: $0.id, incarnation: $0.incarnation) }
    let dead = Handshake(
      clusterID: ClusterID(7), from: MemberID(2), name: "n2", incarnation: Incarnation(2),
      boot: Boot(4), to: MemberID(1), initialDigest: 5, isFormed: true,
      known: (1...3).map { KnownMember(id: MemberID($0), incarnation: Incarnation($0)) })
    #expect(throws: HandshakeRefusal.unknownMember(MemberID(2))) {
      try rule.admit(dead, isFormed: true, known: known)
    }
  }
}
