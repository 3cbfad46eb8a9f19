import Base
import Raft
import Replica
import Testing

@Suite("Handing over and shutting down")
struct LeadershipTests {
  @Test func `leadership moves to who was named`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    let target = cluster.id(follower)
    cluster.step(
      leader,
      .transferLeadership(RequestID(1), to: target, deadline: cluster.now + .seconds(5)))
    cluster.run(.milliseconds(500))
    #expect(cluster.answers[leader] == [.transferred(RequestID(1), to: target)])
    #expect(cluster.members[follower].isLeader)
  }

  @Test func `only the leader hands over, and only to a voter that can take it`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    let deadline = cluster.now + .milliseconds(500)
    cluster.step(follower, .transferLeadership(RequestID(1), to: nil, deadline: deadline))
    #expect(
      cluster.answers[follower] == [
        .refused(RequestID(1), Refusal(.notLeader(leader: cluster.id(leader))))
      ])
    cluster.step(
      leader, .transferLeadership(RequestID(2), to: MemberID(99), deadline: deadline))
    #expect(
      cluster.answers[leader] == [
        .refused(RequestID(2), Refusal(.transferTarget(MemberID(99))))
      ])
    cluster.isolate([follower])
    let target = cluster.id(follower)
    cluster.propose(3, at: leader)
    cluster.run(.milliseconds(50))
    cluster.step(
      leader, .transferLeadership(RequestID(4), to: target, deadline: cluster.now + .seconds(5)))
    cluster.run(.seconds(3))
    #expect(
      cluster.answers[leader].last
        == .refused(RequestID(4), Refusal(.transferFailed(to: target))))
  }

  @Test func `commands that come during a transfer reach the next leader`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    cluster.step(
      leader,
      .transferLeadership(
        RequestID(1), to: cluster.id(follower), deadline: cluster.now + .seconds(5)))
    cluster.propose(2, at: leader)
    cluster.run(.seconds(1))
    #expect(cluster.completed[leader] == [RequestID(2)])
  }

  @Test func `a leader that shuts down hands over, answers what is in flight, and is drained`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    cluster.propose(1, at: leader)
    cluster.step(leader, .shutdown(deadline: cluster.now + .seconds(10)))
    cluster.propose(2, at: leader)
    cluster.read(3, at: leader)
    #expect(
      cluster.answers[leader] == [
        .refused(RequestID(2), Refusal(.shuttingDown)),
        .refused(RequestID(3), Refusal(.shuttingDown)),
      ])
    #expect(!cluster.isDrained[leader])
    cluster.run(.milliseconds(500))
    #expect(cluster.isDrained[leader])
    #expect(cluster.completed[leader] == [RequestID(1)])
    #expect(!cluster.members[leader].isLeader)
    cluster.propose(4, at: follower)
    cluster.run(.milliseconds(500))
    #expect(cluster.completed[follower] == [RequestID(4)])
  }

  @Test func `the last voter is drained once its commands are answered`() {
    var cluster = Cluster(1)
    cluster.run(.seconds(3))
    cluster.propose(1, at: 0)
    cluster.step(0, .shutdown(deadline: cluster.now + .seconds(10)))
    #expect(!cluster.isDrained[0])
    cluster.run(.milliseconds(50))
    #expect(cluster.isDrained[0])
    #expect(cluster.completed[0] == [RequestID(1)])
  }

  @Test func `at the deadline of a shutdown everything is answered`() {
    var cluster = Cluster(3)
    let (leader, _) = cluster.elect()
    cluster.isolate([leader])
    cluster.propose(1, at: leader, within: .seconds(60))
    cluster.read(2, at: leader, within: .seconds(60))
    cluster.step(leader, .shutdown(deadline: cluster.now + .milliseconds(500)))
    cluster.run(.milliseconds(501))
    #expect(cluster.isDrained[leader])
    #expect(cluster.answers[leader].contains(.outcomeUnknown(RequestID(1), .late)))
    #expect(cluster.answers[leader].count == 2)
  }

  @Test func `a configuration change is answered when it is applied`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    let learner = Configuration.Member(
      id: MemberID(9), incarnation: .unknown, role: .learner, name: "", peerURLs: ["http://n9"])
    let deadline = cluster.now + .seconds(5)
    cluster.step(follower, .change(RequestID(1), .addLearner(learner), deadline: deadline))
    cluster.step(leader, .change(RequestID(2), .remove(MemberID(77)), deadline: deadline))
    #expect(
      cluster.answers[leader] == [
        .refused(RequestID(2), Refusal(.configuration(.memberNotFound)))
      ])
    #expect(
      cluster.answers[follower] == [
        .refused(RequestID(1), Refusal(.notLeader(leader: cluster.id(leader))))
      ])
    let gone = cluster.id(follower)
    cluster.step(leader, .change(RequestID(3), .remove(gone), deadline: deadline))
    cluster.run(.seconds(1))
    #expect(cluster.answers[leader].last == .changed(RequestID(3)))
    #expect(cluster.members[leader].configuration.members.count == 2)
    #expect(
      cluster.members[leader].status(at: cluster.now).quorum.current
        == QuorumView.Half(voters: 2, heard: 2))
  }
}
