import Raft
import Replica
import Testing

/// A forward is sent at most once, so what is sent into a leader that is gone is gone with it.
@Suite("Commands on their way to a leader that may be gone")
struct ForwardTests {
  private var forgiving: ReplicaSettings {
    var settings = ReplicaSettings()
    settings.quorumPolicy = .wait
    return settings
  }

  private func forwards(by position: Int, in cluster: Cluster) -> Int {
    cluster.sent[position].reduce(0) { sum, envelope in
      if case .forward(let forward) = envelope.message {
        sum + forward.proposals.count
      } else {
        sum
      }
    }
  }

  @Test func `while a leader's pongs are late, commands wait and go to the next leader`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    cluster.isolate([leader])
    cluster.run(.milliseconds(250))
    #expect(cluster.members[follower].leader == cluster.id(leader))
    for number in 1...5 as ClosedRange<UInt64> { cluster.propose(number, at: follower) }
    cluster.run(.milliseconds(1))
    #expect(forwards(by: follower, in: cluster) == 0)
    cluster.run(.seconds(4))
    #expect(cluster.answers[follower].isEmpty)
    #expect(cluster.completed[follower] == (1...5).map { RequestID($0) })
  }

  @Test func `a pong releases what has waited for it`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    cluster.pause(leader, for: .milliseconds(350))
    cluster.run(.milliseconds(300))
    cluster.propose(1, at: follower)
    cluster.run(.milliseconds(1))
    #expect(forwards(by: follower, in: cluster) == 0)
    cluster.run(.milliseconds(100))
    #expect(cluster.completed[follower] == [RequestID(1)])
  }

  @Test func `pongs that come steadily are not late, however long their way is`() {
    var settings = ReplicaSettings()
    settings.raft.electionTimeout = .milliseconds(1_500)
    var cluster = Cluster(3, settings: settings)
    cluster.networkDelay = .milliseconds(120)..<(.milliseconds(121))
    let (_, follower) = cluster.elect()
    cluster.propose(1, at: follower)
    cluster.run(.milliseconds(1))
    #expect(forwards(by: follower, in: cluster) == 1)
  }

  @Test func `a command that was sent into a lost term is lost as soon as the next term rules`() {
    var cluster = Cluster(3, settings: forgiving)
    let (leader, follower) = cluster.elect()
    cluster.isolate([leader])
    cluster.propose(1, at: follower, within: .seconds(30))
    #expect(forwards(by: follower, in: cluster) == 1)
    cluster.run(.seconds(4))
    #expect(cluster.answers[follower] == [.lost(RequestID(1))])
    cluster.heal()
    cluster.run(.seconds(3))
    #expect(cluster.applied.allSatisfy { $0.isEmpty })
    #expect(cluster.answers[follower].count == 1)
  }

  /// The leader dies after the majority has the entry: the next leader has to commit it.
  @Test func `what the next term inherits is not lost, though its sender never heard of its slot`()
  {
    var cluster = Cluster(3, settings: forgiving)
    let (leader, follower) = cluster.elect()
    let third = 3 - leader - follower
    cluster.cutLink(from: leader, to: follower)
    cluster.propose(1, at: follower, within: .seconds(30))
    for _ in 0..<1_000
    where lastIndex(third, cluster) < lastIndex(leader, cluster)
      || lastIndex(leader, cluster) == lastIndex(follower, cluster)
    {
      cluster.run(.microseconds(100))
    }
    #expect(cluster.answers[follower].isEmpty)
    cluster.isolate([leader])
    cluster.run(.seconds(6))
    #expect(cluster.answers[follower].isEmpty)
    #expect(cluster.completed[follower] == [RequestID(1)])
  }

  private func lastIndex(_ position: Int, _ cluster: Cluster) -> LogIndex {
    cluster.members[position].status(at: cluster.now).lastIndex
  }

  @Test func `of what a snapshot may hold no term tells anything`() {
    var cluster = Cluster(3, settings: forgiving)
    let (leader, follower) = cluster.elect()
    let term = cluster.members[leader].currentTerm
    cluster.isolate([follower])
    cluster.propose(1, at: follower, within: .seconds(30))
    #expect(forwards(by: follower, in: cluster) == 1)
    let configuration = cluster.members[leader].configuration
    func install(_ last: EntryID) {
      let base = LogBase(last: last, configuration: configuration)
      cluster.step(follower, .snapshotReceived(base, term: last.term, from: cluster.id(leader)))
      cluster.run(.milliseconds(10))
      cluster.step(follower, .restored(base))
    }
    // It may be in the snapshot, or come after it.
    install(EntryID(term: term, index: LogIndex(10)))
    #expect(cluster.answers[follower].isEmpty)
    // It is in the snapshot, or nowhere.
    install(EntryID(term: Term(term.number + 1), index: LogIndex(20)))
    #expect(cluster.answers[follower].isEmpty)
    cluster.run(.seconds(40))
    #expect(cluster.answers[follower] == [.outcomeUnknown(RequestID(1), .late)])
  }

  @Test func `a command of a term that a snapshot has left behind is unknown at once`() {
    var cluster = Cluster(3, settings: forgiving)
    let (leader, follower) = cluster.elect()
    let term = cluster.members[leader].currentTerm
    cluster.isolate([follower])
    cluster.propose(1, at: follower, within: .seconds(30))
    let base = LogBase(
      last: EntryID(term: Term(term.number + 1), index: LogIndex(10)),
      configuration: cluster.members[leader].configuration)
    cluster.step(
      follower, .snapshotReceived(base, term: base.last.term, from: cluster.id(leader)))
    cluster.run(.milliseconds(10))
    cluster.step(follower, .restored(base))
    #expect(cluster.answers[follower] == [.outcomeUnknown(RequestID(1), .insideSnapshot)])
  }

  @Test func `a leader that is heard and does not hear is not waited for until the deadline`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    cluster.cutLink(from: follower, to: leader)
    cluster.run(.milliseconds(300))
    cluster.propose(1, at: follower, within: .seconds(30))
    cluster.run(.seconds(3))
    #expect(cluster.members[follower].leader == cluster.id(leader))
    #expect(
      cluster.answers[follower] == [
        .refused(RequestID(1), Refusal(.leaderUnreachable(cluster.id(leader))))
      ])
    #expect(forwards(by: follower, in: cluster) == 0)
  }
}
