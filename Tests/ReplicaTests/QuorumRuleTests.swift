import Raft
import Replica
import Testing

@Suite("The quorum rule, obeyed")
struct QuorumRuleTests {
  private func settings(_ policy: QuorumPolicy) -> ReplicaSettings {
    var settings = ReplicaSettings()
    settings.quorumPolicy = policy
    return settings
  }

  private func isInquorate(_ answer: Answer?) -> Bool {
    guard case .refused(_, let refusal)? = answer, case .inquorate = refusal.rule else {
      return false
    }
    return refusal.nextStep == .reachMissingMembers
  }

  private func isReady(_ answer: Answer?) -> Bool {
    if case .ready? = answer { true } else { false }
  }

  @Test(arguments: 1...7)
  func `for every R of N members: at most half refuse, more than half serve`(count: Int) {
    // Both sides of each cut are looked at, so half of the cuts show every R.
    for reached in (count + 1) / 2...count {
      var cluster = Cluster(count, seed: UInt64(count * 10 + reached))
      if count > 1 { _ = cluster.elect() } else { cluster.run(.seconds(3)) }
      cluster.isolate(Array(0..<reached))
      cluster.run(.seconds(4))
      for position in 0..<count {
        let heard = position < reached ? reached : count - reached
        let status = cluster.members[position].status(at: cluster.now)
        #expect(status.quorum.current == QuorumView.Half(voters: count, heard: heard))
        #expect(status.quorum.isQuorate == (heard > count / 2))
        cluster.propose(1, at: position)
        cluster.read(2, at: position)
        cluster.read(3, at: position, .serializable(maxStaleness: nil))
        let answers = cluster.answers[position]
        if heard > count / 2 {
          #expect(status.write == .serves && status.linearizableRead == .serves)
          #expect(!answers.contains { isInquorate($0) })
        } else {
          #expect(status.write != .serves && status.linearizableRead != .serves)
          #expect(isInquorate(answers.first { $0.id == RequestID(1) }))
          #expect(isInquorate(answers.first { $0.id == RequestID(2) }))
        }
        #expect(isReady(answers.first { $0.id == RequestID(3) }))
      }
      cluster.run(.seconds(2))
      for position in 0..<count where 2 * (position < reached ? reached : count - reached) > count {
        #expect(cluster.completed[position] == [RequestID(1)])
      }
    }
  }

  @Test func `halt refuses serializable reads as well, until the quorum is back`() {
    var cluster = Cluster(3, settings: settings(.halt))
    let (_, follower) = cluster.elect()
    cluster.isolate([follower])
    cluster.run(.seconds(2))
    cluster.read(1, at: follower, .serializable(maxStaleness: nil))
    #expect(isInquorate(cluster.answers[follower].first))
    cluster.heal()
    cluster.run(.seconds(1))
    cluster.read(2, at: follower, .serializable(maxStaleness: nil))
    #expect(isReady(cluster.answers[follower].last))
  }

  @Test func `wait lets requests wait for their deadlines`() {
    var cluster = Cluster(3, settings: settings(.wait))
    let (_, follower) = cluster.elect()
    cluster.isolate([follower], isLoud: true)
    cluster.run(.seconds(2))
    cluster.propose(1, at: follower, within: .seconds(10))
    cluster.read(2, at: follower, within: .seconds(10))
    cluster.run(.seconds(5))
    #expect(cluster.answers[follower].isEmpty)
    cluster.heal()
    for position in 0..<3 where position != follower {
      cluster.step(follower, .sessionOpened(cluster.id(position), Boot(UInt64(position) + 1)))
      cluster.step(position, .sessionOpened(cluster.id(follower), Boot(UInt64(follower) + 1)))
    }
    cluster.run(.seconds(3))
    #expect(cluster.completed[follower] == [RequestID(1)])
    #expect(isReady(cluster.answers[follower].first))
  }

  /// Read-only refuses at once, not at the deadline.
  @Test func `what waits when the quorum is lost is refused then`() {
    var cluster = Cluster(3)
    let (leader, _) = cluster.elect()
    cluster.step(leader, .pressure(.overlayFull))
    cluster.propose(1, at: leader, within: .seconds(60))
    cluster.isolate([leader])
    cluster.read(2, at: leader, within: .seconds(60))
    cluster.run(.milliseconds(1_200))
    #expect(cluster.answers[leader].count == 2)
    #expect(cluster.answers[leader].allSatisfy { isInquorate($0) })
  }

  @Test func `a pong that comes after the window says nothing of now`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    let pingedAt = cluster.now
    cluster.isolate([follower])
    cluster.run(.seconds(2))
    let pong = ReplicaEvent.message(.pong(pingedAt), from: cluster.id(leader))
    cluster.step(follower, pong)
    #expect(cluster.members[follower].status(at: cluster.now).quorum.current.heard == 1)
  }

  @Test func `a member that was stopped for long believes nobody until they answer`() {
    var cluster = Cluster(3)
    let (_, follower) = cluster.elect()
    cluster.pause(follower, for: .seconds(10))
    cluster.run(.milliseconds(9_999))
    cluster.heal()
    let status = cluster.members[follower].status(at: cluster.now)
    #expect(status.quorum.current.heard == 1)
  }
}
