import FaultyStorage
import KeyValue
import Linearizability
import Member
import Raft
import Replica
import Storage
import Testing

@testable import Simulation

/// Whether the operation took effect and was told so.
private func isDone(_ outcome: History.Outcome) -> Bool { outcome.revision != nil }

/// Stories of whole members, with the promises that this project and the paper make.
@Suite struct ScenarioTests {
  /// Raft §5.4.2, Figure 8: an entry of an earlier term is not committed by counting its copies; a
  /// leader that never saw it may still overwrite it.
  @Test func `figure 8`() {
    let scenario = Scenario(members: 5) {
      // One entry a message and one message at a time, so that the old entry travels alone.
      $0.settings.raft.appendLimitBytes = 1
      $0.settings.raft.inflightLimit = 1
    }
    scenario.elect(1)
    let old = scenario[1].log.lastIndex.next

    // (a) m1 replicates an entry to m2 alone, and dies.
    scenario.cut(1, to: [3, 4, 5])
    scenario.begin(.put(key: "k", value: "old"), at: 1)
    scenario.wait { scenario[2].durableLog.lastIndex >= old }
    scenario.kill(1)

    // (b) m5 wins the next term without m2, writes an entry at the same index, and dies alone.
    scenario.partition([[3, 4, 5]])
    scenario.wait { scenario[5].isLeader || scenario[3].isLeader || scenario[4].isLeader }
    let second = scenario.leaders[0]
    scenario.partition([])
    scenario.wait { scenario[second].durableLog.lastIndex >= old }
    let rival = scenario[second].durableLog.id(at: old)
    scenario.kill(second)

    // (c) m1 leads again and brings the old entry to a majority, but nothing of its own term.
    let others = [2, 3, 4, 5].filter { $0 != second }
    scenario.partition([[1] + others])
    scenario.start(1)
    scenario.wait { scenario[1].isLeader || scenario[2].isLeader }
    let third = scenario.leaders[0]
    scenario.wait {
      scenario.world.members.count { $0.durableLog.id(at: old) == scenario[third].log.id(at: old) }
        >= 3
    }
    scenario.partition([])
    scenario.run(for: .milliseconds(5))
    #expect(scenario.world.checks.committed.lastIndex < old, "only copies of an old term")
    scenario.kill(third)

    // (d) The second leader comes back and overwrites it: nothing was lost.
    scenario.heal()
    scenario.start(second)
    scenario.partition([others.filter { $0 != third } + [second]])
    scenario.wait(timeouts: 40) { scenario[second].isLeader }
    #expect(scenario[second].isLeader)
    scenario.wait { scenario.world.checks.committed.lastIndex >= old }
    #expect(scenario.world.checks.committed.id(at: old) == rival)

    scenario.heal()
    scenario.start(third)
    #expect(scenario.settle(timeouts: 40))
    scenario.judge()
    #expect(scenario.violation == nil)
  }

  /// Docs/Consistency.md, *The quorum rule* and *The age of a serializable answer*: the majority
  /// serves; the minority refuses what must be true and tells the age of what may be old.
  @Test func `a cut of two and three`() {
    let scenario = Scenario(members: 5)
    scenario.elect(1)
    scenario.put("k", "before", at: 2)
    scenario.run(for: .seconds(1))

    scenario.partition([[1, 2], [3, 4, 5]])
    #expect(scenario.wait(timeouts: 4) { scenario.leaders.contains { $0 > 2 } })
    scenario.wait(timeouts: 4) { scenario.leaders.allSatisfy { $0 > 2 } }
    #expect(isDone(scenario.put("k", "after", at: 3)))
    #expect(scenario.put("k", "never", at: 1) == .refused)
    #expect(scenario.get("k", at: 2) == .refused)

    scenario.run(for: .seconds(10))
    guard case .got(let value, _, let age) = scenario.get("k", .serializable, at: 2) else {
      Issue.record("the minority serves no old state")
      return
    }
    #expect(value == "before")
    #expect(age ?? 0 >= 10_000_000_000, "the age is what passed since the cut, at least")

    scenario.heal()
    #expect(scenario.settle())
    scenario.judge()
    #expect(scenario.violation == nil)
  }

  /// A leader that is heard but hears nobody gives up, and is replaced (Thesis §6.2).
  @Test func `a leader that cannot hear`() {
    let scenario = Scenario(members: 3)
    scenario.elect(1)
    for member in [2, 3] { scenario.cut(member, to: [1]) }
    #expect(scenario.wait(timeouts: 5) { scenario.leaders.contains { $0 != 1 } })
    #expect(scenario.wait(timeouts: 2) { scenario.leaders.allSatisfy { $0 != 1 } })
    #expect(isDone(scenario.put("k", "v", at: scenario.leaders[0])))
    #expect(scenario.put("k", "never", at: 1) == .refused)
    scenario.heal()
    #expect(scenario.settle())
    scenario.judge()
    #expect(scenario.violation == nil)
  }

  /// A leader that hears all and is heard by nobody is replaced as well.
  @Test func `a leader that cannot speak`() {
    let scenario = Scenario(members: 3)
    scenario.elect(1)
    scenario.cut(1, to: [2, 3])
    #expect(scenario.wait(timeouts: 4) { scenario.leaders.contains { $0 != 1 } })
    #expect(scenario.wait(timeouts: 2) { scenario.leaders.allSatisfy { $0 != 1 } })
    scenario.heal()
    #expect(scenario.settle())
    #expect(scenario.violation == nil)
  }

  /// Docs/Operations.md, *A member whose directory is lost*: a member that lost its disk has
  /// forgotten its promises, so nobody lets it in.
  @Test func `a wiped member is refused`() {
    let scenario = Scenario(members: 3)
    scenario.elect(1)
    scenario.put("k", "v", at: 1)
    scenario.losePower(3)
    scenario.wipe(3)
    scenario.start(3)
    scenario.run(for: .seconds(30))
    #expect(!scenario[3].isRunning, "it never forms a cluster, votes or acknowledges")
    #expect(scenario[3].sessions.allSatisfy { $0 == nil })
    #expect(isDone(scenario.put("k", "w", at: 2)))
    #expect(scenario.violation == nil)
  }

  /// Docs/Operations.md, *A member whose directory is lost*: who was wiped does not found a second
  /// cluster once the others know it no more, not even while its removal may still be taken back;
  /// then it comes back as a new member.
  @Test(arguments: [false, true]) func `a wiped member is removed and added again`(
    usesFiles: Bool
  ) {
    let scenario = Scenario(members: 3) { $0.usesFiles = usesFiles }
    scenario.elect(1)
    scenario.put("k", "v", at: 1)
    scenario.losePower(3)
    scenario.wipe(3)
    scenario.start(3)
    scenario.run(for: .seconds(1))
    // The removal reaches the leader's own log and no other.
    scenario.cut(2, to: [1])
    scenario.world.change(scenario[1], .remove(scenario[3].id))
    scenario.run(for: scenario.electionTimeout / 3)
    #expect(scenario[1].log.configuration.members.count == 2, "appended")
    #expect(!scenario[3].isRunning, "it has formed a cluster of its own")
    let session = scenario[1].sessions[2]
    #expect(session != scenario[3].boot, "it is let in while its old self may be a voter again")
    scenario.heal()
    scenario.settle()
    scenario.run(for: .seconds(5))
    #expect(!scenario[3].isRunning)
    scenario[3].isBroken = true
    scenario.world.replaceTurn(scenario[3])
    #expect(scenario.wait(timeouts: 100) { !scenario[3].isBroken })
    #expect(scenario.settle())
    #expect(scenario[3].keyValue?.meta.digest == scenario[1].keyValue?.meta.digest)
    scenario.judge()
    #expect(scenario.violation == nil)
  }

  /// Failure L4: a snapshot that begins to arrive must not take the place of one that has arrived
  /// and is about to be installed.
  @Test(arguments: [false, true]) func `two snapshots in quick succession`(usesFiles: Bool) {
    let scenario = Scenario(members: 3) {
      $0.usesFiles = usesFiles
      $0.storage.checkpointPages = 2
      $0.settings.raft.retainedEntries = 0
      $0.tendPerThousand = 1_000
      // A commit takes longer than a stream.
      $0.sync = .init(.milliseconds(20), .milliseconds(20))
    }
    scenario.elect(1)
    scenario.kill(3)
    for number in 1...30 { scenario.put("k\(number % 7)", "v\(number)", at: 1) }
    scenario.run(for: .seconds(1))
    scenario.start(3)
    let world = scenario.world
    #expect(scenario.wait { scenario[3].isInstalling })
    let first = scenario[3].log.base.last.index
    #expect(!scenario[3].logBatch.isEmpty, "the installation is on its way to the disk")
    // The same leader begins again, with more.
    for number in 1...5 { scenario.put("l\(number)", "w", at: 1) }
    let request = SnapshotRequest(to: scenario[3].id, atLeast: first)
    world.exchange(scenario[1], .requested(request))
    world.exchange(scenario[1], .requested(request))
    #expect(scenario.settle())
    #expect(scenario[3].durableLog.base.last.index >= first)
    #expect(scenario[3].keyValue?.meta.digest == scenario[1].keyValue?.meta.digest)
    scenario.judge()
    #expect(scenario.violation == nil)
  }

  /// SIGTERM: leadership is handed over first, so that nobody has to wait for a time-out.
  @Test func `a leader that is told to end hands over`() {
    let scenario = Scenario(members: 3)
    scenario.elect(1)
    scenario.put("k", "v", at: 1)
    scenario.world.terminate(scenario[1], within: .seconds(5))
    #expect(scenario.wait(timeouts: 1) { !scenario[1].isUp })
    #expect(scenario.wait(timeouts: 1) { scenario.leaders.count == 1 })
    #expect(isDone(scenario.put("k", "w", at: 2)))
    scenario.settle()
    #expect(scenario.world.counts.drains == 1)
    #expect(scenario.violation == nil)
  }

  /// Failures S3, S4: after its disk has refused something a member does nothing more, and the
  /// others go on.
  @Test(arguments: [DiskFault.Operation.write, .sync])
  func `a member whose disk fails stops`(operation: DiskFault.Operation) {
    let scenario = Scenario(members: 3) { $0.usesFiles = true }
    scenario.elect(1)
    scenario.put("k", "v", at: 1)
    scenario[2].mayFail = true
    scenario[2].disk.files?.arm(DiskFault(.inputOutput, of: operation, on: ".wal"))
    #expect(isDone(scenario.put("k", "w", at: 1)))
    #expect(scenario.wait { scenario.world.counts.diskStops == 1 })
    #expect(!scenario[2].isUp)
    #expect(isDone(scenario.put("k", "x", at: 3)))
    #expect(scenario.settle(timeouts: 100), "it comes back with what it had promised")
    #expect(scenario.violation == nil)
  }

  /// Docs/Consistency.md, *The quorum rule*: of four members no two are more than half, on either
  /// side.
  @Test func `a cut of two and two halts both sides`() {
    let scenario = Scenario(members: 4) { $0.settings.quorumPolicy = .halt }
    scenario.elect(1)
    scenario.put("k", "v", at: 1)
    scenario.partition([[1, 2], [3, 4]])
    scenario.run(for: scenario.electionTimeout * 4)
    #expect(scenario.leaders.isEmpty)
    for member in 1...4 {
      #expect(scenario.put("k", "never", at: member) == .refused)
      #expect(scenario.get("k", at: member) == .refused)
      #expect(scenario.get("k", .serializable, at: member) == .refused)
    }
    scenario.heal()
    #expect(scenario.settle())
    scenario.judge()
    #expect(scenario.violation == nil)
  }

  /// OmniPaxos, "quorum loss": everyone reaches m3 only, the leader m1 as well. m1 gives up, and
  /// the one member that reaches a majority leads.
  @Test func `partial connectivity: quorum loss`() {
    let scenario = Scenario(members: 5)
    scenario.elect(1)
    scenario.partition([[1, 3], [2, 3], [4, 3], [5, 3]])
    #expect(scenario.wait(timeouts: 8) { scenario.leaders == [3] })
    let term = scenario[3].standing.term
    #expect(isDone(scenario.put("k", "v", at: 3)))
    scenario.run(for: scenario.electionTimeout * 10)
    #expect(scenario.leaders == [3])
    #expect(scenario[3].standing.term == term, "a stable leader")
    #expect(scenario.violation == nil)
  }

  /// OmniPaxos, "constrained election": only m3 reaches a majority, and its log is behind theirs.
  /// Raft cannot choose a leader then: m3 may not win (Raft §5.4.1), the others cannot. It must not
  /// run its terms up meanwhile, and goes on as soon as one link is back.
  @Test func `partial connectivity: constrained election`() {
    let scenario = Scenario(members: 5)
    scenario.elect(1)
    scenario.partition([[1, 2, 4, 5]])
    scenario.put("k", "v", at: 1)
    scenario.settle(timeouts: 1)
    let term = scenario[1].standing.term
    scenario.kill(1)
    scenario.partition([[2, 3], [4, 3], [5, 3]])
    scenario.run(for: scenario.electionTimeout * 10)
    #expect(scenario.leaders.isEmpty)
    for member in 2...5 { #expect(scenario[member].standing.term <= term.next.next) }
    scenario.partition([[2, 3, 4], [5, 3]])
    #expect(scenario.wait(timeouts: 8) { !scenario.leaders.isEmpty })
    scenario.heal()
    scenario.start(1)
    #expect(scenario.settle())
    scenario.judge()
    #expect(scenario.violation == nil)
  }

  /// OmniPaxos, "chained": m1 and m3 reach each other only through m2. The leader at one end stays:
  /// m2 hears it, and refuses the other end.
  @Test func `partial connectivity: chained`() {
    let scenario = Scenario(members: 3)
    scenario.elect(1)
    let term = scenario[1].standing.term
    scenario.partition([[1, 2], [2, 3]])
    scenario.run(for: scenario.electionTimeout * 20)
    #expect(scenario.leaders == [1])
    #expect(scenario[1].standing.term == term)
    #expect(isDone(scenario.put("k", "v", at: 1)))
    #expect(scenario.violation == nil)
  }

  /// Raft §7: who was away longer than the log is kept comes back by a snapshot.
  @Test func `a follower catches up by a snapshot`() {
    let scenario = Scenario(members: 3) {
      $0.settings.raft.retainedEntries = 5
      $0.tendPerThousand = 1_000
    }
    scenario.elect(1)
    scenario.kill(3)
    for number in 1...60 { scenario.put("k\(number % 7)", "v\(number)", at: 1) }
    scenario.run(for: .seconds(1))
    #expect(scenario[1].durableLog.base.last.index > LogIndex(40))
    scenario.start(3)
    #expect(scenario.settle())
    #expect(scenario[3].durableLog.base.last.index > LogIndex(40))
    #expect(scenario.world.counts.snapshots == 1)
    #expect(scenario[3].keyValue?.meta.digest == scenario[1].keyValue?.meta.digest)
    #expect(scenario.violation == nil)
  }

  /// Docs/Architecture.md, *What must never happen*: no acknowledged write is lost, not even when
  /// the power fails everywhere at once.
  @Test func `everyone loses power`() {
    let scenario = Scenario(members: 5)
    for number in 1...20 {
      #expect(isDone(scenario.put("k", "v\(number)", at: number % 5 + 1)))
    }
    for member in 1...5 { scenario.losePower(member) }
    for member in 1...5 { scenario.start(member) }
    #expect(scenario.settle())
    for member in 1...5 {
      guard case .got("v20", _, _) = scenario.get("k", at: member) else {
        Issue.record("m\(member) has lost the last write")
        return
      }
    }
    scenario.judge()
    #expect(scenario.violation == nil)
  }

  /// Thesis §4.2.1: a member joins as a learner, counts for nothing, and becomes a voter.
  @Test func `a member joins and votes`() {
    let scenario = Scenario(members: 3, spareMembers: 1)
    scenario.elect(1)
    scenario.put("k", "v", at: 1)
    scenario.world.add(scenario[4], scenario[1])
    scenario.run(for: .seconds(1))
    #expect(scenario[4].keyValue?.meta.revision == 2)
    scenario.world.change(scenario[1], .promote(scenario[4].id))
    scenario.settle()
    #expect(scenario[4].log.configuration.members.count { $0.role == .voter } == 4)
    // Four voters: two of them are no majority.
    scenario.kill(1)
    scenario.kill(2)
    scenario.run(for: scenario.electionTimeout * 5)
    #expect(scenario.leaders.isEmpty)
    scenario.start(2)
    #expect(scenario.wait(timeouts: 10) { !scenario.leaders.isEmpty })
    #expect(scenario.violation == nil)
  }
}

/// Stories short enough to be told line by line.
@Suite struct TraceTests {
  /// Raft §5.2 with a pre-vote: what the end of a leader looks like.
  @Test func `a killed leader is replaced within one timeout`() {
    let scenario = Scenario(members: 3)
    scenario.elect(1)
    _ = scenario.takeTrace()
    scenario.kill(1)
    scenario.wait { scenario.leaders.count == 1 }
    #expect(
      scenario.takeTrace() == """
        m1 is killed
        m2 asks for pre-votes in term 1
        m2 stands for term 2
        m3 follows nobody in term 2
        m2 leads term 2
        """)
  }

  @Test func `leadership is handed over on request`() {
    let scenario = Scenario(members: 3)
    scenario.elect(1)
    _ = scenario.takeTrace()
    scenario.elect(2)
    #expect(
      scenario.takeTrace() == """
        m1 hands over to m2
        m2 stands for term 2
        m1 hand-over ended
        m1 follows nobody in term 2
        m3 follows nobody in term 2
        m2 leads term 2
        m1 follows m2 in term 2
        m1 has handed over to m2
        m3 follows m2 in term 2
        """)
  }
}
