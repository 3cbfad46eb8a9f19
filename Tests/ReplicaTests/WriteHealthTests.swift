import Base
import Raft
import Replica
import Testing

/// What a member says of writes is what one would meet (Docs/Architecture.md, *What must never
/// happen*).
@Suite("Whether writes pass") struct WriteHealthTests {
  // MARK: Evidence

  private func instant(_ milliseconds: Int64) -> Instant {
    .zero + .milliseconds(milliseconds)
  }

  @Test func `what the commit index has grown by was committed after the question before`() {
    var evidence = CommitEvidence()
    evidence.confirm(askedAt: instant(10), index: LogIndex(5), applied: LogIndex(5))
    #expect(evidence.since == nil)
    evidence.confirm(askedAt: instant(20), index: LogIndex(5), applied: LogIndex(5))
    #expect(evidence.since == nil)
    evidence.confirm(askedAt: instant(30), index: LogIndex(6), applied: LogIndex(6))
    #expect(evidence.since == instant(20))
    // An old answer proves nothing.
    evidence.confirm(askedAt: instant(25), index: LogIndex(4), applied: LogIndex(6))
    #expect(evidence.since == instant(20))
  }

  @Test func `a commit counts when it is applied here`() {
    var evidence = CommitEvidence()
    evidence.confirm(askedAt: instant(10), index: LogIndex(5), applied: LogIndex(5))
    evidence.confirm(askedAt: instant(20), index: LogIndex(9), applied: LogIndex(5))
    evidence.confirm(askedAt: instant(30), index: LogIndex(12), applied: LogIndex(5))
    #expect(evidence.since == nil)
    evidence.applied(LogIndex(11))
    #expect(evidence.since == instant(10))
    evidence.applied(LogIndex(12))
    #expect(evidence.since == instant(20))
    #expect(evidence.age(at: instant(50)) == .milliseconds(30))
  }

  // MARK: Members

  /// Without the leader's marks in the log, which are commits as well.
  private static var unmarked: ReplicaSettings {
    var settings = ReplicaSettings()
    settings.digestInterval = .seconds(3_600)
    return settings
  }

  private func health(_ cluster: Cluster) -> [WriteHealth] {
    cluster.members.map { $0.writeHealth(at: cluster.now) }
  }

  private func isRefused(_ health: WriteHealth) -> Bool {
    if case .refuses(let refusal) = health, case .nothingCommitted = refusal.rule {
      true
    } else {
      false
    }
  }

  @Test func `a member without room says that it refuses writes, and the others serve them`() {
    var cluster = Cluster(3, settings: Self.unmarked)
    let (leader, follower) = cluster.elect()
    cluster.propose(1, at: follower)
    cluster.run(.milliseconds(100))
    cluster.step(follower, .pressure(.noSpace))
    #expect(cluster.members[follower].writeHealth(at: cluster.now) == .refuses(Refusal(.noSpace)))
    #expect(cluster.members[leader].writeHealth(at: cluster.now) == .serves)
    cluster.step(follower, .pressure(.none))
    #expect(cluster.members[follower].writeHealth(at: cluster.now) == .serves)
  }

  @Test func `a commit is proof for three election timeouts, and unasked nothing is tried`() {
    var cluster = Cluster(3, settings: Self.unmarked)
    let (leader, follower) = cluster.elect()
    cluster.propose(1, at: follower)
    cluster.run(.milliseconds(300))
    #expect(health(cluster) == [.serves, .serves, .serves])
    let last = cluster.members[leader].commitIndex
    cluster.run(.milliseconds(2_500))
    #expect(health(cluster) == [.serves, .serves, .serves])
    cluster.run(.milliseconds(1_500))
    #expect(health(cluster) == [.undecided, .undecided, .undecided])
    cluster.run(.seconds(10))
    #expect(cluster.members[leader].commitIndex == last)
  }

  @Test func `who asks later is told by a probe, and all others with him`() {
    var cluster = Cluster(3, settings: Self.unmarked)
    let (leader, follower) = cluster.elect()
    cluster.run(.seconds(20))
    let before = cluster.members[leader].commitIndex
    #expect(health(cluster) == [.undecided, .undecided, .undecided])
    for _ in 0..<10 { cluster.step(follower, .probeWrites) }
    cluster.run(.milliseconds(30))
    #expect(cluster.members[follower].writeHealth(at: cluster.now) == .serves)
    for _ in 0..<10 { cluster.step(follower, .probeWrites) }
    cluster.run(.milliseconds(270))
    #expect(health(cluster) == [.serves, .serves, .serves])
    #expect(cluster.members[leader].commitIndex == before.next)
    // From two timeouts on there is another one, so nobody who asks steadily is told less.
    for _ in 0..<100 {
      for position in 0..<3 { cluster.step(position, .probeWrites) }
      cluster.run(.milliseconds(100))
      #expect(health(cluster) == [.serves, .serves, .serves])
    }
    // Hardly more than one in two timeouts.
    #expect(cluster.members[leader].commitIndex.number <= before.number + 16)
    // Nobody waits for an answer to it.
    #expect(cluster.answers.allSatisfy { $0.isEmpty })
  }

  @Test func `what cannot be committed is refused when a probe was in vain`() {
    var cluster = Cluster(3, settings: Self.unmarked)
    let (leader, _) = cluster.elect()
    cluster.run(.seconds(5))
    for position in 0..<3 { cluster.stallDisk(of: position, for: .seconds(30)) }
    for position in 0..<3 { cluster.step(position, .probeWrites) }
    cluster.run(.milliseconds(900))
    #expect(health(cluster) == [.undecided, .undecided, .undecided])
    cluster.run(.milliseconds(200))
    #expect(health(cluster).allSatisfy { isRefused($0) })
    // It says so as long as somebody asks.
    for _ in 0..<80 {
      for position in 0..<3 { cluster.step(position, .probeWrites) }
      cluster.run(.milliseconds(100))
      #expect(health(cluster).allSatisfy { isRefused($0) })
    }
    #expect(cluster.leader == leader)
    cluster.run(.seconds(25))
    cluster.step(leader, .probeWrites)
    cluster.run(.milliseconds(300))
    #expect(health(cluster) == [.serves, .serves, .serves])
  }

  @Test func `a leader whose disk stalls does not speak for the others`() {
    var cluster = Cluster(3, settings: Self.unmarked)
    let (leader, follower) = cluster.elect()
    cluster.step(leader, .watchWrites(true))
    cluster.propose(1, at: follower)
    cluster.run(.milliseconds(500))
    cluster.stallDisk(of: leader, for: .seconds(60))
    for number in 2...100 as ClosedRange<UInt64> {
      cluster.propose(number, at: follower)
      cluster.run(.milliseconds(50))
    }
    #expect(cluster.members[follower].writeHealth(at: cluster.now) == .serves)
    #expect(isRefused(cluster.members[leader].writeHealth(at: cluster.now)))
  }

  @Test func `who is to be told of every change is never told less while writes pass`() {
    var cluster = Cluster(3, settings: Self.unmarked)
    let (_, follower) = cluster.elect()
    cluster.step(follower, .watchWrites(true))
    cluster.run(.milliseconds(500))
    for _ in 0..<100 {
      cluster.run(.milliseconds(100))
      #expect(cluster.members[follower].writeHealth(at: cluster.now) == .serves)
    }
    cluster.step(follower, .watchWrites(false))
    cluster.run(.seconds(5))
    #expect(cluster.members[follower].writeHealth(at: cluster.now) == .undecided)
  }
}
