import Testing

@testable import Raft

/// Members that have a place before anybody has come to it, and members that change places.
@Suite("Places of members") struct PlaceTests {
  private static func place(
    _ number: UInt64, _ prospect: Configuration.Prospect = .voter
  ) -> Configuration.Member {
    Configuration.Member(
      id: MemberID(number), incarnation: .unknown, role: .learner, prospect: prospect, name: "",
      peerURLs: ["http://m\(number)"])
  }

  private static func introduction(
    _ number: UInt64, _ incarnation: UInt64, _ name: String = "new"
  ) -> ConfigurationChange {
    .introduce([
      Introduction(
        id: MemberID(number), incarnation: Incarnation(incarnation), name: name,
        clientURLs: ["http://c\(number)"])
    ])
  }

  private func refusals(_ cluster: Cluster) -> [ConfigurationRefusal] {
    cluster.refused.compactMap {
      if case .configuration(let refusal) = $0.reason { refusal } else { nil }
    }
  }

  @Test func `nothing is sent to a place that nobody has come to, and it never votes`() {
    var cluster = Cluster(voters: 1...3)
    cluster.elect(1)
    cluster.change(.addLearner(Self.place(4)), at: 1)
    cluster.settle()
    #expect(cluster[1].followers.map(\.member.number) == [2, 3])
    cluster.change(.promote(MemberID(4)), at: 1)
    cluster.advance(by: .seconds(5))
    #expect(refusals(cluster) == [.learnerBehind])
    cluster.propose("x", to: 1)
    cluster.settle()
    #expect(cluster[1].commitIndex == cluster[1].lastEntry.index)
  }

  @Test func `a data directory is bound once`() {
    var cluster = Cluster(voters: 1...3)
    cluster.elect(1)
    cluster.change(.addLearner(Self.place(4)), at: 1)
    cluster.settle()
    cluster.change(Self.introduction(4, 44), at: 1)
    cluster.settle()
    #expect(cluster[2].configuration[MemberID(4)]?.incarnation == Incarnation(44))
    #expect(cluster[1].followers.map(\.member.number) == [2, 3, 4])
    // Another directory is no news, whatever it says of itself.
    cluster.change(Self.introduction(4, 45, "other"), at: 1)
    cluster.settle()
    let member = cluster[3].configuration[MemberID(4)]
    #expect(member?.incarnation == Incarnation(44))
    #expect(member?.name == "new")
    // The same one may have another name and other addresses.
    cluster.change(Self.introduction(4, 44, "renamed"), at: 1)
    cluster.settle()
    #expect(cluster[3].configuration[MemberID(4)]?.name == "renamed")
  }

  @Test func `whoever was to follow on a learner is for what that one was for`() throws {
    var members = (1...3).map { Cluster.member($0, .voter) }
    var spare = Cluster.member(4, .learner)
    spare.prospect = .spare(after: .seconds(3))
    members.append(spare)
    let heir = Self.place(5, .successor(of: MemberID(4)))
    let both = Configuration(members: members + [heir])
    let without = try both.applying(.remove(MemberID(4))) { _ in true }
    #expect(without[MemberID(5)]?.prospect == .spare(after: .seconds(3)))
    var renewed = heir
    renewed.prospect = spare.prospect
    #expect(try both.applying(.renew(MemberID(4), as: renewed)) { _ in true } == without)
    // Nobody else's place is given away.
    renewed.id = MemberID(3)
    #expect(throws: ConfigurationRefusal.memberExists) {
      try both.applying(.renew(MemberID(4), as: renewed)) { _ in true }
    }
    // The vote of a voter is still to be taken over.
    let follower = Self.place(6, .successor(of: MemberID(3)))
    let voters = Configuration(members: members + [follower])
    let rest = try voters.applying(.remove(MemberID(3))) { _ in true }
    #expect(rest[MemberID(6)]?.prospect == .successor(of: MemberID(3)))
  }

  @Test func `two members do not share an address, but one may follow on another`() throws {
    let one = Configuration(members: (1...3).map { Cluster.member($0, .voter) })
    var guest = Self.place(4)
    guest.peerURLs = ["http://m2"]
    #expect(throws: ConfigurationRefusal.peerURLExists) {
      try one.applying(.addLearner(guest)) { _ in true }
    }
    #expect(throws: ConfigurationRefusal.peerURLExists) {
      try one.applying(.update(MemberID(1), peerURLs: ["http://x", "http://m2"])) { _ in true }
    }
    guest.prospect = .successor(of: MemberID(2))
    let two = try one.applying(.addLearner(guest)) { _ in true }
    #expect(two.members.count == 4)
    #expect(try two.applying(.update(MemberID(2), peerURLs: ["http://m2"])) { _ in true } == two)
  }

  @Test func `a learner takes a voter's place in one step, and both halves agree`() {
    var cluster = Cluster(voters: 1...3, learners: [4])
    cluster.elect(1)
    cluster.settle()
    cluster.crash(3)
    _ = cluster.takeTrace()
    cluster.change(
      .exchange(voter: MemberID(3), learner: MemberID(4), stays: .spare(after: .seconds(9))), at: 1)
    cluster.settle()
    #expect(
      cluster.takeTrace() == """
        m1 has 1 2 -(3) +4 at 2
        m2 has 1 2 -(3) +4 at 2
        m4 has 1 2 -(3) +4 at 2
        m1 has 1 2 (3) 4 at 3
        m2 has 1 2 (3) 4 at 3
        m4 has 1 2 (3) 4 at 3
        """)
    // It is told what it is for when it comes back.
    #expect(cluster[2].configuration[MemberID(3)]?.prospect == .spare(after: .seconds(9)))
    #expect(cluster[2].configuration[MemberID(4)]?.prospect == Configuration.Prospect.none)
    #expect(cluster.checker.violation == nil)
  }

  @Test func `whoever is replaced leaves with the old half`() {
    var cluster = Cluster(voters: 1...3, learners: [4])
    cluster.elect(1)
    cluster.settle()
    cluster.change(.exchange(voter: MemberID(3), learner: MemberID(4), stays: nil), at: 1)
    cluster.settle()
    #expect(cluster[1].configuration.members.map(\.id.number) == [1, 2, 4])
    #expect(cluster[1].quorum.voters.map(\.number) == [1, 2, 4])
    #expect(cluster[1].commitIndex == cluster[1].lastEntry.index)
  }

  @Test func `who is none any more knows it from what is committed`() {
    var cluster = Cluster(voters: 1...3)
    cluster.elect(1)
    cluster.settle()
    cluster.change(.remove(MemberID(1)), at: 1)
    #expect(!cluster[1].wasRemoved(Incarnation(1)))
    cluster.settle()
    #expect(cluster[1].wasRemoved(Incarnation(1)))
    #expect(!cluster[2].wasRemoved(Incarnation(2)) && !cluster[3].wasRemoved(Incarnation(3)))
    // By what is committed: an entry that may yet be taken back removes nobody.
    var history = ConfigurationHistory(
      base: LogBase(
        last: .zero, configuration: Configuration(members: [Cluster.member(1, .voter)])))
    let rest = Configuration(members: [Cluster.member(2, .voter)])
    history.append(Entry(id: EntryID(1, 1), content: .configuration(rest)))
    #expect(!history.wasRemoved(MemberID(1), Incarnation(1), committed: .zero))
    #expect(history.wasRemoved(MemberID(1), Incarnation(1), committed: LogIndex(1)))
  }

  @Test func `who replays the log from before it joined was not removed`() {
    // What a member that joins begins with is the present; the log then tells it the past.
    let present = Configuration(members: [Cluster.member(1, .voter), Cluster.member(2, .learner)])
    let place = Configuration(members: [Cluster.member(1, .voter), Self.place(2)])
    var history = ConfigurationHistory(base: LogBase(last: .zero, configuration: place))
    let past = Configuration(members: [Cluster.member(1, .voter)])
    history.append(Entry(id: EntryID(1, 1), content: .configuration(past)))
    #expect(!history.wasRemoved(MemberID(2), Incarnation(2), committed: LogIndex(1)))
    history.append(Entry(id: EntryID(1, 2), content: .configuration(present)))
    history.append(Entry(id: EntryID(1, 3), content: .configuration(past)))
    #expect(!history.wasRemoved(MemberID(2), Incarnation(2), committed: LogIndex(2)))
    #expect(history.wasRemoved(MemberID(2), Incarnation(2), committed: LogIndex(3)))
  }
}
