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
      rule: HandshakeRule(
        me: me.id, name: name, clusterID: cluster.clusterID,
        incarnation: Incarnation(incarnation), boot: Boot(boot), initialDigest: cluster.digest),
      initial: cluster)
  }

  /// The three hellos of a connection that `left` has dialed.
  private func shakeHands(
    _ left: inout FormationCore, _ right: inout FormationCore
  ) throws(HandshakeRefusal) {
    try right.admit(left.handshake(to: right.rule.me, receiverBoot: nil))
    try left.admit(right.handshake(to: left.rule.me, receiverBoot: left.rule.boot))
    try right.admit(left.handshake(to: right.rule.me, receiverBoot: right.rule.boot))
    try left.admit(right.handshake(to: left.rule.me, receiverBoot: left.rule.boot))
  }

  /// What a member that has formed says.
  private func handshake(
    of member: FormationCore, to other: FormationCore, by known: [KnownMember]? = nil
  ) throws -> Handshake {
    let formation = try #require(member.formation)
    var rule = member.rule
    rule.founding = formation.founding
    return rule.handshake(
      to: other.rule.me, receiverBoot: other.rule.boot, isFormed: true,
      known: known ?? formation.founding.members)
  }

  @Test func `the base comes into being when all state one list, and is the same everywhere`()
    throws
  {
    var (a, b, c) = (
      try forming("a", incarnation: 1), try forming("b", incarnation: 2),
      try forming("c", incarnation: 3)
    )
    try shakeHands(&a, &b)
    #expect(a.base == nil && b.base == nil)
    #expect(a.gaps == [FormationGap(member: c.rule.me, reason: .silent)])
    try shakeHands(&a, &c)
    // A knows everybody; but neither B nor C has said so.
    #expect(a.base == nil && b.base == nil && c.base == nil)
    #expect(
      Set(a.gaps) == [
        FormationGap(member: b.rule.me, reason: .lacks([c.rule.me])),
        FormationGap(member: c.rule.me, reason: .lacks([b.rule.me])),
      ])
    try shakeHands(&b, &c)
    #expect(a.base == nil && b.base == nil && c.base != nil)
    try shakeHands(&a, &b)
    #expect(a.base == nil && b.base != nil)
    try shakeHands(&a, &c)
    let base = try #require(a.base)
    #expect(b.formation == a.formation && c.formation == a.formation)
    #expect(base.last == .zero)
    #expect(base.configuration.members.map(\.role) == [.voter, .voter, .voter])
    #expect(base.configuration[b.rule.me]?.incarnation == Incarnation(2))
  }

  @Test func `one member alone is formed at once`() throws {
    let alone = try Self.cluster(["a"])
    #expect(try forming("a", incarnation: 5, in: alone).base != nil)
  }

  /// It has promised nothing, and what it stated before is forgotten with it.
  @Test func `a member that was wiped while the cluster formed is taken as it is now`() throws {
    var (a, b) = (try forming("a", incarnation: 1), try forming("b", incarnation: 2))
    var c = try forming("c", incarnation: 3)
    try shakeHands(&a, &b)
    var wiped = try forming("b", incarnation: 22, boot: 2)
    try shakeHands(&a, &wiped)
    #expect(a.known.map(\.incarnation).contains(Incarnation(22)))
    #expect(!a.known.map(\.incarnation).contains(Incarnation(2)))
    // What the earlier directory has said and is still on its way counts no more.
    #expect(throws: HandshakeRefusal.replaced(b.rule.me)) {
      try a.admit(b.handshake(to: a.rule.me, receiverBoot: a.rule.boot))
    }
    for _ in 0..<2 {
      try shakeHands(&a, &c)
      try shakeHands(&c, &wiped)
      try shakeHands(&wiped, &a)
    }
    #expect(a.base?.configuration[b.rule.me]?.incarnation == Incarnation(22))
    #expect(wiped.formation == a.formation && c.formation == a.formation)
  }

  /// Nobody may take what was said to an earlier boot for what is so now.
  @Test func `a handshake that does not name this boot is judged and not remembered`() throws {
    var (a, b) = (try forming("a", incarnation: 1), try forming("b", incarnation: 2))
    try a.admit(b.handshake(to: a.rule.me, receiverBoot: nil))
    #expect(a.known.count == 1)
    try shakeHands(&a, &b)
    #expect(a.known.count == 2)
  }

  @Test func `two members that know different directories of a third one do not form`() throws {
    var (a, b) = (try forming("a", incarnation: 1), try forming("b", incarnation: 2))
    var c = try forming("c", incarnation: 3)
    try shakeHands(&a, &b)
    var wiped = try forming("b", incarnation: 22)
    try shakeHands(&c, &wiped)
    for _ in 0..<3 { try shakeHands(&a, &c) }
    #expect(a.base == nil && c.base == nil)
    #expect(a.gaps.contains(FormationGap(member: c.rule.me, reason: .differs([b.rule.me]))))
  }

  @Test func `after formation a wiped member is refused and is told so`() throws {
    var (a, b) = (try forming("a", incarnation: 1), try forming("b", incarnation: 2))
    var c = try forming("c", incarnation: 3)
    try meet(&a, &b, &c)
    let known = try #require(a.formation).founding.members
    var wiped = try forming("c", incarnation: 33)
    let handshake = wiped.handshake(to: a.rule.me, receiverBoot: nil)
    #expect(throws: HandshakeRefusal.self) {
      try a.rule.admit(handshake, isFormed: true, known: known)
    }
    let told = try self.handshake(of: a, to: wiped)
    #expect(
      throws: HandshakeRefusal.iWasWiped(theirs: Incarnation(3), ours: Incarnation(33))
    ) { try wiped.admit(told) }
    #expect(wiped.base == nil)
    try a.rule.admit(c.handshake(to: a.rule.me, receiverBoot: nil), isFormed: true, known: known)
  }

  /// It would found a second cluster of the old members with its new self.
  @Test func `a wiped member does not count members that formed and know it no more`() throws {
    var (a, b) = (try forming("a", incarnation: 1), try forming("b", incarnation: 2))
    var c = try forming("c", incarnation: 3)
    try meet(&a, &b, &c)
    var wiped = try forming("c", incarnation: 33)
    var handshake = try handshake(of: a, to: wiped)
    handshake.known.removeAll { $0.id == wiped.rule.me }
    #expect(throws: HandshakeRefusal.formedWithout(wiped.rule.me)) { try wiped.admit(handshake) }
    #expect(wiped.base == nil && wiped.gaps.count == 2)
  }

  @Test func `a member that stopped before it formed takes the base from one that has`() throws {
    var (a, b) = (try forming("a", incarnation: 1), try forming("b", incarnation: 2))
    var c = try forming("c", incarnation: 3)
    try meet(&a, &b, &c)
    var restarted = try forming("b", incarnation: 2, boot: 2)
    try restarted.admit(handshake(of: a, to: restarted))
    #expect(restarted.formation == a.formation)
  }

  private func meet(
    _ a: inout FormationCore, _ b: inout FormationCore, _ c: inout FormationCore
  ) throws(HandshakeRefusal) {
    for _ in 0..<3 {
      try shakeHands(&a, &b)
      try shakeHands(&a, &c)
      try shakeHands(&b, &c)
    }
  }

  /// Whatever each says, until nobody has anything new to say.
  private func converse(_ members: inout [FormationCore], _ refused: inout [HandshakeRefusal]) {
    for _ in 0..<4 {
      for left in members.indices {
        for right in members.indices where right != left {
          let (speaker, boot) = (members[left], members[right].rule.boot)
          do throws(HandshakeRefusal) {
            try members[right].admit(
              speaker.handshake(to: members[right].rule.me, receiverBoot: boot))
          } catch {
            refused.append(error)
          }
        }
      }
    }
  }

  /// B and C have met; C is cut off. A comes, and loses its disk; B is away. A and C are two of
  /// three, but what B knows, and may have acknowledged, nobody has said.
  @Test func `a disk that is lost while the store forms makes no second store`() throws {
    var refused: [HandshakeRefusal] = []
    var pair = [try forming("b", incarnation: 2), try forming("c", incarnation: 3)]
    converse(&pair, &refused)
    let c = pair[1]
    var others = [try forming("a", incarnation: 1), pair[0]]
    converse(&others, &refused)
    var rest = [try forming("a", incarnation: 11, boot: 2), c]
    converse(&rest, &refused)
    #expect(rest.allSatisfy { $0.base == nil }, "a second store has formed")
    let (a, b) = (rest[0].rule.me, pair[0].rule.me)
    #expect(rest[0].gaps.contains(FormationGap(member: b, reason: .silent)))
    #expect(rest[1].gaps.contains(FormationGap(member: b, reason: .lacks([a]))))
    #expect(others.allSatisfy { $0.base == nil }, "C has not said that it has met A")
  }

  @Test func `each mismatch has its verdict`() throws {
    var a = try forming("a", incarnation: 1)
    let b = try forming("b", incarnation: 2)
    let good = b.handshake(to: a.rule.me, receiverBoot: nil)
    func verdict(_ change: (inout Handshake) -> Void) -> HandshakeRefusal? {
      var handshake = good
      change(&handshake)
      var target = a
      do throws(HandshakeRefusal) {
        try target.admit(handshake)
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
    func rule(_ number: Int, _ incarnation: UInt64) -> HandshakeRule {
      HandshakeRule(
        me: initial.members[number].id, name: "m", clusterID: initial.clusterID,
        incarnation: Incarnation(incarnation), boot: Boot(1), initialDigest: initial.digest)
    }
    func known(_ incarnations: [UInt64?]) -> [KnownMember] {
      zip(initial.members, incarnations).compactMap { member, incarnation in
        incarnation.map { KnownMember(id: member.id, incarnation: Incarnation($0)) }
      }
    }
    let (behind, leader) = (rule(0, 1), rule(1, 2))
    func verdict(of leaderKnows: [UInt64?], behindKnows: [UInt64?]) -> HandshakeRefusal? {
      let handshake = leader.handshake(
        to: behind.me, receiverBoot: nil, isFormed: true, known: known(leaderKnows))
      do throws(HandshakeRefusal) {
        try behind.admit(handshake, isFormed: true, known: known(behindKnows))
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
