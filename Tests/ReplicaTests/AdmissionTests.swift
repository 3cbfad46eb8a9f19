import Raft
import Testing

@testable import Replica

/// From the first handshake to the last: what a member states, when it forms, whom it refuses.
@Suite struct AdmissionTests {
  private let names = ["a", "b", "c", "d", "e"]

  private func list(_ count: Int) throws -> InitialCluster {
    try InitialCluster(
      token: "t",
      members: names.prefix(count).map { (name: $0, peerURLs: ["http://\($0):2380"]) })
  }

  private func rule(
    _ name: String, _ incarnation: UInt64, boot: UInt64 = 1, in initial: InitialCluster
  ) throws -> HandshakeRule {
    HandshakeRule(
      me: try #require(initial.member(named: name)).id, name: name, clusterID: initial.clusterID,
      incarnation: Incarnation(incarnation), boot: Boot(boot), initialDigest: initial.digest)
  }

  /// A member and what it is host to; the disk is as quick as one asks it to be.
  private struct Host {
    var admission: Admission
    var roster = Roster.nobody
    var storing: Formation?
    var formation: Formation?
    var refusals: [HandshakeRefusal] = []

    init(_ rule: HandshakeRule, in initial: InitialCluster) {
      admission = Admission(forming: rule, initial: initial)
      storing = admission.begin()
    }

    mutating func hear(_ other: Host) {
      let (rule, boot) = (admission.rule, admission.rule.boot)
      let handshake = other.admission.handshake(to: rule.me, receiverBoot: boot, by: other.roster)
      do throws(HandshakeRefusal) {
        let outcome = try admission.admit(handshake, by: roster)
        storing = outcome.stores ?? storing
      } catch {
        refusals.append(error)
      }
    }

    /// The disk holds the formation.
    mutating func sync() {
      guard let formation = storing else { return }
      storing = nil
      admission.stored(formation)
      self.formation = formation
      roster = Roster(known: formation.founding.members, index: .zero, isMember: true)
    }
  }

  private func host(
    _ name: String, _ incarnation: UInt64, boot: UInt64 = 1, in initial: InitialCluster
  ) throws -> Host {
    Host(try rule(name, incarnation, boot: boot, in: initial), in: initial)
  }

  private func converse(_ left: inout Host, _ right: inout Host, syncs: Bool = true) {
    for _ in 0..<3 {
      left.hear(right)
      right.hear(left)
      guard syncs else { continue }
      left.sync()
      right.sync()
    }
  }

  /// A and B have formed, and C has only stated what they formed with. A loses its disk and B is
  /// away: C forgets what A stated, and waits. B comes back: C is of its store, and the new A not.
  @Test func `a founder that has stated its list and not formed waits for one that has`() throws {
    let initial = try list(3)
    var (a, b) = (try host("a", 1, in: initial), try host("b", 2, in: initial))
    var c = try host("c", 3, in: initial)
    converse(&a, &b)
    c.hear(a)
    c.hear(b)
    a.hear(c)
    b.hear(c)
    a.hear(b)
    b.hear(a)
    b.sync()
    a.hear(b)
    a.sync()
    #expect(a.formation != nil && a.formation == b.formation && c.formation == nil)

    var other = try host("a", 11, boot: 2, in: initial)
    converse(&other, &c)
    #expect(other.formation == nil && c.formation == nil, "a second store")
    #expect(c.admission.gaps.map(\.member).contains(b.admission.rule.me))

    converse(&b, &c)
    converse(&b, &other)
    converse(&c, &other)
    #expect(c.formation == b.formation)
    #expect(other.formation == nil)
    let wiped = HandshakeRefusal.iWasWiped(theirs: Incarnation(1), ours: Incarnation(11))
    #expect(other.refusals.contains(wiped))
    #expect(other.admission.consequence(of: wiped, isTrusted: true) == .wiped)
    #expect(other.admission.consequence(of: wiped, isTrusted: false) == .none)
    #expect(
      c.refusals.contains(
        .wiped(other.admission.rule.me, theirs: Incarnation(11), ours: Incarnation(1))))
  }

  /// E has stated its list and missed the forming. By the time it is heard again B has lost its
  /// disk and has a new place, so the ids are others than the initial ones.
  @Test func `a founder that missed the forming gets in after the members have changed`() throws {
    let initial = try list(5)
    var hosts = try names.enumerated().map { try host($1, UInt64($0 + 1), in: initial) }
    for left in 0..<4 { hosts[4].hear(hosts[left]) }
    for _ in 0..<3 {
      for left in 0..<5 {
        for right in 0..<4 where right != left { hosts[right].hear(hosts[left]) }
      }
    }
    for number in 0..<4 { hosts[number].sync() }
    #expect(hosts.map { $0.formation != nil } == [true, true, true, true, false])
    #expect(hosts[4].storing == nil && hosts[4].admission.gaps.count == 4)

    var known = hosts[0].roster.known
    known.removeAll { $0.id == hosts[1].admission.rule.me }
    known.append(KnownMember(id: MemberID(99), incarnation: Incarnation(99)))
    known.sort { $0.id < $1.id }
    hosts[0].roster.known = known
    hosts[4].hear(hosts[0])
    hosts[4].sync()
    #expect(hosts[4].formation == hosts[0].formation)
    #expect(hosts[4].refusals.isEmpty)
    hosts[0].hear(hosts[4])
    #expect(hosts[0].refusals.isEmpty)
  }

  /// Its configuration holds this member; but what the first base is, it cannot say.
  @Test func `a store from before there were foundings takes a late founder as it always did`()
    throws
  {
    let initial = try list(3)
    let incarnations = zip(initial.members, 1...).map {
      KnownMember(id: $0.id, incarnation: Incarnation($1))
    }
    func incarnation(of name: String) throws -> UInt64 {
      let id = try #require(initial.member(named: name)).id
      return try #require(incarnations.first { $0.id == id }).incarnation.number
    }
    var late = try host("c", incarnation(of: "c"), in: initial)
    let formed = try rule("a", incarnation(of: "a"), in: initial)
    func tell(_ known: [KnownMember]) throws(HandshakeRefusal) {
      let handshake = formed.handshake(
        to: late.admission.rule.me, receiverBoot: Boot(1), isFormed: true, known: known)
      late.storing = try late.admission.admit(handshake, by: .nobody).stores
    }
    var changed = incarnations
    changed.removeAll { $0.id != formed.me && $0.id != late.admission.rule.me }
    #expect(throws: HandshakeRefusal.foundingUnknown(late.admission.rule.me)) { try tell(changed) }
    try tell(incarnations)
    late.sync()
    #expect(late.formation?.base == initial.firstBase(incarnations: incarnations))
    #expect(late.formation?.founding == .unknown)
  }

  /// "Formed" is a promise like a vote: whoever hears it may count on it after a power loss.
  @Test func `nobody is told that a member has formed before its disk holds it`() throws {
    let initial = try list(2)
    var (a, b) = (try host("a", 1, in: initial), try host("b", 2, in: initial))
    converse(&a, &b, syncs: false)
    let stored = try #require(a.storing)
    let before = a.admission.handshake(to: b.admission.rule.me, receiverBoot: Boot(1), by: a.roster)
    #expect(!before.isFormed && before.founding == .unknown)
    #expect(!a.admission.hasFormed)
    a.sync()
    let after = a.admission.handshake(to: b.admission.rule.me, receiverBoot: Boot(1), by: a.roster)
    #expect(after.isFormed && after.founding == stored.founding)
    // What it hears meanwhile changes nothing.
    var other = try host("a", 11, boot: 2, in: initial)
    b.hear(other)
    other.hear(b)
    #expect(b.storing == stored)
  }

  @Test func `two stores that were formed under one name refuse each other for ever`() throws {
    let initial = try list(3)
    func store(_ incarnations: [UInt64]) throws -> [Host] {
      var hosts = try zip(names, incarnations).map { try host($0, $1, in: initial) }
      for _ in 0..<4 {
        for left in 0..<3 {
          for right in 0..<3 where right != left { hosts[right].hear(hosts[left]) }
        }
      }
      for number in 0..<3 { hosts[number].sync() }
      return hosts
    }
    // The third founder is the same, so each names the other in its configuration.
    var (old, new) = (try store([1, 2, 3]), try store([11, 12, 3]))
    #expect(old.allSatisfy { $0.formation != nil } && new.allSatisfy { $0.formation != nil })
    old[0].hear(new[2])
    new[2].hear(old[0])
    let digests = try (
      #require(old[0].formation).founding.digest, #require(new[0].formation).founding.digest
    )
    #expect(digests.0 != digests.1)
    #expect(
      old[0].refusals
        == [.otherFounding(new[2].admission.rule.me, theirs: digests.1, ours: digests.0)])
    #expect(
      new[2].refusals
        == [.otherFounding(old[0].admission.rule.me, theirs: digests.0, ours: digests.1)])
    let sentence = try #require(old[0].refusals.first).sentence
    for word in ["majority", "quorate endpoint status", "quorate member replace"] {
      #expect(sentence.contains(word))
    }
    // A directory from before there were digests refuses nobody for it.
    var undated = Admission(formed: old[0].admission.rule, founding: .unknown)
    let handshake = new[2].admission.handshake(
      to: undated.rule.me, receiverBoot: Boot(1), by: old[2].roster)
    _ = try undated.admit(handshake, by: old[0].roster)
  }

  @Test func `who joins is of the store that it joins, and a recovered store of its own`() throws {
    let initial = try list(3)
    let founding = initial.founding(
      of: initial.members.map { KnownMember(id: $0.id, incarnation: Incarnation($0.id.number)) })
    let place = Configuration.Member(
      id: MemberID(9), incarnation: .unknown, role: .learner, name: "n",
      peerURLs: ["http://n:2380"])
    let configuration = Configuration(members: [place])
    for reads in [true, false] {
      let joinQuery = JoinQuery(
        name: "n", peerURLs: ["http://n:2380"], wantsReplacement: false, readsFounding: reads)
      let answer = joinQuery.answer(by: configuration, in: initial.clusterID, founding)
      guard case .place(let found) = answer else {
        Issue.record("no place")
        return
      }
      #expect(found.formation.founding == (reads ? founding : .unknown))
      #expect(found.formation.base == LogBase(last: .zero, configuration: configuration))
    }
    let recovered = founding.goingOn(as: Incarnation(77))
    #expect(recovered.contradicts(founding) && recovered.members.isEmpty)
    #expect(Founding.unknown.goingOn(as: Incarnation(77)).isKnown)
  }
}
