import Raft
import Replica
import Testing

/// Whether the members bear a change: as etcd decides, in its order.
@Suite struct MembershipRuleTests {
  private static func member(
    _ number: UInt64, _ role: Configuration.Role = .voter,
    _ prospect: Configuration.Prospect = .none, isStarted: Bool = true
  ) -> Configuration.Member {
    Configuration.Member(
      id: MemberID(number), incarnation: Incarnation(isStarted ? number : 0), role: role,
      prospect: prospect, name: isStarted ? "n\(number)" : "", peerURLs: ["http://n\(number)"])
  }

  private func rule(
    voters: Int, _ others: [Configuration.Member] = [], silent: [UInt64] = []
  ) -> MembershipRule {
    let members = (1...UInt64(voters)).map { Self.member($0) }
    return MembershipRule(
      me: MemberID(1), configuration: Configuration(members: members + others),
      heard: members.map(\.id).filter { !silent.contains($0.number) })
  }

  private func refusal(
    _ rule: MembershipRule, _ change: ConfigurationChange, caughtUp: Bool = true
  ) -> MembershipRefusal? {
    rule.refusal(of: change) { _ in caughtUp }
  }

  private let voter = Self.member(9, .learner, .voter, isStarted: false)
  private let learner = Self.member(9, .learner, isStarted: false)

  @Test func `add: most must have started, all must answer, and nobody is there already`() {
    #expect(refusal(rule(voters: 1), .addLearner(voter)) == nil)
    let pending = Self.member(2, .learner, .voter, isStarted: false)
    #expect(refusal(rule(voters: 1, [pending]), .addLearner(voter)) == .notEnoughStarted)
    // A learner needs no majority, and the one that never came hinders no third voter.
    #expect(refusal(rule(voters: 1, [pending]), .addLearner(learner)) == nil)
    let third = Self.member(4, .learner, .voter, isStarted: false)
    #expect(refusal(rule(voters: 3, [third]), .addLearner(voter)) == nil)
    #expect(
      refusal(rule(voters: 3, silent: [2]), .addLearner(learner)) == .unreached([MemberID(2)]))
    var twin = voter
    twin.peerURLs = ["http://n2"]
    #expect(
      refusal(rule(voters: 3), .addLearner(twin)) == .configuration(.peerURLExists))
  }

  @Test func `add: learners, spares and voters are counted apart`() {
    let one = Self.member(5, .learner)
    #expect(refusal(rule(voters: 3, [one]), .addLearner(learner)) == .tooManyLearners(limit: 1))
    #expect(refusal(rule(voters: 3, [one]), .addLearner(voter)) == nil)
    let spare = Self.member(9, .learner, .spare(after: .seconds(1)), isStarted: false)
    let spares = [5, 6].map { Self.member($0, .learner, .spare(after: .seconds(1))) }
    #expect(refusal(rule(voters: 3, [one]), .addLearner(spare)) == nil)
    #expect(refusal(rule(voters: 3, spares), .addLearner(spare)) == .tooManyLearners(limit: 2))
    #expect(refusal(rule(voters: 7), .addLearner(voter)) == .tooManyVoters(limit: 7))
  }

  @Test func `add: who replaces a member may come while others are down`() {
    let rule = rule(voters: 3, silent: [3])
    let successor = Self.member(9, .learner, .successor(of: MemberID(3)), isStarted: false)
    #expect(refusal(rule, .addLearner(successor)) == nil)
    let stranger = Self.member(9, .learner, .successor(of: MemberID(77)), isStarted: false)
    #expect(refusal(rule, .addLearner(stranger)) == .configuration(.memberNotFound))
    let first = Self.member(8, .learner, .successor(of: MemberID(3)), isStarted: false)
    #expect(
      refusal(self.rule(voters: 3, [first], silent: [3]), .addLearner(successor))
        == .configuration(.peerURLExists))
  }

  @Test func `remove: enough must be left, and who is down is not missed`() {
    #expect(refusal(rule(voters: 1), .remove(MemberID(1))) == .notEnoughStarted)
    #expect(refusal(rule(voters: 2), .remove(MemberID(2))) == nil)
    #expect(refusal(rule(voters: 3, silent: [3]), .remove(MemberID(3))) == nil)
    #expect(
      refusal(rule(voters: 3, silent: [3]), .remove(MemberID(2))) == .unreached([MemberID(3)]))
    #expect(
      refusal(rule(voters: 3), .remove(MemberID(77))) == .configuration(.memberNotFound))
    // An address that nobody was ever reached at can go whatever the others do.
    let pending = Self.member(4, .learner, .voter, isStarted: false)
    for silent in [[], [2], [2, 3]] as [[UInt64]] {
      #expect(refusal(rule(voters: 3, [pending], silent: silent), .remove(MemberID(4))) == nil)
    }
  }

  @Test func `promote: a learner that has caught up, and no other`() {
    let rule = rule(voters: 3, [Self.member(4, .learner)])
    #expect(refusal(rule, .promote(MemberID(4))) == nil)
    #expect(
      refusal(rule, .promote(MemberID(4)), caughtUp: false) == .configuration(.learnerBehind))
    #expect(refusal(rule, .promote(MemberID(1))) == .configuration(.notALearner))
    #expect(refusal(rule, .promote(MemberID(9))) == .configuration(.memberNotFound))
    let promised = self.rule(voters: 3, [Self.member(4, .learner, .voter)])
    #expect(refusal(promised, .promote(MemberID(4))) == .configuration(.notALearner))
  }

  @Test func `a spare is called only while a majority answers before and after`() {
    let spare = MemberID(9)
    #expect(rule(voters: 3, silent: [3]).keepsQuorum(adding: spare, removing: MemberID(3)))
    #expect(!rule(voters: 3, silent: [2, 3]).keepsQuorum(adding: spare, removing: MemberID(3)))
    #expect(rule(voters: 5, silent: [4, 5]).keepsQuorum(adding: spare, removing: MemberID(5)))
    #expect(!rule(voters: 5, silent: [3, 4, 5]).keepsQuorum(adding: spare, removing: MemberID(5)))
    #expect(!rule(voters: 4, silent: [3, 4]).keepsQuorum(adding: spare, removing: MemberID(4)))
    #expect(rule(voters: 1).keepsQuorum(adding: spare))
    #expect(!rule(voters: 2, silent: [2]).keepsQuorum(adding: spare))
  }
}
