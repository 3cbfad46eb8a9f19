import Raft
import Replica
import Testing

@Suite("Identity and formation")
struct FormationTests {
  private let initial: InitialCluster

  init() throws {
    initial = try Self.cluster(["a", "b", "c"])
  }

  private static func cluster(
    _ names: [String], token: String = "t", suffix: String = ""
  ) throws -> InitialCluster {
    try InitialCluster(
      token: token, members: names.map { (name: $0, peerURLs: ["http://\($0)\(suffix):2380"]) })
  }

  private func forming(
    _ name: String, incarnation: UInt64, boot: UInt64 = 1, in cluster: InitialCluster? = nil
  ) throws -> FormationCore {
    let cluster = cluster ?? initial
    let me = try #require(cluster.member(named: name))
    return FormationCore(
      rule: GreetingRule(
        me: me.id, name: name, clusterID: cluster.clusterID,
        incarnation: Incarnation(incarnation), boot: Boot(boot), initialDigest: cluster.digest),
      initial: cluster)
  }

  private func shakeHands(
    _ left: inout FormationCore, _ right: inout FormationCore
  ) throws(GreetingRefusal) {
    let greeting = left.greeting(to: right.rule.me, receiverBoot: nil)
    let answer = right.greeting(to: left.rule.me, receiverBoot: left.rule.boot)
    try right.admit(greeting)
    try left.admit(answer)
  }

  @Test func `the base comes into being with the last handshake and is the same everywhere`() throws
  {
    var (a, b, c) = (
      try forming("a", incarnation: 1), try forming("b", incarnation: 2),
      try forming("c", incarnation: 3)
    )
    try shakeHands(&a, &b)
    #expect(a.base == nil && b.base == nil)
    #expect(a.missing == [c.rule.me])
    try shakeHands(&a, &c)
    #expect(a.base != nil && b.base == nil && c.base == nil)
    try shakeHands(&b, &c)
    let base = try #require(a.base)
    #expect(b.base == base && c.base == base)
    #expect(base.last == .zero)
    #expect(base.configuration.members.map(\.role) == [.voter, .voter, .voter])
    #expect(base.configuration[b.rule.me]?.incarnation == Incarnation(2))
  }

  @Test func `one member alone is formed at once`() throws {
    let alone = try Self.cluster(["a"])
    #expect(try forming("a", incarnation: 5, in: alone).base != nil)
  }

  @Test func `a member that was wiped while the cluster formed is refused`() throws {
    var a = try forming("a", incarnation: 1)
    var b = try forming("b", incarnation: 2)
    try shakeHands(&a, &b)
    var wiped = try forming("b", incarnation: 22, boot: 2)
    #expect(
      throws: GreetingRefusal.wiped(
        b.rule.me, theirs: Incarnation(22), ours: Incarnation(2))
    ) { try a.admit(wiped.greeting(to: a.rule.me, receiverBoot: nil)) }
    #expect(throws: GreetingRefusal.self) {
      try wiped.admit(a.greeting(to: wiped.rule.me, receiverBoot: nil))
    }
  }

  @Test func `two members that know different directories of a third one do not form`() throws {
    var a = try forming("a", incarnation: 1)
    var c = try forming("c", incarnation: 3)
    var b = try forming("b", incarnation: 2)
    try shakeHands(&a, &b)
    var wiped = try forming("b", incarnation: 22)
    try shakeHands(&c, &wiped)
    #expect(
      throws: GreetingRefusal.disputed(
        b.rule.me, theirs: Incarnation(2), ours: Incarnation(22))
    ) { try c.admit(a.greeting(to: c.rule.me, receiverBoot: nil)) }
    #expect(c.base == nil)
  }

  @Test func `after formation a wiped member is refused and is told so`() throws {
    var (a, b) = (try forming("a", incarnation: 1), try forming("b", incarnation: 2))
    var c = try forming("c", incarnation: 3)
    try shakeHands(&a, &b)
    try shakeHands(&a, &c)
    let known = try #require(a.base).configuration.members.map {
      KnownMember(id: $0.id, incarnation: $0.incarnation)
    }
    var wiped = try forming("c", incarnation: 33)
    let greeting = wiped.greeting(to: a.rule.me, receiverBoot: nil)
    #expect(throws: GreetingRefusal.self) {
      try a.rule.admit(greeting, isFormed: true, known: known)
    }
    #expect(
      throws: GreetingRefusal.iWasWiped(theirs: Incarnation(3), ours: Incarnation(33))
    ) { try wiped.admit(a.greeting(to: wiped.rule.me, receiverBoot: nil)) }
    #expect(wiped.base == nil)
    try a.rule.admit(c.greeting(to: a.rule.me, receiverBoot: nil), isFormed: true, known: known)
  }

  /// It would found a second cluster of the old members with its new self.
  @Test func `a wiped member does not count members that formed and know it no more`() throws {
    var (a, b) = (try forming("a", incarnation: 1), try forming("b", incarnation: 2))
    var c = try forming("c", incarnation: 3)
    try shakeHands(&a, &b)
    try shakeHands(&a, &c)
    var wiped = try forming("c", incarnation: 33)
    var greeting = a.greeting(to: wiped.rule.me, receiverBoot: nil)
    greeting.known.removeAll { $0.id == wiped.rule.me }
    #expect(throws: GreetingRefusal.formedWithout(wiped.rule.me)) { try wiped.admit(greeting) }
    #expect(wiped.base == nil && wiped.missing.count == 2)
  }

  @Test func `a member that stopped before it formed takes the base from one that has`() throws {
    var (a, b) = (try forming("a", incarnation: 1), try forming("b", incarnation: 2))
    var c = try forming("c", incarnation: 3)
    try shakeHands(&a, &b)
    try shakeHands(&a, &c)
    var restarted = try forming("b", incarnation: 2, boot: 2)
    try shakeHands(&restarted, &a)
    #expect(restarted.base == a.base)
  }

  @Test func `each mismatch has its verdict`() throws {
    var a = try forming("a", incarnation: 1)
    let b = try forming("b", incarnation: 2)
    let good = b.greeting(to: a.rule.me, receiverBoot: nil)
    func verdict(_ change: (inout Greeting) -> Void) -> GreetingRefusal? {
      var greeting = good
      change(&greeting)
      var target = a
      do throws(GreetingRefusal) {
        try target.admit(greeting)
        return nil
      } catch {
        return error
      }
    }
    let me = a.rule.me
    #expect(verdict { _ in } == nil)
    #expect(
      verdict { $0.clusterID = ClusterID(9) }
        == .otherCluster(theirs: ClusterID(9), ours: initial.clusterID))
    #expect(verdict { $0.to = MemberID(9) } == .notMe(meant: MemberID(9), me: me))
    #expect(verdict { $0.from = me } == .myself(me))
    #expect(
      verdict { $0.receiverBoot = Boot(9) } == .staleBoot(meant: Boot(9), ours: Boot(1)))
    #expect(
      verdict { $0.initialDigest = 9 }
        == .otherInitialCluster(theirs: 9, ours: initial.digest))
    #expect(verdict { $0.from = MemberID(9) } == .unknownMember(MemberID(9)))
    #expect(
      verdict { $0.incarnation = .unknown }
        == .wiped(b.rule.me, theirs: .unknown, ours: .unknown))
    try a.admit(good)
  }

  @Test func `of two formed members one may know more than the other`() throws {
    let initial = try Self.cluster(["a", "b", "c"])
    func rule(_ number: Int, _ incarnation: UInt64) -> GreetingRule {
      GreetingRule(
        me: initial.members[number].id, name: "m", clusterID: initial.clusterID,
        incarnation: Incarnation(incarnation), boot: Boot(1), initialDigest: initial.digest)
    }
    func known(_ incarnations: [UInt64?]) -> [KnownMember] {
      zip(initial.members, incarnations).compactMap { member, incarnation in
        incarnation.map { KnownMember(id: member.id, incarnation: Incarnation($0)) }
      }
    }
    let (behind, leader) = (rule(0, 1), rule(1, 2))
    func verdict(of leaderKnows: [UInt64?], behindKnows: [UInt64?]) -> GreetingRefusal? {
      let greeting = leader.greeting(
        to: behind.me, receiverBoot: nil, isFormed: true, known: known(leaderKnows))
      do throws(GreetingRefusal) {
        try behind.admit(greeting, isFormed: true, known: known(behindKnows))
        return nil
      } catch {
        return error
      }
    }
    #expect(verdict(of: [1, 2, 3], behindKnows: [1, nil, 3]) == nil, "a leader unknown here")
    #expect(
      verdict(of: [nil, 2, 3], behindKnows: [1, nil, 3]) == .unknownMember(leader.me),
      "neither knows the other")
    #expect(verdict(of: [1, 2, 4], behindKnows: [1, 2, 3]) == nil, "a third one was replaced")
    #expect(
      verdict(of: [9, 2, 3], behindKnows: [1, nil, 3]) == .unknownMember(leader.me),
      "a stranger that knows another data directory of this member")
    #expect(
      verdict(of: [9, 2, 3], behindKnows: [1, 2, 3]) == nil,
      "it has not heard yet that this member was replaced")
    #expect(
      verdict(of: [9, 2, 3], behindKnows: [nil, 2, 3])
        == .iWasWiped(theirs: Incarnation(9), ours: Incarnation(1)))
  }

  @Test func `ids depend on addresses and token, not on order`() throws {
    let other = try Self.cluster(["c", "b", "a"])
    #expect(other == initial)
    #expect(other.digest == initial.digest)
    #expect(try Self.cluster(["a", "b", "c"], token: "u").clusterID != initial.clusterID)
    #expect(try Self.cluster(["a", "b", "c"], suffix: "x").digest != initial.digest)
    #expect(try Self.cluster(["a", "b"]).clusterID != initial.clusterID)
    #expect(throws: InitialCluster.Failure.noMembers) { try Self.cluster([]) }
    #expect(throws: InitialCluster.Failure.duplicateName("a")) { try Self.cluster(["a", "a"]) }
    #expect(throws: InitialCluster.Failure.duplicatePeerURL("u")) {
      try InitialCluster(token: "", members: [("a", ["u"]), ("b", ["u"])])
    }
  }
}
