import Base
import Raft
import Replica
import Testing

@Suite("Reads")
struct ReadTests {
  private func ready(_ answers: [Answer]) -> [ReadReady] {
    answers.compactMap { if case .ready(let ready) = $0 { ready } else { nil } }
  }

  @Test func `a linearizable read is served once all that was acknowledged is applied`() throws {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    cluster.applyDelay = .milliseconds(300)..<(.milliseconds(301))
    // The follower learns of the commit, and its state machine is slow.
    cluster.propose(1, at: leader)
    cluster.run(.milliseconds(20))
    let last = cluster.members[leader].commitIndex
    cluster.read(2, at: follower)
    cluster.run(.milliseconds(200))
    #expect(ready(cluster.answers[follower]).isEmpty)
    #expect(cluster.members[follower].status(at: cluster.now).appliedIndex < last)
    cluster.run(.milliseconds(300))
    let answer = try #require(ready(cluster.answers[follower]).first)
    #expect(answer.id == RequestID(2))
    #expect(answer.index >= last)
    #expect(cluster.members[follower].status(at: cluster.now).appliedIndex >= answer.index)
  }

  @Test func `reads that come together share one question`() {
    var cluster = Cluster(3)
    let (_, follower) = cluster.elect()
    let before = cluster.sent[follower].count
    cluster.step(
      follower,
      .read(
        (1...500).map {
          ReadRequest(
            id: RequestID($0), consistency: .linearizable,
            deadline: cluster.now + .seconds(1))
        }))
    let questions = cluster.sent[follower][before...].filter { envelope in
      if case .raft(let message) = envelope.message, case .readIndex = message.body {
        true
      } else {
        false
      }
    }
    #expect(questions.count == 1)
    cluster.run(.milliseconds(50))
    #expect(ready(cluster.answers[follower]).map(\.id.number) == Array(1...500))
  }

  @Test func `a read whose question was lost is asked again with the next heartbeat`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    cluster.cutLink(from: follower, to: leader)
    cluster.read(1, at: follower)
    cluster.run(.milliseconds(10))
    cluster.heal()
    cluster.run(.milliseconds(200))
    #expect(ready(cluster.answers[follower]).map(\.id) == [RequestID(1)])
  }

  @Test func `a leader that was replaced does not serve a linearizable read`() {
    var settings = ReplicaSettings()
    settings.quorumPolicy = .wait
    var cluster = Cluster(3, settings: settings)
    let (leader, _) = cluster.elect()
    cluster.isolate([leader])
    cluster.read(1, at: leader, within: .seconds(3))
    cluster.run(.seconds(4))
    #expect(cluster.answers[leader].count == 1)
    guard case .refused(RequestID(1), let refusal)? = cluster.answers[leader].first else {
      Issue.record("\(cluster.answers[leader])")
      return
    }
    #expect(refusal.nextStep == .retryLater || refusal.nextStep == .askAnotherMember)
  }

  @Test func `a serializable read is served at once, and refused when older than accepted`() throws
  {
    var settings = ReplicaSettings()
    settings.quorumPolicy = .readOnly
    var cluster = Cluster(3, settings: settings)
    let (_, follower) = cluster.elect()
    cluster.read(1, at: follower, .serializable(maxStaleness: .seconds(1)))
    let first = try #require(ready(cluster.answers[follower]).first)
    let age = cluster.now - (try #require(first.freshAsOf))
    #expect(age <= .milliseconds(250))

    cluster.isolate([follower])
    cluster.run(.seconds(3))
    cluster.read(2, at: follower, .serializable(maxStaleness: .seconds(1)))
    cluster.read(3, at: follower, .serializable(maxStaleness: nil))
    guard case .refused(RequestID(2), let refusal) = cluster.answers[follower][1],
      case .tooStale(let staleAge?, limit: .seconds(1)) = refusal.rule
    else {
      Issue.record("\(cluster.answers[follower])")
      return
    }
    #expect(staleAge >= .seconds(3))
    let last = try #require(ready(cluster.answers[follower]).last)
    #expect(last.id == RequestID(3))
    #expect(try #require(last.freshAsOf) >= #require(first.freshAsOf))
  }

  @Test func `an unknown age is too old for any bound`() {
    var cluster = Cluster(3)
    cluster.read(1, at: 0, .serializable(maxStaleness: .seconds(1_000)))
    #expect(
      cluster.answers[0] == [
        .refused(RequestID(1), Refusal(.tooStale(age: nil, limit: .seconds(1_000))))
      ])
  }

  /// True age: how long ago the oldest command was acknowledged that this state does not hold.
  @Test(arguments: 1...8 as ClosedRange<UInt64>)
  func `reported age is never below true age`(seed: UInt64) {
    var dice = SplitMix64(seed: seed)
    var settings = ReplicaSettings()
    settings.quorumPolicy = .wait
    var cluster = Cluster(3, seed: seed, settings: settings)
    _ = cluster.elect()
    cluster.networkDelay = .milliseconds(1)..<(.milliseconds(120))
    cluster.applyDelay = .microseconds(100)..<(.milliseconds(100))
    var number: UInt64 = 0
    var samples = 0
    for _ in 0..<500 {
      number += 1
      cluster.propose(number, at: dice.index(below: 3), within: .seconds(2))
      switch dice.next(below: 40) {
      case 0: cluster.pause(dice.index(below: 3), for: dice.duration(in: .zero..<(.seconds(3))))
      case 1: cluster.isolate([dice.index(below: 3)], isLoud: dice.chance(1, in: 2))
      case 2, 3: cluster.heal()
      case _: break
      }
      cluster.run(dice.duration(in: .milliseconds(1)..<(.milliseconds(60))))
      for member in cluster.members {
        guard let freshAsOf = member.freshAsOf else { continue }
        let held = member.status(at: cluster.now).appliedIndex
        for (index, acknowledgedAt) in cluster.acknowledgedAt where index > held {
          #expect(acknowledgedAt >= freshAsOf, "slot \(index.number) of seed \(seed)")
          samples += 1
        }
      }
    }
    #expect(samples > 100)
  }

  @Test func `leave to serve serializable reads tells their age, and ends with the service`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    #expect(
      cluster.members[follower].serializablePass?.freshAsOf == cluster.members[follower].freshAsOf)
    // Also without a quorum: they are what a member that is cut off still serves.
    cluster.isolate([follower], isLoud: true)
    cluster.run(.seconds(3))
    let known = cluster.members[follower].freshAsOf
    #expect(known != nil)
    #expect(cluster.members[follower].serializablePass?.freshAsOf == known)
    cluster.step(leader, .shutdown(deadline: cluster.now + .seconds(5)))
    #expect(cluster.members[leader].serializablePass == nil)
  }

  @Test func `where a rule may refuse serializable reads there is no leave`() {
    var settings = ReplicaSettings()
    settings.quorumPolicy = .halt
    var cluster = Cluster(3, settings: settings)
    let (leader, _) = cluster.elect()
    #expect(cluster.members[leader].serializablePass == nil)
  }
}
