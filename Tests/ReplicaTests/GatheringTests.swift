import Base
import Raft
import Replica
import Testing

/// A batch costs each member a sync and a handful of wake-ups, however many commands it carries.
@Suite("Commands that gather while others are under way")
struct GatheringTests {
  /// The commands in each AppendEntries that left for one follower, in order; empty ones left out.
  private func batches(from leader: Int, to follower: Int, in cluster: Cluster) -> [Int] {
    cluster.sent[leader].compactMap { envelope in
      guard envelope.to == cluster.id(follower), case .raft(let message) = envelope.message,
        case .appendEntries(let append) = message.body
      else { return nil }
      let commands = append.entries.filter { if case .command = $0.content { true } else { false } }
      return commands.isEmpty ? nil : commands.count
    }
  }

  private func forwards(from follower: Int, in cluster: Cluster) -> [Int] {
    cluster.sent[follower].compactMap { envelope in
      if case .forward(let forward) = envelope.message { forward.proposals.count } else { nil }
    }
  }

  @Test func `a lone command leaves at once`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    for number in 1...3 as ClosedRange<UInt64> {
      cluster.propose(number, at: leader)
      #expect(batches(from: leader, to: follower, in: cluster).count == Int(number))
      cluster.run(.milliseconds(20))
    }
    for number in 4...6 as ClosedRange<UInt64> {
      cluster.propose(number, at: follower)
      #expect(forwards(from: follower, in: cluster).count == Int(number) - 3)
      // Long enough for the answer, too short for the limit.
      cluster.run(.milliseconds(8))
    }
  }

  @Test func `what comes while a batch is on its way to a majority goes together`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    for number in 1...50 as ClosedRange<UInt64> { cluster.propose(number, at: leader) }
    cluster.run(.seconds(1))
    #expect(batches(from: leader, to: follower, in: cluster) == [1, 49])
    #expect(cluster.completed[leader].count == 50)
  }

  @Test func `commands that others forward gather at the leader, with its own`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    let third = 3 - leader - follower
    cluster.propose(1, at: leader)
    cluster.propose(2, at: leader)
    cluster.propose(3, at: follower)
    cluster.propose(4, at: third)
    cluster.run(.seconds(1))
    #expect(batches(from: leader, to: follower, in: cluster) == [1, 3])
    #expect(cluster.completed[follower] == [RequestID(3)])
    #expect(cluster.completed[third] == [RequestID(4)])
  }

  @Test func `commands gather behind a forward that the leader has not answered`() {
    var cluster = Cluster(3)
    let (_, follower) = cluster.elect()
    for number in 1...50 as ClosedRange<UInt64> { cluster.propose(number, at: follower) }
    cluster.run(.seconds(1))
    #expect(forwards(from: follower, in: cluster) == [1, 49])
    #expect(cluster.completed[follower].count == 50)
  }

  /// Syncs of 30 ms: batches follow each other without waiting for the one before.
  @Test func `a slow majority is not waited for longer than the limit`() {
    var settings = ReplicaSettings()
    settings.gatherLimit = .milliseconds(5)
    var cluster = Cluster(3, settings: settings)
    let (leader, follower) = cluster.elect()
    cluster.diskDelay = .milliseconds(30)..<(.milliseconds(31))
    cluster.propose(1, at: leader)
    cluster.run(.milliseconds(1))
    for number in 2...9 as ClosedRange<UInt64> { cluster.propose(number, at: leader) }
    cluster.run(.microseconds(3_900))
    #expect(batches(from: leader, to: follower, in: cluster) == [1])
    cluster.run(.microseconds(200))
    #expect(batches(from: leader, to: follower, in: cluster) == [1, 8])
    cluster.run(.seconds(1))
    #expect(cluster.completed[leader].count == 9)
  }

  @Test func `a limit of zero lets nothing gather`() {
    var settings = ReplicaSettings()
    settings.gatherLimit = .zero
    var cluster = Cluster(3, settings: settings)
    let (leader, follower) = cluster.elect()
    for number in 1...4 as ClosedRange<UInt64> { cluster.propose(number, at: leader) }
    #expect(batches(from: leader, to: follower, in: cluster) == [1, 1, 1, 1])
  }

  /// It has not left for the log, so its sender is told that nothing was appended.
  @Test func `a forward that gathers at a leader which is deposed is refused`() {
    var settings = ReplicaSettings()
    settings.gatherLimit = .seconds(60)
    var cluster = Cluster(3, settings: settings)
    let (leader, follower) = cluster.elect()
    let third = 3 - leader - follower
    // Its round does not end: nobody acknowledges any more.
    cluster.cutLink(from: follower, to: leader)
    cluster.cutLink(from: third, to: leader)
    cluster.propose(1, at: leader, within: .seconds(30))
    let term = cluster.members[leader].currentTerm
    let proposal = ForwardedProposal(
      id: RequestID(9), command: Cluster.command(follower, 9), isGrowing: true)
    let forward = Forward(
      term: term, boot: Boot(UInt64(follower) + 1), number: 1, proposals: [proposal])
    cluster.step(leader, .message(.forward(forward), from: cluster.id(follower)))
    func verdicts() -> [ForwardReply.Verdict] {
      cluster.sent[leader].flatMap { envelope -> [ForwardReply.Verdict] in
        if case .forwardReply(let reply) = envelope.message { reply.verdicts } else { [] }
      }
    }
    #expect(verdicts().isEmpty)
    // The leader steps down, because no majority answers.
    cluster.run(.seconds(5))
    #expect(!cluster.members[leader].isLeader)
    #expect(
      verdicts() == [
        ForwardReply.Verdict(id: RequestID(9), outcome: .refused(.notLeader(leader: nil)))
      ])
    #expect(cluster.applied.allSatisfy { !$0.contains(Cluster.command(follower, 9)) })
  }

  @Test func `whoever shuts down waits for nobody`() {
    var settings = ReplicaSettings()
    settings.gatherLimit = .seconds(60)
    var cluster = Cluster(3, settings: settings)
    let (leader, _) = cluster.elect()
    cluster.propose(1, at: leader)
    cluster.propose(2, at: leader)
    cluster.step(leader, .shutdown(deadline: cluster.now + .seconds(5)))
    cluster.run(.seconds(2))
    #expect(cluster.completed[leader] == [RequestID(1), RequestID(2)])
    #expect(cluster.isDrained[leader])
  }

  @Test func `apply is waited for by reads, changes and whoever shuts down, and by nobody else`() {
    var cluster = Cluster(3)
    let (leader, _) = cluster.elect()
    cluster.applyDelay = .milliseconds(50)..<(.milliseconds(51))
    cluster.propose(1, at: leader)
    cluster.run(.milliseconds(10))
    #expect(!cluster.members[leader].awaitsApply)
    cluster.read(2, at: leader)
    cluster.run(.milliseconds(10))
    #expect(cluster.members[leader].awaitsApply)
    cluster.run(.milliseconds(100))
    #expect(!cluster.members[leader].awaitsApply)
    cluster.step(leader, .shutdown(deadline: cluster.now + .seconds(5)))
    #expect(cluster.members[leader].awaitsApply)
  }
}
