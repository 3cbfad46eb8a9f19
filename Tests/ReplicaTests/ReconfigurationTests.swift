import Base
import Raft
import Replica
import Testing

/// Changes of the members that clients ask for, and those that the leader makes by itself.
@Suite("Changing the members") struct ReconfigurationTests {
  private static func place(
    _ number: UInt64, _ prospect: Configuration.Prospect = .voter
  ) -> ConfigurationChange {
    .addLearner(
      Configuration.Member(
        id: MemberID(number), incarnation: .unknown, role: .learner, prospect: prospect, name: "",
        peerURLs: ["http://n\(number)"]))
  }

  private func role(_ number: UInt64, in cluster: Cluster, at position: Int = 0)
    -> Configuration.Role?
  {
    cluster.members[position].configuration[MemberID(number)]?.role
  }

  // MARK: To the leader and back

  @Test func `any member takes a change, and answers when it is applied there`() {
    var cluster = Cluster(3)
    let (_, follower) = cluster.elect()
    cluster.reconfigure(1, Self.place(4), at: follower)
    cluster.run(.milliseconds(200))
    #expect(cluster.answers[follower] == [.changed(RequestID(1))])
    #expect(role(4, in: cluster, at: follower) == .learner)
  }

  @Test func `changes that come together are made one after the other`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    cluster.reconfigure(1, Self.place(4), at: follower)
    cluster.run(.milliseconds(3))
    cluster.reconfigure(2, .update(MemberID(1), peerURLs: ["http://new"]), at: leader)
    cluster.reconfigure(3, .remove(MemberID(4)), at: follower)
    #expect(cluster.answers[follower].isEmpty)
    cluster.run(.milliseconds(500))
    #expect(cluster.answers[leader] == [.changed(RequestID(2))])
    #expect(Set(cluster.answers[follower]) == [.changed(RequestID(1)), .changed(RequestID(3))])
    #expect(cluster.members[follower].configuration[MemberID(1)]?.peerURLs == ["http://new"])
  }

  @Test func `what does not fit is denied by the leader, wherever it was asked`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    cluster.reconfigure(1, .remove(MemberID(77)), at: follower)
    cluster.reconfigure(1, .promote(MemberID(2)), at: leader)
    cluster.run(.milliseconds(200))
    #expect(
      cluster.answers[follower] == [
        .refused(RequestID(1), Refusal(.membership(.configuration(.memberNotFound))))
      ])
    #expect(
      cluster.answers[leader] == [
        .refused(RequestID(1), Refusal(.membership(.configuration(.notALearner))))
      ])
  }

  @Test func `a change that never left is refused, one that was sent to who is gone is unknown`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    cluster.isolate([leader])
    cluster.reconfigure(1, Self.place(4), at: follower, within: .milliseconds(100))
    cluster.run(.milliseconds(150))
    #expect(cluster.answers[follower] == [.outcomeUnknown(RequestID(1), .late)])
    let cutOff = cluster.id(follower)
    cluster.heal()
    cluster.run(.seconds(5))
    cluster.isolate([follower])
    cluster.run(.seconds(3))
    cluster.reconfigure(2, Self.place(5), at: Int(cutOff.number) - 1)
    guard case .refused(RequestID(2), let refusal)? = cluster.answers[follower].last,
      case .inquorate = refusal.rule
    else {
      Issue.record("\(cluster.answers[follower])")
      return
    }
  }

  // MARK: Removal

  @Test func `a leader that is removed hands over first, and both learn that it is gone`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    cluster.reconfigure(1, .remove(cluster.id(leader)), at: leader)
    cluster.run(.seconds(1))
    cluster.reconfigure(2, .update(cluster.id(follower), peerURLs: ["http://f"]), at: follower)
    cluster.run(.seconds(1))
    #expect(cluster.answers[follower] == [.changed(RequestID(2))])
    #expect(cluster.members[follower].configuration[cluster.id(leader)] == nil)
    // Nobody feeds it any more. What it hears in its handshake answers who asked, too.
    cluster.step(leader, .dismissed)
    #expect(cluster.answers[leader] == [.changed(RequestID(1))])
    #expect(cluster.isRemoved[leader])
    #expect(!cluster.isRemoved[follower])
    // It was another one that took it out.
    #expect(cluster.members[follower].currentTerm > Term(1))
    #expect(!cluster.notes[leader].contains(.raft(.steppedDown(.removed))))
  }

  /// Between the removal's place in the log and its commit the member still knows nothing of it.
  @Test func `of who is no member any more nothing is appended`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    let term = cluster.members[leader].currentTerm
    cluster.isolate([leader])
    cluster.step(
      leader,
      .change(
        RequestID(1), .remove(cluster.id(follower)), deadline: cluster.now + .seconds(5)))
    #expect(cluster.members[leader].configuration[cluster.id(follower)] == nil)
    let proposal = ForwardedProposal(
      id: RequestID(77), command: Cluster.command(follower, 77), isGrowing: false)
    let boot = Boot(UInt64(follower) + 1)
    let forward = Forward(term: term, boot: boot, number: 1, proposals: [proposal])
    cluster.step(leader, .message(.forward(forward), from: cluster.id(follower)))
    let replies = cluster.sent[leader].compactMap { envelope -> ForwardReply? in
      if case .forwardReply(let reply) = envelope.message { reply } else { nil }
    }
    let verdict = ForwardReply.Verdict(
      id: RequestID(77), outcome: .refused(.notLeader(leader: nil)))
    #expect(replies == [ForwardReply(boot: boot, verdicts: [verdict])])
  }

  @Test func `who was away while it was removed is told so by the first handshake`() throws {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    cluster.isolate([follower], isLoud: true)
    cluster.step(
      follower,
      .introduced(
        Introduction(
          id: cluster.id(follower), incarnation: Incarnation(cluster.id(follower).number + 100),
          name: "n", clientURLs: [])))
    cluster.run(.seconds(2))
    cluster.reconfigure(1, .remove(cluster.id(follower)), at: leader)
    cluster.run(.seconds(1))
    let away = cluster.members[follower]
    let rule = HandshakeRule(
      me: away.id, name: "n", clusterID: ClusterID(1),
      incarnation: Incarnation(away.id.number + 100), boot: away.boot, initialDigest: 1)
    func handshake(at index: LogIndex) -> Handshake {
      Handshake(
        clusterID: ClusterID(1), from: cluster.id(leader), name: "l",
        incarnation: Incarnation(cluster.id(leader).number + 100), boot: Boot(9), to: away.id,
        initialDigest: 1, isFormed: true, known: cluster.members[leader].knownMembers,
        configurationIndex: index)
    }
    let since = try #require(away.membership.isMember ? away.membership.index : nil)
    let now = cluster.members[leader].membership.index
    #expect(throws: HandshakeRefusal.iWasRemoved) {
      try rule.admit(
        handshake(at: now), isFormed: true, known: away.knownMembers, memberAt: since)
    }
    // A configuration from before, of somebody who is behind, removes nobody.
    #expect(throws: Never.self) {
      try rule.admit(
        handshake(at: since), isFormed: true, known: away.knownMembers, memberAt: since)
    }
  }

  // MARK: By itself

  @Test func `an address that is never reached blocks nothing, and can be removed again`() {
    for count in 1...3 {
      var cluster = Cluster(count)
      while cluster.leader == nil { cluster.run(.milliseconds(100)) }
      let leader = cluster.leader!
      cluster.run(.seconds(1))
      cluster.reconfigure(1, Self.place(9), at: leader)
      cluster.run(.seconds(5))
      cluster.propose(2, at: leader)
      cluster.run(.seconds(1))
      cluster.reconfigure(3, .remove(MemberID(9)), at: leader)
      cluster.run(.seconds(1))
      #expect(cluster.answers[leader] == [.changed(RequestID(1)), .changed(RequestID(3))])
      #expect(cluster.completed[leader] == [RequestID(2)])
      #expect(cluster.members[leader].configuration.members.count == count)
    }
  }

  @Test func `who comes is bound, fed, and votes within two seconds`() {
    var cluster = Cluster(1)
    while cluster.leader == nil { cluster.run(.milliseconds(100)) }
    cluster.propose(1, at: 0)
    cluster.reconfigure(2, Self.place(2), at: 0)
    cluster.run(.seconds(3))
    #expect(role(2, in: cluster) == .learner)
    cluster.join(1, 222)
    cluster.run(.seconds(2))
    let member = cluster.members[0].configuration[MemberID(2)]
    #expect(member?.role == .voter)
    #expect(member?.incarnation == Incarnation(222))
    #expect(member?.name == "n2")
    #expect(member?.clientURLs == ["http://c2"])
    #expect(cluster.members[1].configuration == cluster.members[0].configuration)
    #expect(!cluster.isRemoved[1])
  }

  @Test func `a learner that nobody promised a vote waits to be promoted`() {
    var cluster = Cluster(1)
    while cluster.leader == nil { cluster.run(.milliseconds(100)) }
    cluster.reconfigure(1, Self.place(2, .none), at: 0)
    cluster.run(.milliseconds(500))
    cluster.join(1, 222)
    cluster.run(.seconds(5))
    #expect(role(2, in: cluster) == .learner)
    cluster.reconfigure(2, .promote(MemberID(2)), at: 1)
    cluster.run(.seconds(1))
    #expect(cluster.answers[1] == [.changed(RequestID(2))])
    #expect(role(2, in: cluster) == .voter)
  }

  @Test func `a member that was wiped gets another place, and never fewer count`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    cluster.isolate([follower], isLoud: true)
    cluster.run(.seconds(2))
    let old = cluster.id(follower)
    cluster.reconfigure(1, Self.place(4, .successor(of: old)), at: leader)
    cluster.run(.seconds(1))
    #expect(cluster.answers[leader] == [.changed(RequestID(1))])
    #expect(role(old.number, in: cluster, at: leader) == .voter)
    cluster.join(3, 444)
    cluster.run(.seconds(2))
    #expect(role(4, in: cluster, at: leader) == .voter)
    #expect(role(old.number, in: cluster, at: leader) == nil)
    cluster.propose(7, at: leader)
    cluster.run(.seconds(1))
    #expect(cluster.completed[leader] == [RequestID(7)])
  }

  @Test func `who follows on a learner takes its place at once`() {
    var cluster = Cluster(3)
    let (leader, _) = cluster.elect()
    cluster.reconfigure(1, Self.place(8, .spare(after: .seconds(5))), at: leader)
    cluster.run(.milliseconds(200))
    cluster.reconfigure(2, Self.place(9, .successor(of: MemberID(8))), at: leader)
    cluster.run(.milliseconds(200))
    let configuration = cluster.members[leader].configuration
    #expect(configuration[MemberID(8)] == nil)
    #expect(configuration[MemberID(9)]?.prospect == .spare(after: .seconds(5)))
  }

  // MARK: The hot spare

  /// Three voters and a spare that has caught up.
  private func withSpare(_ count: Int = 3, after delay: Duration) -> (Cluster, leader: Int) {
    var cluster = Cluster(count)
    let (leader, _) = cluster.elect()
    cluster.reconfigure(1, Self.place(UInt64(count) + 1, .spare(after: delay)), at: leader)
    cluster.run(.milliseconds(500))
    cluster.join(count, 444)
    cluster.run(.seconds(1))
    return (cluster, leader)
  }

  @Test func `a spare takes the place of a voter that is dead for long, and no sooner`() {
    var (cluster, leader) = withSpare(after: .seconds(3))
    let dead = (leader + 1) % 3
    cluster.isolate([dead])
    cluster.run(.milliseconds(2_800))
    #expect(role(4, in: cluster, at: leader) == .learner)
    cluster.run(.milliseconds(700))
    #expect(role(4, in: cluster, at: leader) == .voter)
    #expect(role(cluster.id(dead).number, in: cluster, at: leader) == .learner)
    // Whoever comes back is the spare now.
    let prospect = cluster.members[leader].configuration[cluster.id(dead)]?.prospect
    #expect(prospect == .spare(after: .seconds(3)))
    #expect(
      cluster.notes[leader].contains { note in
        if case .spareTookOver(MemberID(4), for: cluster.id(dead), took: _) = note {
          true
        } else {
          false
        }
      })
    cluster.heal()
    cluster.run(.seconds(2))
    cluster.propose(9, at: dead)
    cluster.run(.seconds(1))
    #expect(cluster.completed[dead] == [RequestID(9)])
  }

  /// Three voted, and three vote, however the successor and the spare of one voter come about.
  @Test func `a successor that comes when the spare has taken over becomes the spare`() {
    var (cluster, leader) = withSpare(after: .seconds(3))
    let dead = (leader + 1) % 3
    let old = cluster.id(dead)
    cluster.isolate([dead])
    cluster.reconfigure(5, Self.place(5, .successor(of: old)), at: leader)
    cluster.run(.seconds(4))
    #expect(role(4, in: cluster, at: leader) == .voter)
    #expect(role(old.number, in: cluster, at: leader) == .learner)
    cluster.join(4, 555)
    cluster.run(.seconds(3))
    let configuration = cluster.members[leader].configuration
    #expect(configuration[old] == nil)
    #expect(configuration[MemberID(5)]?.role == .learner)
    #expect(configuration[MemberID(5)]?.prospect == .spare(after: .seconds(3)))
    #expect(configuration.members.count { $0.role == .voter } == 3)
  }

  @Test func `a voter that is silent for less is not replaced`() {
    var (cluster, leader) = withSpare(after: .seconds(3))
    for _ in 0..<4 {
      cluster.isolate([(leader + 1) % 3])
      cluster.run(.seconds(2))
      cluster.heal()
      cluster.run(.milliseconds(500))
    }
    #expect(role(4, in: cluster, at: leader) == .learner)
  }

  @Test func `a spare that is cut off as well, or without a majority, is not called`() {
    var (cluster, leader) = withSpare(after: .seconds(2))
    cluster.isolate([(leader + 1) % 3])
    cluster.isolate([3])
    cluster.run(.seconds(6))
    #expect(role(4, in: cluster, at: leader) == .learner)
    cluster.isolate([(leader + 2) % 3])
    cluster.run(.seconds(6))
    for position in 0..<3 { #expect(role(4, in: cluster, at: position) == .learner) }
  }
}
