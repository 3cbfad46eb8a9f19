import Base
import Testing

@testable import Raft

/// Logs are cut, and those who are left behind get a snapshot.
@Suite struct `Raft §7` {
  private func shortMemory() -> RaftSettings {
    var settings = RaftSettings()
    settings.retainedEntries = 5
    return settings
  }

  @Test func `the log is cut behind what would survive a crash, but some of it stays`() {
    var cluster = Cluster(voters: 1...1, seed: 1, settings: shortMemory())
    cluster.settle()
    for number in 1...30 { cluster.propose("\(number)", to: 1) }
    cluster.settle()
    #expect(cluster[1].base.last.index == LogIndex(26))
    #expect(cluster.nodes[0].disk.base == cluster[1].base)
    #expect(cluster.nodes[0].disk.entries.count == 5)
  }

  @Test func `the log is kept as long as its entries are not applied durably`() {
    var core = RaftCore.leader(voters: 1...1, settings: shortMemory())
    let proposals = (1...30).map { Proposal(id: ProposalID($0), command: []) }
    _ = core.step(Input(now: core.now, event: .propose(proposals)))
    var output = core.stored(3)
    #expect(output.committed.count == 30)
    output = core.step(Input(now: core.now, event: .applied(LogIndex(31))))
    #expect(output.writes.isEmpty)
    output = core.step(Input(now: core.now, event: .durableApplied(LogIndex(20))))
    #expect(output.writes.map(\.cut?.last) == [EntryID(1, 15)])
  }

  @Test func `bytes bound what is kept as well`() {
    var settings = RaftSettings()
    settings.retainedBytes = 100
    var core = RaftCore.leader(voters: 1...1, settings: settings)
    let proposals = (1...9).map { number in
      Proposal(id: ProposalID(number), command: [UInt8](repeating: 0, count: 18))
    }
    _ = core.step(Input(now: core.now, event: .propose(proposals)))
    _ = core.stored(3)
    let output = core.step(Input(now: core.now, event: .durableApplied(LogIndex(10))))
    #expect(output.writes.map(\.cut?.last.index) == [LogIndex(8)])
  }

  @Test func `a follower that was away longer than the log is kept comes back by snapshot`() {
    var cluster = Cluster(voters: 1...3, seed: 1, settings: shortMemory())
    cluster.elect(1)
    cluster.crash(3)
    for number in 1...30 { cluster.propose("\(number)", to: 1) }
    cluster.settle()
    cluster.start(3)
    cluster.advance(by: .milliseconds(300))
    #expect(
      cluster.snapshots == [
        SnapshotRequest(to: MemberID(3), atLeast: cluster[1].base.last.index)
      ])
    #expect(cluster[3].appliedIndex == LogIndex(31))
    #expect(cluster[3].base.last.index == LogIndex(31), "applied is the snapshot's index exactly")
    cluster.propose("after", to: 1)
    cluster.advance(by: .milliseconds(300))
    #expect(cluster[3].appliedIndex == LogIndex(32))
    #expect(cluster.checker.violation == nil)
  }

  @Test func `a snapshot that fails is tried again, at the pace of heartbeats`() {
    var cluster = Cluster(voters: 1...3, seed: 1, settings: shortMemory())
    cluster.elect(1)
    cluster.crash(3)
    for number in 1...30 { cluster.propose("\(number)", to: 1) }
    cluster.settle()
    let heartbeat = cluster.settings.heartbeatInterval
    for request in [1, 2, 3] {
      cluster.advance(by: heartbeat)
      let reply = AppendReply(
        .rejected(previous: cluster[1].followers[1].next.previous, hint: .zero))
      cluster.step(
        0, .message(Message(term: Term(1), body: .appendReply(reply)), from: MemberID(3)))
      cluster.settle()
      #expect(cluster.snapshots.count <= request + 1)
    }
    #expect(cluster.snapshots.count >= 2)
  }

  /// A leader of 30 entries whose log begins at 26, and the place of a follower that was away.
  private func returning(
    _ settings: RaftSettings
  ) throws -> (core: RaftCore, request: SnapshotRequest) {
    var core = RaftCore.leader(voters: 1...3, settings: settings)
    write(29, &core, accepted: 2)
    #expect(core.base.last.index == LogIndex(25))
    // The heartbeat finds that what it needs is gone.
    var requests: [SnapshotRequest] = []
    for _ in 1...3 where requests.isEmpty {
      let place = core.followers[1].next.previous
      let rejection = AppendReply(.rejected(previous: place, hint: .zero))
      requests += core.receive(.appendReply(rejection), term: 1, from: 3).snapshots
      let later = core.now + settings.heartbeatInterval
      requests += core.step(Input(now: later, event: .timer)).snapshots
    }
    return (core, try #require(requests.first))
  }

  /// So many entries more, committed with one follower and applied durably.
  private func write(_ count: Int, _ core: inout RaftCore, accepted other: UInt64) {
    let proposals = (1...UInt64(count)).map { Proposal(id: ProposalID($0), command: []) }
    let writes = core.step(Input(now: core.now, event: .propose(proposals))).writes
    _ = core.stored(writes.last?.ticket.number ?? 0)
    accept(core.lastEntry, &core, from: other)
    _ = core.step(Input(now: core.now, event: .durableApplied(core.lastEntry.index)))
  }

  private func accept(_ last: EntryID, _ core: inout RaftCore, from number: UInt64) {
    let reply = AppendReply(.accepted(match: last))
    _ = core.receive(.appendReply(reply), term: core.currentTerm.number, from: number)
  }

  @Test func `the log waits for whoever a snapshot brings up, until it is back`() throws {
    var (core, request) = try returning(shortMemory())
    write(20, &core, accepted: 2)
    #expect(core.base.last.index == request.atLeast, "what follows the snapshot is needed")
    let base = LogBase(last: EntryID(1, 40), configuration: core.configuration)
    _ = core.step(Input(now: core.now, event: .snapshotSent(request, .delivered(base))))
    write(20, &core, accepted: 2)
    #expect(core.base.last.index == LogIndex(40), "it goes on behind the snapshot")
    accept(EntryID(1, 60), &core, from: 3)
    write(10, &core, accepted: 2)
    #expect(core.base.last.index == LogIndex(60), "it is not back yet")
    accept(core.lastEntry, &core, from: 3)
    write(1, &core, accepted: 2)
    #expect(core.base.last.index == LogIndex(76), "it is as slow as any other may be")
    write(30, &core, accepted: 2)
    #expect(core.base.last.index == LogIndex(106))
  }

  @Test func `the log does not wait for whoever is not heard, nor beyond a limit`() throws {
    var settings = shortMemory()
    var (core, request) = try returning(settings)
    // The other one is heard.
    for _ in 1...2 {
      let reply = AppendReply(.accepted(match: core.lastEntry))
      let message = Message(term: core.currentTerm, body: .appendReply(reply))
      let later = core.now + settings.electionTimeout / 2
      _ = core.step(Input(now: later, event: .message(message, from: MemberID(2))))
    }
    write(20, &core, accepted: 2)
    #expect(core.base.last.index > request.atLeast)
    settings.heldBytes = 400
    (core, request) = try returning(settings)
    write(5, &core, accepted: 2)
    #expect(core.base.last.index == request.atLeast)
    write(20, &core, accepted: 2)
    #expect(core.base.last.index == LogIndex(50))
  }

  @Test func `the log does not wait for a snapshot that has failed`() throws {
    var (core, request) = try returning(shortMemory())
    _ = core.step(Input(now: core.now, event: .snapshotSent(request, .failed)))
    write(20, &core, accepted: 2)
    #expect(core.base.last.index == LogIndex(45))
  }

  @Test func `no snapshot is opened for whoever is not heard`() {
    var cluster = Cluster(voters: 1...3, seed: 1, settings: shortMemory())
    cluster.elect(1)
    cluster.crash(3)
    for number in 1...30 { cluster.propose("\(number)", to: 1) }
    cluster.settle()
    cluster.advance(by: cluster.settings.electionTimeout)
    let count = cluster.snapshots.count
    // The session is told lost again and again, as when a connection is tried.
    for _ in 1...20 {
      cluster.step(0, .sessionLost(MemberID(3)))
      cluster.advance(by: cluster.settings.heartbeatInterval)
    }
    #expect(cluster.snapshots.count == count)
    cluster.start(3)
    cluster.advance(by: .milliseconds(300))
    #expect(cluster.snapshots.count == count + 1)
    #expect(cluster[3].appliedIndex == LogIndex(31))
  }

  @Test func `an installed snapshot keeps a log that agrees with it, and drops any other`() {
    for isSame in [true, false] {
      var core = RaftCore.follower(term: 2, voters: 1...3, entries: .terms([1, 1, 1, 1, 1]))
      let base = LogBase(
        last: EntryID(isSame ? 1 : 2, 3), configuration: core.configuration)
      let output = core.receive(.installSnapshot(InstallSnapshot(base: base)), term: 2, from: 2)
      #expect(output.writes.map(\.install) == [base])
      #expect(output.sends.isEmpty)
      #expect(output.writes[0].releasedWhenDurable.appendReplies == [.accepted(match: base.last)])
      #expect(core.commitIndex == LogIndex(3))
      #expect(core.lastEntry == (isSame ? EntryID(1, 5) : EntryID(2, 3)))
    }
  }

  @Test func `nothing is handed over between a snapshot and the state machine's move to it`() {
    var core = RaftCore.follower(term: 1, voters: 1...3)
    let base = LogBase(last: EntryID(1, 10), configuration: core.configuration)
    var output = core.receive(.installSnapshot(InstallSnapshot(base: base)), term: 1, from: 2)
    #expect(output.restore == nil, "it is not real before its write is")
    output = core.stored(1)
    #expect(output.restore == base)
    let append = AppendEntries(
      previous: base.last, entries: .terms([1, 1], after: 10), commitIndex: LogIndex(12))
    output = core.receive(.appendEntries(append), term: 1, from: 2)
    output = core.stored(2)
    #expect(core.commitIndex == LogIndex(12))
    #expect(output.committed.isEmpty)
    output = core.step(Input(now: core.now, event: .restored(base)))
    #expect(output.committed.map(\.index.number) == [11, 12])
  }

  @Test func `a snapshot of what is committed here already changes nothing`() {
    var core = RaftCore.follower(term: 1, voters: 1...3, entries: .terms([1, 1, 1]), applied: 3)
    let base = LogBase(last: EntryID(1, 2), configuration: core.configuration)
    let output = core.receive(.installSnapshot(InstallSnapshot(base: base)), term: 1, from: 2)
    #expect(output.writes.isEmpty)
    #expect(output.sends.appendReplies == [.accepted(match: EntryID(1, 3))])
    #expect(core.lastEntry == EntryID(1, 3))
  }

  @Test func `a snapshot brings its members, and one in flight in the old log goes`() {
    var core = RaftCore.follower(term: 1, voters: 1...3)
    let wild = Configuration(members: [Cluster.member(1, .voter)])
    let entry = Entry(id: EntryID(1, 1), content: .configuration(wild))
    let append = AppendEntries(previous: .zero, entries: [entry], commitIndex: .zero)
    _ = core.receive(.appendEntries(append), term: 1, from: 2)
    let members = (1...5).map { Cluster.member($0, .voter) }
    let base = LogBase(last: EntryID(2, 9), configuration: Configuration(members: members))
    _ = core.receive(.installSnapshot(InstallSnapshot(base: base)), term: 2, from: 3)
    #expect(core.configuration == base.configuration)
    #expect(core.quorum.voters.count == 5)
  }

  @Test func `an append that reaches behind the base is understood`() {
    var core = RaftCore.follower(term: 1, voters: 1...3)
    let base = LogBase(last: EntryID(1, 10), configuration: core.configuration)
    _ = core.receive(.installSnapshot(InstallSnapshot(base: base)), term: 1, from: 2)
    _ = core.stored(1)
    let old = AppendEntries(
      previous: EntryID(1, 4), entries: .terms([1, 1], after: 4), commitIndex: LogIndex(6))
    var output = core.receive(.appendEntries(old), term: 1, from: 2)
    #expect(output.sends.appendReplies == [.accepted(match: EntryID(1, 10))])
    let across = AppendEntries(
      previous: EntryID(1, 8), entries: .terms([1, 1, 1, 1], after: 8), commitIndex: LogIndex(6))
    output = core.receive(.appendEntries(across), term: 1, from: 2)
    #expect(output.writes[0].entries.map(\.index.number) == [11, 12])
    #expect(core.lastEntry == EntryID(1, 12))
  }

  @Test func `what is committed is handed over once, in pieces that the state machine can hold`() {
    var settings = RaftSettings()
    settings.unappliedLimitBytes = 100
    settings.windowLimitBytes = 60
    var core = RaftCore.follower(
      term: 1, voters: 1...3, entries: .terms([UInt64](repeating: 1, count: 10)), settings: settings
    )
    let heartbeat = Heartbeat(round: 1, commitIndex: LogIndex(10))
    let entries = [Entry].terms([UInt64](repeating: 1, count: 10))
    var output = core.receive(.heartbeat(heartbeat), term: 1, from: 2)
    var seen: [UInt64] = []
    for _ in 0..<20 {
      seen += output.committed.map(\.index.number)
      if let fetch = output.fetches.first {
        let read = entries.filter { $0.index >= fetch.first && $0.index <= fetch.last }.prefix(2)
        output = core.step(Input(now: core.now, event: .fetched(fetch, Array(read))))
      } else if let last = output.committed.last {
        output = core.step(Input(now: core.now, event: .applied(last.index)))
      }
    }
    #expect(seen == Array(1...10))
  }
}
