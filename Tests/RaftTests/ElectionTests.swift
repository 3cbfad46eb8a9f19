import Base
import Testing

@testable import Raft

/// Terms: a later one is adopted, an earlier one is told.
@Suite struct `Raft §5.1` {
  @Test(arguments: [
    Message.Body.appendEntries(AppendEntries(previous: .zero, entries: [], commitIndex: .zero)),
    .heartbeat(Heartbeat(round: 1, commitIndex: .zero)),
    .requestVote(RequestVote(lastEntry: .zero)),
    .voteReply(VoteReply(granted: true)),
    .appendReply(AppendReply(.accepted(match: .zero))),
    .preVoteReply(VoteReply(granted: false)),
  ])
  func `a message of a later term makes any member a follower of that term`(body: Message.Body) {
    var cluster = Cluster(voters: 1...3)
    if case .requestVote = body {} else { cluster.elect(1) }
    let from = MemberID(2)
    cluster.step(0, .message(Message(term: Term(9), body: body), from: from))
    #expect(cluster[1].currentTerm == Term(9))
    #expect(!cluster[1].isLeader)
  }

  @Test func `a message of an earlier term changes nothing and is answered with this term`() {
    var core = RaftCore.follower(term: 5, voters: 1...3)
    let before = core.hardState
    let stale = AppendEntries(previous: .zero, entries: [], commitIndex: .zero)
    let output = core.receive(.appendEntries(stale), term: 4, from: 2)
    #expect(core.hardState == before)
    #expect(core.leader == nil)
    #expect(
      output.sends == [
        Envelope(
          to: MemberID(2),
          message: Message(
            term: Term(5),
            body: .appendReply(AppendReply(.rejected(previous: .zero, hint: .zero)))))
      ])
  }

  @Test func `a stale leader steps down when a follower answers in a later term`() {
    var cluster = Cluster(voters: 1...3)
    cluster.elect(1)
    cluster.partition([1])
    cluster.elect(2)
    #expect(cluster.leaders == [1, 2])
    cluster.heal()
    cluster.advance(by: .milliseconds(200))
    #expect(cluster.leaders == [2])
    #expect(cluster[1].leader == MemberID(2))
  }

  @Test func `an answer in a term that is not durable waits for the disk`() {
    var core = RaftCore.follower(term: 1, voters: 1...3)
    let heartbeat = Heartbeat(round: 1, commitIndex: .zero)
    let output = core.receive(.heartbeat(heartbeat), term: 2, from: 2)
    #expect(output.sends.isEmpty)
    #expect(output.writes.count == 1)
    #expect(output.writes[0].hardState == HardState(currentTerm: Term(2)))
    #expect(output.writes[0].releasedWhenDurable.count == 1)
  }
}

/// Elections.
@Suite struct `Raft §5.2` {
  @Test func `a member that hears nobody asks around after a drawn timeout`() {
    var core = RaftCore.follower(term: 1, voters: 1...3)
    let timeout = core.wakeAt - .zero
    #expect(timeout >= .seconds(1) && timeout < .seconds(2))
    let early = core.step(Input(now: .zero + (timeout - .nanoseconds(1)), event: .timer))
    #expect(early.sends.isEmpty)
    let due = core.step(Input(now: .zero + timeout, event: .timer))
    #expect(due.sends.map(\.to) == [MemberID(2), MemberID(3)])
    #expect(
      due.sends[0].message == Message(term: Term(2), body: .preVote(PreVote(lastEntry: .zero))))
  }

  @Test func `timeouts differ from member to member and from draw to draw`() {
    let draws = (0..<100).map { seed in
      RaftCore.follower(term: 1, voters: 1...3, seed: seed).wakeAt
    }
    #expect(Set(draws).count > 90)
  }

  @Test func `a request for a vote leaves with the write that holds the own vote`() {
    var core = RaftCore.candidate(voters: 1...3)
    #expect(core.votedFor == MemberID(1))
    let output = core.lastOutput
    #expect(output.sends.isEmpty)
    #expect(output.writes[0].hardState == HardState(currentTerm: Term(1), votedFor: MemberID(1)))
    #expect(output.writes[0].releasedWhenDurable.map(\.to) == [MemberID(2), MemberID(3)])
    core.core.step(.voteReply(VoteReply(granted: true)), from: 2)
    #expect(!core.isLeader, "the own vote is not on disk yet")
    _ = core.core.step(Input(now: core.core.now, event: .stored(WriteTicket(1))))
    #expect(core.isLeader)
  }

  @Test func `one vote a term, and the same answer to the same candidate`() {
    var core = RaftCore.follower(term: 1, voters: 1...3)
    let request = Message.Body.requestVote(RequestVote(lastEntry: .zero))
    let first = core.receive(request, term: 2, from: 2)
    #expect(first.writes[0].hardState == HardState(currentTerm: Term(2), votedFor: MemberID(2)))
    #expect(first.sends.isEmpty, "a vote is a promise")
    #expect(first.writes[0].releasedWhenDurable.votes == [true])
    _ = core.step(Input(now: .zero, event: .stored(WriteTicket(1))))
    #expect(core.receive(request, term: 2, from: 3).sends.votes == [false])
    let again = core.receive(request, term: 2, from: 2)
    #expect(again.sends.votes == [true], "it is durable by now")
  }

  @Test func `a vote outlives stepping down in its term`() {
    var core = RaftCore.candidate(voters: 1...3)
    let leads = Message.Body.heartbeat(Heartbeat(round: 1, commitIndex: .zero))
    _ = core.core.receive(leads, term: 1, from: 2)
    #expect(core.core.votedFor == MemberID(1))
    let request = Message.Body.requestVote(RequestVote(lastEntry: .zero))
    let output = core.core.receive(request, term: 1, from: 3)
    #expect((output.sends + output.writes.flatMap(\.releasedWhenDurable)).votes == [false])
  }

  @Test func `the only voter leads once its own vote and entry are on disk`() {
    var cluster = Cluster(voters: 1...1)
    cluster.stoppedDisks = [0]
    cluster.settle()
    #expect(cluster.leaders == [])
    cluster.stoppedDisks = []
    cluster.store(0)
    #expect(cluster.leaders == [1])
    #expect(cluster[1].commitIndex == .zero, "its entry is not on disk (etcd-io/etcd#14370)")
    cluster.store(0)
    #expect(cluster[1].commitIndex == LogIndex(1))
  }

  @Test func `learners and strangers are not counted`() {
    var cluster = Cluster(voters: 1...3, learners: [4, 5])
    cluster.partition([2])
    cluster.partition([3])
    cluster.advance(by: .seconds(10))
    #expect(cluster.leaders.isEmpty)
    #expect(cluster[4].currentTerm == .zero && cluster[5].currentTerm == .zero)
  }

  @Test func `a split vote is tried again`() {
    var cluster = Cluster(voters: 1...4)
    cluster.stoppedDisks = [0, 1, 2, 3]
    cluster.campaign(1)
    cluster.settle()
    cluster.campaign(2)
    cluster.settle()
    cluster.stoppedDisks = []
    for position in 0..<4 { cluster.store(position) }
    cluster.advance(by: .seconds(5))
    #expect(cluster.leaders.count == 1)
    #expect(cluster.checker.violation == nil)
  }
}

/// Who may be elected.
@Suite struct `Raft §5.4` {
  @Test(arguments: [
    (EntryID(1, 5), EntryID(1, 5), true), (EntryID(1, 6), EntryID(1, 5), true),
    (EntryID(1, 4), EntryID(1, 5), false), (EntryID(2, 1), EntryID(1, 5), true),
    (EntryID(1, 9), EntryID(2, 5), false),
  ])
  func `a later last term wins, then a longer log`(theirs: EntryID, ours: EntryID, granted: Bool) {
    var core = RaftCore.follower(term: 2, voters: 1...3, entries: .run(ours))
    let output = core.receive(.requestVote(RequestVote(lastEntry: theirs)), term: 3, from: 2)
    #expect(output.writes.flatMap(\.releasedWhenDurable).votes == [granted])
  }

  /// Raft §5.4.1. A quorum always holds every committed entry, so a server that misses one can
  /// collect votes only from servers that miss it too.
  @Test func `a candidate behind a quorum cannot win, not even a pre-vote`() {
    var cluster = Cluster(voters: 1...5, seed: 7)
    cluster.elect(1)
    cluster.partition([4, 5])
    cluster.propose("x=1", to: 1)
    cluster.settle()
    _ = cluster.takeTrace()

    cluster.heal()
    cluster.crash(1)
    cluster.campaign(5)
    cluster.settle()
    cluster.campaign(2)
    cluster.settle()

    #expect(cluster.leaders == [2])
    #expect(
      cluster.takeTrace() == """
        m1 crashes
        m5 follower@1 ⇒ pre-candidate@1
        m2 follower@1 ⇒ pre-candidate@1
        m2 pre-candidate@1 ⇒ candidate@2
        m3 follower@1 ⇒ follower@2
        m4 follower@1 ⇒ follower@2
        m5 pre-candidate@1 ⇒ follower@2
        m2 candidate@2 ⇒ leader@2
        """)
    #expect(cluster[5].commitIndex == cluster[2].commitIndex)
  }
}

/// Pre-vote: asking before disturbing.
@Suite struct `Thesis §9.6` {
  @Test func `a pre-vote changes nothing at either end`() {
    var core = RaftCore.follower(term: 3, voters: 1...3)
    let before = core
    let output = core.receive(.preVote(PreVote(lastEntry: .zero)), term: 4, from: 2)
    #expect(
      output.sends.map(\.message) == [
        Message(term: Term(4), body: .preVoteReply(VoteReply(granted: true)))
      ])
    #expect(output.writes.isEmpty)
    #expect(core == before, "no vote, no term, no later timeout (hashicorp/raft#609)")
  }

  @Test func `whoever hears a leader refuses, and so does the leader`() {
    var cluster = Cluster(voters: 1...3)
    cluster.elect(1)
    cluster.advance(by: .milliseconds(300))
    let question = Message(
      term: Term(2), body: .preVote(PreVote(lastEntry: EntryID(9, 9))))
    for position in [0, 1] {
      var core = cluster.nodes[position].core
      let output = core.step(
        Input(
          now: cluster.now + cluster.nodes[position].skew,
          event: .message(question, from: MemberID(3))))
      #expect(
        output.sends.contains {
          $0.message == Message(term: Term(1), body: .preVoteReply(VoteReply(granted: false)))
        })
    }
  }

  @Test func `a member that was away does not depose the leader`() {
    var cluster = Cluster(voters: 1...3)
    cluster.elect(1)
    cluster.partition([3])
    cluster.advance(by: .seconds(20))
    #expect(cluster[3].currentTerm == Term(1))
    cluster.heal()
    cluster.advance(by: .seconds(2))
    #expect(cluster.leaders == [1])
    #expect(cluster[1].currentTerm == Term(1))
  }

  @Test func `a refusal teaches its term, so the longer log is elected at last`() {
    // m1 has the longer log, m2 the later term; m3 is away (openraft#1796, etcd-io/etcd#8243).
    var cluster = Cluster(voters: 1...3)
    cluster.elect(1)
    cluster.propose("x", to: 1)
    cluster.settle()
    cluster.crash(3)
    cluster.crash(1)
    cluster.crash(2)
    cluster.nodes[1].disk.entries = []
    cluster.nodes[1].disk.machine = Machine(
      applied: .zero, configuration: cluster[1].configuration)
    cluster.nodes[1].disk.hardState = HardState(currentTerm: Term(7))
    cluster.start(1)
    cluster.start(2)
    cluster.advance(by: .seconds(6))
    #expect(cluster.leaders == [1])
    #expect(cluster[1].currentTerm > Term(7))
  }

  @Test func `a candidate that a live leader does not know cannot raise the term`() {
    var cluster = Cluster(voters: 1...3)
    cluster.elect(1)
    cluster.advance(by: .milliseconds(200))
    let request = Message(
      term: Term(50), body: .requestVote(RequestVote(lastEntry: EntryID(40, 90))))
    cluster.step(1, .message(request, from: MemberID(3)))
    #expect(cluster[2].currentTerm == Term(1))
  }
}

/// A leader without a quorum gives up.
@Suite struct `Thesis §6.2` {
  @Test func `a leader that hears no quorum for an election timeout steps down`() {
    var cluster = Cluster(voters: 1...5)
    cluster.elect(1)
    cluster.partition([1, 2])
    cluster.advance(by: .milliseconds(900))
    #expect(cluster.leaders.contains(1))
    cluster.advance(by: .milliseconds(250))
    #expect(!cluster.leaders.contains(1))
    #expect(cluster.takeTrace().contains("m1 steps down: quorumLost"))
  }

  @Test func `a leader that hears half the others of an odd cluster stays`() {
    var cluster = Cluster(voters: 1...5)
    cluster.elect(1)
    cluster.partition([4, 5])
    cluster.advance(by: .seconds(10))
    #expect(cluster.leaders == [1])
  }

  @Test func `two halves of four both stop`() {
    var cluster = Cluster(voters: 1...4)
    cluster.elect(1)
    cluster.partition([1, 2])
    cluster.advance(by: .seconds(10))
    #expect(cluster.leaders.isEmpty)
    cluster.heal()
    cluster.advance(by: .seconds(4))
    #expect(cluster.leaders.count == 1)
  }
}

/// A session that breaks is a sign, not a proof.
@Suite struct `Connection loss` {
  private func killed(_ number: UInt64, in cluster: inout Cluster) {
    cluster.weather.reportsSessions = true
    cluster.crash(number)
  }

  @Test func `a killed leader is replaced in tens of milliseconds`() {
    for seed in 1...20 as ClosedRange<UInt64> {
      var cluster = Cluster(voters: 1...3, seed: seed)
      cluster.elect(1)
      cluster.advance(by: .milliseconds(500))
      killed(1, in: &cluster)
      let isReplaced = cluster.run(upTo: .milliseconds(250)) { !$0.leaders.isEmpty }
      #expect(isReplaced, "seed \(seed)")
    }
  }

  @Test func `a majority that still hears the leader refuses`() {
    var cluster = Cluster(voters: 1...3)
    cluster.elect(1)
    cluster.advance(by: .milliseconds(500))
    cluster.step(1, .sessionLost(MemberID(1)))
    cluster.cuts = [.init(from: 0, to: 1), .init(from: 1, to: 0)]
    cluster.advance(by: .seconds(20))
    #expect(cluster.leaders == [1])
    #expect(cluster[1].currentTerm == Term(1))
  }

  @Test func `a flapping link is believed once in an election timeout`() {
    var core = RaftCore.follower(term: 1, voters: 1...3)
    let leads = Message.Body.heartbeat(Heartbeat(round: 1, commitIndex: .zero))
    let base = Instant.zero
    func lose(at milliseconds: Int) -> Duration {
      let now = base + .milliseconds(milliseconds)
      _ = core.step(
        Input(now: now, event: .message(Message(term: Term(1), body: leads), from: MemberID(2))))
      let output = core.step(Input(now: now, event: .sessionLost(MemberID(2))))
      return output.wakeAt - now
    }
    #expect(lose(at: 0) < .milliseconds(20))
    #expect(lose(at: 500) >= .seconds(1))
    #expect(lose(at: 999) >= .seconds(1))
    #expect(lose(at: 1000) < .milliseconds(20))
  }

  @Test func `short intervals are bounded, then ordinary timeouts hold`() {
    var cluster = Cluster(voters: 1...3)
    cluster.elect(1)
    cluster.advance(by: .milliseconds(500))
    cluster.crash(3)
    killed(1, in: &cluster)
    cluster.advance(by: .seconds(1))
    guard case .preCandidate(let candidate) = cluster[2].role else {
      Issue.record("m2 should ask around: \(cluster[2].role)")
      return
    }
    #expect(candidate.quickTries == 0)
    #expect(cluster[2].wakeAt - cluster.now > .zero)
  }
}
