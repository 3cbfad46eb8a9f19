import Testing

@testable import Raft

/// Log replication.
@Suite struct `Raft §5.3` {
  @Test func `a proposal goes to disk and to the followers in one step`() {
    var core = RaftCore.leader(voters: 1...2)
    core.step(.appendReply(AppendReply(.accepted(match: EntryID(1, 1)))), from: 2)
    let proposals = (1...3).map { Proposal(id: ProposalID($0), command: [UInt8($0)]) }
    let output = core.step(Input(now: core.now, event: .propose(proposals)))
    let entries = (2...4).map { index in
      Entry(id: EntryID(1, index), content: .command([UInt8(index - 1)]))
    }
    #expect(output.appended.map(\.entry.index.number) == [2, 3, 4])
    #expect(output.writes.map(\.entries) == [entries])
    #expect(
      output.sends.appends(to: 2) == [
        AppendEntries(previous: EntryID(1, 1), entries: entries, commitIndex: LogIndex(1))
      ])
    #expect(output.committed.isEmpty)
  }

  @Test func `a proposal to a member that does not lead is refused with the leader's name`() {
    var cluster = Cluster(voters: 1...3)
    cluster.elect(2)
    let id = cluster.propose("x", to: 1)
    #expect(
      cluster.refused == [Refused(proposal: id, reason: .notLeader(leader: MemberID(2)))])
  }

  @Test func `an acknowledgement lies inside the write that it rests on`() {
    var core = RaftCore.follower(term: 1, voters: 1...3)
    let entries = [Entry].terms([1, 1])
    let append = AppendEntries(previous: .zero, entries: entries, commitIndex: .zero)
    let output = core.receive(.appendEntries(append), term: 1, from: 2)
    #expect(output.sends.isEmpty)
    #expect(output.writes[0].entries == entries)
    #expect(
      output.writes[0].releasedWhenDurable.appendReplies == [.accepted(match: EntryID(1, 2))])
  }

  @Test func `a repeated append is acknowledged no earlier than the first`() {
    var core = RaftCore.follower(term: 1, voters: 1...3)
    let append = AppendEntries(previous: .zero, entries: .terms([1]), commitIndex: .zero)
    _ = core.receive(.appendEntries(append), term: 1, from: 2)
    let again = core.receive(.appendEntries(append), term: 1, from: 2)
    #expect(again.sends.isEmpty)
    #expect(again.writes.count == 1 && again.writes[0].entries.isEmpty)
    _ = core.stored(2)
    let third = core.receive(.appendEntries(append), term: 1, from: 2)
    #expect(third.sends.appendReplies == [.accepted(match: EntryID(1, 1))])
    #expect(third.writes.isEmpty)
  }

  @Test func `a late shorter append takes nothing away`() {
    var core = RaftCore.follower(term: 1, voters: 1...3, entries: .terms([1, 1, 1]))
    let late = AppendEntries(previous: .zero, entries: .terms([1]), commitIndex: .zero)
    _ = core.receive(.appendEntries(late), term: 1, from: 2)
    #expect(core.lastEntry == EntryID(1, 3))
  }

  @Test func `only entries that conflict are replaced`() {
    var core = RaftCore.follower(term: 3, voters: 1...3, entries: .terms([1, 1, 2, 2]))
    let append = AppendEntries(
      previous: EntryID(1, 1), entries: .terms([1, 3], after: 1), commitIndex: .zero)
    let output = core.receive(.appendEntries(append), term: 3, from: 2)
    #expect(output.writes[0].entries == .terms([1, 3], after: 1).suffix(1))
    #expect(core.lastEntry == EntryID(3, 3))
    #expect(output.notes.contains(.logTruncated(after: LogIndex(2))))
  }

  @Test(arguments: [
    // Follower's log, what is asked about, and the hint.
    ([1, 1] as [UInt64], EntryID(1, 5), EntryID(1, 2)),
    ([1, 1, 4, 4], EntryID(3, 4), EntryID(1, 2)),
    ([1, 1, 2, 2], EntryID(3, 4), EntryID(2, 3)),
    ([2, 2, 2], EntryID(1, 3), .zero),
  ])
  func `a rejection names the last entry that could agree`(
    terms: [UInt64], previous: EntryID, hint: EntryID
  ) {
    var core = RaftCore.follower(term: 5, voters: 1...3, entries: .terms(terms))
    let append = AppendEntries(previous: previous, entries: [], commitIndex: .zero)
    let output = core.receive(.appendEntries(append), term: 5, from: 2)
    #expect(output.sends.appendReplies == [.rejected(previous: previous.index, hint: hint)])
  }

  /// Raft Figure 7: followers (a) to (f) all end with the leader's log.
  @Test(arguments: [
    "a": [1, 1, 1, 4, 4, 5, 5, 6, 6] as [UInt64],
    "b": [1, 1, 1, 4],
    "c": [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
    "d": [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
    "e": [1, 1, 1, 4, 4, 4, 4],
    "f": [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
  ])
  func `Figure 7: a follower's log becomes the leader's in few questions`(
    name: String, terms: [UInt64]
  ) {
    let leaderLog: [UInt64] = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]
    var cluster = Cluster(voters: 1...2)
    cluster.load(1, terms: leaderLog, currentTerm: 7)
    cluster.load(2, terms: terms, currentTerm: 7)
    // The vote that the figure leaves to other members.
    cluster.makeLeader(1)
    cluster.settle()
    #expect(cluster.checker.violation == nil)
    #expect(cluster.nodes[1].disk.entries == cluster.nodes[0].disk.entries)
    #expect(cluster[2].lastEntry == EntryID(8, 11))
    #expect(cluster[1].followers[0].match == LogIndex(11))
  }

  @Test func `appends are cut into pieces, and only so many are on their way`() {
    var settings = RaftSettings()
    settings.appendLimitBytes = 100
    settings.inflightLimit = 2
    var core = RaftCore.leader(voters: 1...2, settings: settings)
    core.step(.appendReply(AppendReply(.accepted(match: EntryID(1, 1)))), from: 2)
    let proposals = (1...9).map { number in
      Proposal(id: ProposalID(number), command: [UInt8](repeating: 0, count: 8))
    }
    let output = core.step(Input(now: core.now, event: .propose(proposals)))
    #expect(output.sends.appends(to: 2).map(\.entries.count) == [2, 2])
    #expect(core.followers[0].isPaused)
    let next = core.step(.appendReply(AppendReply(.accepted(match: EntryID(1, 3)))), from: 2)
    #expect(next.sends.appends(to: 2).map(\.previous) == [EntryID(1, 5)])
  }

  @Test func `what was lost on the way is asked after and sent again`() {
    var cluster = Cluster(voters: 1...3)
    cluster.elect(1)
    cluster.cuts = [.init(from: 0, to: 2)]
    for number in 1...5 { cluster.propose("\(number)", to: 1) }
    cluster.settle()
    cluster.heal()
    cluster.advance(by: .milliseconds(250))
    #expect(cluster[3].appliedIndex == LogIndex(6))
  }

  @Test func `the tail that no quorum has is bounded`() {
    var settings = RaftSettings()
    settings.uncommittedLimitBytes = 200
    var core = RaftCore.leader(voters: 1...3, settings: settings)
    let proposals = (1...10).map { number in
      Proposal(id: ProposalID(number), command: [UInt8](repeating: 0, count: 18))
    }
    let output = core.step(Input(now: core.now, event: .propose(proposals)))
    #expect(output.appended.count == 4)
    #expect(output.refused.count == 6)
    #expect(output.refused.allSatisfy { $0.reason == .tooManyUncommitted })
    _ = core.stored(3)
    core.step(.appendReply(AppendReply(.accepted(match: EntryID(1, 5)))), from: 2)
    let later = core.step(Input(now: core.now, event: .propose([proposals[9]])))
    #expect(later.appended.count == 1)
  }

  @Test func `entries that memory no longer holds are read from disk, for followers too`() {
    var settings = RaftSettings()
    settings.windowLimitBytes = 100
    var cluster = Cluster(voters: 1...3, seed: 1, settings: settings)
    cluster.elect(1)
    cluster.crash(3)
    for number in 1...50 { cluster.propose("command \(number)", to: 1) }
    cluster.settle()
    #expect(cluster[1].log.windowBytes <= 200)
    cluster.start(3)
    cluster.advance(by: .milliseconds(500))
    #expect(cluster[3].appliedIndex == LogIndex(51))
    #expect(cluster.snapshots.isEmpty)
    #expect(cluster.checker.violation == nil)
  }
}

/// A leader writes and sends side by side.
@Suite struct `Thesis §10.2.1` {
  @Test func `followers alone can commit before the leader's disk is done`() {
    var cluster = Cluster(voters: 1...3)
    cluster.elect(1)
    cluster.stoppedDisks = [0]
    cluster.propose("x", to: 1)
    cluster.settle()
    #expect(cluster[1].commitIndex == LogIndex(2))
    #expect(cluster[1].appliedIndex == LogIndex(1), "it is not on this member's disk")
    #expect(cluster[2].appliedIndex == LogIndex(2))
    cluster.stoppedDisks = []
    cluster.store(0)
    cluster.settle()
    #expect(cluster[1].appliedIndex == LogIndex(2))
  }

  @Test func `a leader counts itself only when its write is done`() {
    var cluster = Cluster(voters: 1...3)
    cluster.elect(1)
    cluster.crash(3)
    cluster.stoppedDisks = [0]
    cluster.propose("x", to: 1)
    cluster.settle()
    #expect(cluster[1].commitIndex == LogIndex(1))
    cluster.stoppedDisks = []
    cluster.store(0)
    cluster.settle()
    #expect(cluster[1].commitIndex == LogIndex(2))
  }

  /// etcd-io/raft `async_storage_writes_append_aba_race.txt`: entry (1,1) is written, replaced by
  /// (2,1), and comes back. The first write must not speak for the third.
  @Test
  func `a write that was overtaken by a truncation counts for nothing, even if it looks right`() {
    var core = RaftCore.follower(term: 1, voters: 1...5)
    let one = AppendEntries(previous: .zero, entries: .terms([1]), commitIndex: .zero)
    let two = AppendEntries(previous: .zero, entries: .terms([2]), commitIndex: .zero)
    _ = core.receive(.appendEntries(one), term: 1, from: 2)
    _ = core.receive(.appendEntries(two), term: 2, from: 3)
    let third = core.receive(.appendEntries(one), term: 3, from: 4)
    #expect(third.sends.isEmpty)
    _ = core.stored(1)
    #expect(core.durableIndex == .zero, "on disk are (1,1), soon (2,1), only then (1,1) for good")
    _ = core.stored(2)
    #expect(core.durableIndex == .zero)
    _ = core.stored(3)
    #expect(core.durableIndex == LogIndex(1))
  }
}

/// The commit rule.
@Suite struct `Raft §5.4.2 Figure 8` {
  @Test func `an entry of an earlier term is not committed by counting copies`() {
    var core = RaftCore.leader(voters: 1...5, entries: .terms([1, 2]))
    #expect(core.lastEntry == EntryID(3, 3))
    for follower in [2, 3, 4, 5] as [UInt64] {
      core.step(.appendReply(AppendReply(.accepted(match: EntryID(2, 2)))), from: follower)
    }
    #expect(core.commitIndex == .zero, "all five hold (2,2), and still it may be overwritten")
    for follower in [2, 3] as [UInt64] {
      core.step(.appendReply(AppendReply(.accepted(match: EntryID(3, 3)))), from: follower)
    }
    #expect(core.commitIndex == LogIndex(3))
  }

  /// The figure itself: (a) m1 leads term 2 and reaches m2 only, (b) m5 leads term 3, (c) m1 leads
  /// term 4 and copies its old entry to a majority, (d) m5 replaces it.
  @Test func `the story of Figure 8`() {
    var settings = RaftSettings()
    settings.appendLimitBytes = 1
    settings.inflightLimit = 1
    var cluster = Cluster(voters: 1...5, seed: 3, settings: settings)
    for number in 1...5 as ClosedRange<UInt64> {
      let terms: [UInt64] = number <= 2 ? [1, 2] : number == 5 ? [1, 3] : [1]
      cluster.load(number, terms: terms, currentTerm: 3)
    }
    cluster.crash(5)
    _ = cluster.takeTrace()
    cluster.campaign(1)
    cluster.settle { $0[3].lastEntry == EntryID(2, 2) && $0[3].durableIndex == LogIndex(2) }
    cluster.settle { $0[1].followers[1].match == LogIndex(2) }
    #expect(cluster[1].lastEntry == EntryID(4, 3))
    #expect(cluster[1].commitIndex == .zero, "m1, m2, m3 hold (2,2): a majority, but of term 2")
    cluster.crash(1)
    cluster.nodes[1].disk.entries.removeAll { $0.term == Term(4) }
    cluster.crash(2)
    cluster.start(2)
    cluster.crash(3)
    cluster.start(3)
    cluster.start(5)
    // Its first question only teaches it that term 4 has been.
    cluster.campaign(5)
    cluster.settle()
    cluster.elect(5)
    #expect(cluster[5].commitIndex == LogIndex(3))
    #expect(cluster[3].log.id(at: LogIndex(2)) == EntryID(3, 2))
    #expect(cluster.checker.violation == nil)
    #expect(
      cluster.takeTrace() == """
        m1 follower@3 ⇒ pre-candidate@3
        m1 pre-candidate@3 ⇒ candidate@4
        m2 follower@3 ⇒ follower@4
        m3 follower@3 ⇒ follower@4
        m4 follower@3 ⇒ follower@4
        m1 candidate@4 ⇒ leader@4
        m1 crashes
        m2 crashes
        m2 starts
        m3 crashes
        m3 starts
        m5 starts
        m5 follower@3 ⇒ pre-candidate@3
        m5 pre-candidate@3 ⇒ follower@4
        m5 follower@4 ⇒ pre-candidate@4
        m5 pre-candidate@4 ⇒ candidate@5
        m2 follower@4 ⇒ follower@5
        m3 follower@4 ⇒ follower@5
        m4 follower@4 ⇒ follower@5
        m5 candidate@5 ⇒ leader@5
        m2 truncates after 1
        m3 truncates after 1
        m4 truncates after 1
        """)
  }
}
