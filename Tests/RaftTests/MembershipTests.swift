import Testing

@testable import Raft

/// Changing the members.
@Suite struct `Raft §6` {
  @Test func `a configuration is in force when appended, and gone when truncated`() {
    var core = RaftCore.follower(term: 1, voters: 1...3)
    let next = Configuration(members: (1...4).map { Cluster.member($0, .voter) })
    let entry = Entry(id: EntryID(1, 1), content: .configuration(next))
    let append = AppendEntries(previous: .zero, entries: [entry], commitIndex: .zero)
    _ = core.receive(.appendEntries(append), term: 1, from: 2)
    #expect(core.quorum.voters.count == 4)
    let other = AppendEntries(previous: .zero, entries: .terms([2]), commitIndex: .zero)
    _ = core.receive(.appendEntries(other), term: 2, from: 3)
    #expect(core.quorum.voters.count == 3)
  }

  @Test func `joint consensus: both halves agree, then the new one alone`() {
    var cluster = Cluster(voters: 1...3, learners: [4, 5])
    cluster.elect(1)
    cluster.settle()
    _ = cluster.takeTrace()
    cluster.change(.setVoters([3, 4, 5].map { MemberID($0) }), at: 1)
    cluster.settle()
    #expect(
      cluster.takeTrace() == """
        m1 has -(1) -(2) 3 +4 +5 at 2
        m2 has -(1) -(2) 3 +4 +5 at 2
        m3 has -(1) -(2) 3 +4 +5 at 2
        m4 has -(1) -(2) 3 +4 +5 at 2
        m5 has -(1) -(2) 3 +4 +5 at 2
        m1 has (1) (2) 3 4 5 at 3
        m2 has (1) (2) 3 4 5 at 3
        m3 has (1) (2) 3 4 5 at 3
        m4 has (1) (2) 3 4 5 at 3
        m5 has (1) (2) 3 4 5 at 3
        m1 leader@1 ⇒ follower@1
        m1 steps down: removed
        m3 follower@1 ⇒ candidate@2
        m4 follower@1 ⇒ follower@2
        m5 follower@1 ⇒ follower@2
        m3 candidate@2 ⇒ leader@2
        m1 follower@1 ⇒ follower@2
        m2 follower@1 ⇒ follower@2
        """)
    #expect(cluster.checker.violation == nil)
  }

  @Test(arguments: [[1, 2], [4, 5]] as [[UInt64]])
  func `a joint configuration commits nothing without a majority of either half`(away: [UInt64]) {
    var cluster = Cluster(voters: 1...3, learners: [4, 5])
    cluster.makeLeader(3)
    cluster.settle()
    cluster.partition(away)
    cluster.change(.setVoters([3, 4, 5].map { MemberID($0) }), at: 3)
    cluster.settle()
    #expect(cluster[3].quorum.isJoint)
    #expect(cluster[3].commitIndex < cluster[3].configurationIndex)
    cluster.heal()
    cluster.advance(by: .milliseconds(500))
    #expect(
      cluster[3].configuration.members.filter { $0.role == .voter }.map(\.id.number) == [3, 4, 5])
    #expect(cluster.checker.violation == nil)
  }

  @Test func `any new leader completes a joint configuration`() {
    var cluster = Cluster(voters: 1...3, learners: [4])
    cluster.elect(1)
    cluster.settle()
    cluster.change(.setVoters([2, 3, 4].map { MemberID($0) }), at: 1)
    cluster.settle {
      $0[2].quorum.isJoint && $0[3].quorum.isJoint && $0[3].durableIndex == LogIndex(2)
    }
    cluster.crash(1)
    cluster.elect(2)
    cluster.advance(by: .milliseconds(500))
    #expect(!cluster[2].quorum.isJoint)
    #expect(cluster[2].quorum.voters == [2, 3, 4].map { MemberID($0) })
    #expect(cluster.checker.violation == nil)
  }

  @Test func `a removed member neither disturbs nor is counted`() {
    var cluster = Cluster(voters: 1...3)
    cluster.elect(1)
    cluster.advance(by: .milliseconds(300))
    cluster.change(.remove(MemberID(3)), at: 1)
    cluster.advance(by: .seconds(30))
    #expect(cluster.leaders == [1])
    #expect(cluster[1].currentTerm == Term(1))
    cluster.crash(2)
    cluster.propose("x", to: 1)
    cluster.settle()
    #expect(cluster[1].commitIndex == LogIndex(2), "m3's copy does not count")
  }

  @Test func `a member that was removed while away stays quiet`() {
    var cluster = Cluster(voters: 1...3)
    cluster.elect(1)
    cluster.partition([3])
    cluster.change(.remove(MemberID(3)), at: 1)
    cluster.advance(by: .seconds(20))
    cluster.heal()
    cluster.advance(by: .seconds(20))
    #expect(cluster.leaders == [1])
    #expect(cluster[1].currentTerm == Term(1), "etcd-io/etcd#9464")
  }
}

/// The rules of a change.
@Suite struct `Thesis §4` {
  private func refusals(_ cluster: Cluster) -> [ConfigurationRefusal] {
    cluster.refused.compactMap { refused in
      if case .configuration(let refusal) = refused.reason { refusal } else { nil }
    }
  }

  /// Ongaro, raft-dev 2015-07-10: two leaders change one member each, and their majorities part.
  @Test func `no change before this leader has committed in its term`() {
    var core = RaftCore.leader(voters: 1...4)
    let output = core.step(
      Input(now: core.now, event: .change(.remove(MemberID(4)), ProposalID(1))))
    #expect(output.appended.isEmpty)
    #expect(
      output.refused == [
        Refused(proposal: ProposalID(1), reason: .configuration(.termNotCommitted))
      ])
  }

  @Test func `one change at a time`() {
    var cluster = Cluster(voters: 1...5)
    cluster.elect(1)
    cluster.partition([1, 2])
    cluster.change(.remove(MemberID(5)), at: 1)
    cluster.change(.remove(MemberID(4)), at: 1)
    #expect(refusals(cluster) == [.changeInProgress])
  }

  @Test func `the last voter stays`() {
    var cluster = Cluster(voters: 1...1, learners: [2])
    cluster.settle()
    cluster.change(.remove(MemberID(1)), at: 1)
    cluster.change(.setVoters([]), at: 1)
    #expect(refusals(cluster) == [.noVoters, .noVoters])
    #expect(cluster.leaders == [1])
  }

  @Test func `wishes that make no sense are refused`() {
    var cluster = Cluster(voters: 1...2)
    cluster.elect(1)
    cluster.change(.addLearner(Cluster.member(2, .learner)), at: 1)
    cluster.change(.promote(MemberID(2)), at: 1)
    cluster.change(.promote(MemberID(9)), at: 1)
    cluster.change(.remove(MemberID(9)), at: 1)
    cluster.change(.update(MemberID(9), peerURLs: ["http://x"]), at: 1)
    cluster.change(.setVoters([MemberID(9)]), at: 1)
    #expect(
      refusals(cluster) == [
        .memberExists, .notALearner, .memberNotFound, .memberNotFound, .memberNotFound,
        .memberNotFound,
      ])
    cluster.change(.remove(MemberID(1)), at: 2)
    #expect(cluster.refused.last?.reason == .notLeader(leader: MemberID(1)))
  }

  @Test func `a learner catches up, counts for nothing, and votes once promoted`() {
    var cluster = Cluster(voters: 1...2)
    cluster.elect(1)
    for number in 1...20 { cluster.propose("\(number)", to: 1) }
    cluster.settle()
    cluster.addNode(base: LogBase(last: .zero, configuration: cluster[1].configuration))
    cluster.cuts = [.init(from: 2, to: 0)]
    cluster.change(.addLearner(Cluster.member(3, .learner)), at: 1)
    cluster.settle()
    cluster.change(.promote(MemberID(3)), at: 1)
    #expect(refusals(cluster) == [.learnerBehind])
    cluster.propose("x", to: 1)
    cluster.settle()
    #expect(cluster[1].commitIndex == cluster[1].lastEntry.index, "two of two voters have it")
    cluster.heal()
    cluster.advance(by: .milliseconds(500))
    #expect(cluster[3].appliedIndex == cluster[1].commitIndex)
    cluster.change(.promote(MemberID(3)), at: 1)
    cluster.advance(by: .milliseconds(100))
    #expect(cluster[3].quorum.voters.count == 3)
    cluster.crash(1)
    cluster.advance(by: .seconds(5))
    #expect(cluster.leaders.count == 1)
    #expect(cluster.checker.violation == nil)
  }

  /// etcd-io/etcd#12359: the promoted learner does not know of its promotion yet, and its vote is
  /// needed.
  @Test func `a learner that was promoted without knowing it gives its vote`() {
    var core = RaftCore.follower(3, term: 1, voters: 1...2, learners: [3])
    let request = RequestVote(lastEntry: EntryID(1, 1))
    let output = core.receive(.requestVote(request), term: 2, from: 1)
    #expect(output.writes.flatMap(\.releasedWhenDurable).votes == [true])
  }

  /// Thesis §4.2.2: the removal is in this member's log, not committed, and the others need it.
  @Test func `a member leads while its own removal is not committed, and then no more`() {
    var cluster = Cluster(voters: 1...2)
    cluster.elect(2)
    cluster.cuts = [.init(from: 1, to: 0)]
    cluster.change(.remove(MemberID(2)), at: 2)
    cluster.settle()
    #expect(cluster[2].quorum.voters == [MemberID(1)] && cluster[1].quorum.voters.count == 2)
    cluster.crash(2)
    cluster.start(2)
    cluster.heal()
    cluster.advance(by: .seconds(8))
    #expect(cluster.leaders == [1])
    #expect(cluster[1].quorum.voters == [MemberID(1)])
    #expect(cluster.checker.violation == nil)
  }

  @Test func `membership after a restart is what it was`() {
    var cluster = Cluster(voters: 1...3)
    cluster.elect(1)
    cluster.change(.remove(MemberID(3)), at: 1)
    cluster.settle()
    cluster.change(.update(MemberID(2), peerURLs: ["http://elsewhere"]), at: 1)
    cluster.settle()
    let before = cluster[2].configuration
    cluster.crash(2)
    cluster.start(2)
    #expect(cluster[2].configuration == before)
    #expect(before[MemberID(2)]?.peerURLs == ["http://elsewhere"])
  }
}

/// Handing over.
@Suite struct `Thesis §3.10` {
  @Test func `leadership moves to the one that was named, without a pre-vote`() {
    var cluster = Cluster(voters: 1...3)
    cluster.elect(1)
    cluster.advance(by: .milliseconds(300))
    _ = cluster.takeTrace()
    cluster.transfer(from: 1, to: 3)
    cluster.settle()
    #expect(
      cluster.takeTrace() == """
        m1 hands over to m3
        m3 follower@1 ⇒ candidate@2
        m1 leader@1 ⇒ follower@2
        m2 follower@1 ⇒ follower@2
        m3 candidate@2 ⇒ leader@2
        """)
  }

  @Test func `without a name it goes to the longest log`() {
    var cluster = Cluster(voters: 1...3)
    cluster.elect(1)
    cluster.crash(2)
    cluster.propose("x", to: 1)
    cluster.settle()
    cluster.transfer(from: 1, to: nil)
    cluster.settle()
    #expect(cluster.leaders == [3])
  }

  @Test func `while handing over nothing is appended, and after an election timeout it ends`() {
    var cluster = Cluster(voters: 1...3)
    cluster.elect(1)
    cluster.crash(3)
    cluster.propose("x", to: 1)
    cluster.settle()
    cluster.transfer(from: 1, to: 3)
    let refused = cluster.propose("y", to: 1)
    #expect(cluster.refused == [Refused(proposal: refused, reason: .transferring)])
    cluster.advance(by: .milliseconds(1000))
    let accepted = cluster.propose("z", to: 1)
    #expect(cluster.appended.map(\.proposal).contains(accepted))
    #expect(cluster.leaders == [1])
  }

  @Test func `the target waits until it has everything`() {
    var cluster = Cluster(voters: 1...3)
    cluster.elect(1)
    cluster.stoppedDisks = [2]
    cluster.propose("x", to: 1)
    cluster.settle()
    cluster.transfer(from: 1, to: 3)
    cluster.settle()
    #expect(cluster.leaders == [1])
    cluster.stoppedDisks = []
    cluster.store(2)
    cluster.settle()
    #expect(cluster.leaders == [3])
    #expect(cluster[3].log.holds(EntryID(1, 2)))
  }

  @Test func `learners and strangers are no target`() {
    var cluster = Cluster(voters: 1...2, learners: [3])
    cluster.elect(1)
    cluster.transfer(from: 1, to: 3)
    cluster.transfer(from: 1, to: 9)
    cluster.transfer(from: 1, to: 1)
    #expect(!cluster[1].isHandingOver)
  }
}
