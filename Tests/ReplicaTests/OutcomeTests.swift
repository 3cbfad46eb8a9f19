import Base
import Raft
import Replica
import Testing

@Suite("What a client is told of its command")
struct OutcomeTests {
  private var forgiving: ReplicaSettings {
    var settings = ReplicaSettings()
    settings.quorumPolicy = .wait
    return settings
  }

  private func forwards(in sent: [PeerEnvelope]) -> [Forward] {
    sent.compactMap { if case .forward(let forward) = $0.message { forward } else { nil } }
  }

  @Test(arguments: [1, 3, 5])
  func `commands are answered by their results, whoever was asked`(count: Int) {
    var cluster = Cluster(count)
    if count > 1 { _ = cluster.elect() } else { cluster.run(.seconds(3)) }
    for position in 0..<count { cluster.propose(UInt64(position) + 1, at: position) }
    cluster.run(.seconds(1))
    for position in 0..<count {
      #expect(cluster.completed[position] == [RequestID(UInt64(position) + 1)])
      #expect(cluster.answers[position].isEmpty)
      #expect(cluster.applied[position] == cluster.applied[0])
      #expect(cluster.members[position].status(at: cluster.now).proposalsInFlight == 0)
    }
  }

  @Test func `before there is a leader a command waits for one`() {
    var settings = forgiving
    settings.raft.electionTimeout = .milliseconds(500)
    var cluster = Cluster(3, settings: settings)
    cluster.propose(1, at: 0)
    _ = cluster.elect()
    cluster.run(.milliseconds(100))
    #expect(cluster.completed[0] == [RequestID(1)])
  }

  @Test func `what has left nobody's hands at its deadline is refused`() {
    var cluster = Cluster(3, settings: forgiving)
    let (_, follower) = cluster.elect()
    cluster.isolate([follower], isLoud: true)
    cluster.propose(1, at: follower, within: .milliseconds(300))
    cluster.run(.seconds(1))
    guard case .refused(RequestID(1), let refusal)? = cluster.answers[follower].first else {
      Issue.record("\(cluster.answers[follower])")
      return
    }
    #expect(refusal.nothingWasAppended)
    cluster.heal()
    cluster.run(.seconds(5))
    #expect(cluster.applied.allSatisfy { $0.isEmpty })
  }

  @Test func `what was forwarded and lost is unknown at its deadline, and is not sent again`() {
    var cluster = Cluster(3, settings: forgiving)
    let (leader, follower) = cluster.elect()
    cluster.cutLink(from: follower, to: leader)
    cluster.propose(1, at: follower, within: .milliseconds(400))
    cluster.run(.milliseconds(300))
    #expect(cluster.answers[follower].isEmpty)
    cluster.heal()
    cluster.run(.seconds(3))
    #expect(cluster.answers[follower] == [.outcomeUnknown(RequestID(1), .late)])
    #expect(forwards(in: cluster.sent[follower]).flatMap(\.proposals).count == 1)
    #expect(cluster.applied[leader].isEmpty)
  }

  @Test func `a forward that is delivered twice is appended once`() {
    var cluster = Cluster(3)
    let (_, follower) = cluster.elect()
    cluster.isDoublingForwards = true
    cluster.networkDelay = .milliseconds(1)..<(.milliseconds(20))
    for number in 1...20 as ClosedRange<UInt64> {
      cluster.propose(number, at: follower)
      cluster.run(.milliseconds(1))
    }
    cluster.run(.seconds(1))
    #expect(cluster.completed[follower].count == 20)
    #expect(cluster.applied[0].count == 20)
  }

  @Test func `each number of a forward is taken once, in any order, unless it comes too late`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    let term = cluster.members[leader].currentTerm
    for number in [2, 1, 2, 70, 6, 7, 7, 69, 1] as [UInt64] {
      let proposal = ForwardedProposal(
        id: RequestID(number), command: Cluster.command(follower, number), isGrowing: true)
      let forward = Forward(
        term: term, boot: Boot(UInt64(follower) + 1), number: number, proposals: [proposal])
      cluster.step(leader, .message(.forward(forward), from: cluster.id(follower)))
    }
    cluster.run(.seconds(1))
    #expect(
      cluster.applied[leader] == [2, 1, 70, 7, 69].map { Cluster.command(follower, $0) })
  }

  /// A handshake of an earlier boot may come late, and opens a session with that one for a moment.
  @Test func `a late handshake of an earlier boot makes no forward new again`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    let boot = Boot(UInt64(follower) + 1)
    let proposal = ForwardedProposal(
      id: RequestID(5), command: Cluster.command(follower, 5), isGrowing: true)
    let forward = Forward(
      term: cluster.members[leader].currentTerm, boot: boot, number: 1, proposals: [proposal])
    cluster.step(leader, .message(.forward(forward), from: cluster.id(follower)))
    for other in [Boot(99), boot] {
      cluster.step(leader, .sessionLost(cluster.id(follower)))
      cluster.step(leader, .sessionOpened(cluster.id(follower), other))
    }
    cluster.step(leader, .message(.forward(forward), from: cluster.id(follower)))
    cluster.run(.seconds(1))
    #expect(cluster.applied[leader] == [Cluster.command(follower, 5)])
  }

  @Test func `a forward of another term is refused, one of another boot is dropped`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    let term = cluster.members[leader].currentTerm
    func forward(_ term: Term, _ boot: UInt64, _ number: UInt64) -> ReplicaEvent {
      let proposal = ForwardedProposal(
        id: RequestID(77), command: Cluster.command(follower, 77), isGrowing: true)
      return .message(
        .forward(Forward(term: term, boot: Boot(boot), number: number, proposals: [proposal])),
        from: cluster.id(follower))
    }
    let boot = UInt64(follower) + 1
    let events = [forward(Term(term.number - 1), boot, 1), forward(term, boot + 50, 2)]
    for event in events { cluster.step(leader, event) }
    let replies = cluster.sent[leader].compactMap { envelope -> ForwardReply? in
      if case .forwardReply(let reply) = envelope.message { reply } else { nil }
    }
    let verdict = ForwardReply.Verdict(
      id: RequestID(77), outcome: .refused(.notLeader(leader: cluster.id(leader))))
    #expect(replies == [ForwardReply(boot: Boot(boot), verdicts: [verdict])])
    cluster.run(.seconds(1))
    #expect(cluster.applied[leader].isEmpty)
  }

  /// The old leader's entry and the new leader's compete for a slot, and the new one is committed.
  @Test func `a command whose slot went to another entry is lost, for certain`() {
    var cluster = Cluster(3, settings: forgiving)
    let (leader, follower) = cluster.elect()
    cluster.isolate([leader])
    cluster.propose(1, at: leader, within: .seconds(30))
    cluster.run(.seconds(4))
    cluster.propose(2, at: follower)
    cluster.run(.seconds(1))
    #expect(cluster.completed[follower] == [RequestID(2)])
    #expect(cluster.answers[leader].isEmpty)

    cluster.heal()
    cluster.run(.seconds(3))
    #expect(cluster.answers[leader] == [.lost(RequestID(1))])
    #expect(cluster.applied.allSatisfy { $0 == [Cluster.command(follower, 2)] })
  }

  @Test func `an appended command is unknown as soon as the quorum is lost, with the evidence`() {
    var cluster = Cluster(3)
    let (leader, _) = cluster.elect()
    cluster.isolate([leader])
    cluster.propose(1, at: leader, within: .seconds(60))
    cluster.run(.milliseconds(2_100))
    guard case .outcomeUnknown(RequestID(1), .inquorate(let view))? = cluster.answers[leader].first
    else {
      Issue.record("\(cluster.answers[leader])")
      return
    }
    #expect(view.current.heard == 1 && view.missing.count == 2)
    #expect(cluster.answers[leader].count == 1)
    cluster.heal()
    cluster.run(.seconds(3))
    #expect(cluster.answers[leader].count == 1)
  }

  @Test func `a forwarded command is unknown as soon as the follower loses the quorum`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    cluster.cutLink(from: leader, to: follower)
    cluster.propose(1, at: follower, within: .seconds(60))
    cluster.run(.milliseconds(20))
    cluster.isolate([follower])
    cluster.run(.milliseconds(2_100))
    guard case .outcomeUnknown(RequestID(1), .inquorate)? = cluster.answers[follower].first else {
      Issue.record("\(cluster.answers[follower])")
      return
    }
    #expect(cluster.applied[leader] == [Cluster.command(follower, 1)])
  }

  @Test func `under the policy wait it keeps its deadline`() {
    var cluster = Cluster(3, settings: forgiving)
    let (leader, _) = cluster.elect()
    cluster.isolate([leader])
    cluster.propose(1, at: leader, within: .seconds(4))
    cluster.run(.milliseconds(3_900))
    #expect(cluster.answers[leader].isEmpty)
    cluster.run(.milliseconds(200))
    #expect(cluster.answers[leader] == [.outcomeUnknown(RequestID(1), .late)])
  }

  @Test func `what is committed when the quorum is lost is answered by its result`() {
    var cluster = Cluster(3)
    let (leader, _) = cluster.elect()
    cluster.applyDelay = .seconds(4)..<(.milliseconds(4_001))
    cluster.propose(1, at: leader, within: .seconds(60))
    cluster.run(.milliseconds(50))
    cluster.isolate([leader])
    cluster.propose(2, at: leader, within: .seconds(60))
    cluster.run(.milliseconds(3_500))
    #expect(cluster.answers[leader].isEmpty && cluster.completed[leader].isEmpty)
    cluster.run(.seconds(1))
    #expect(cluster.completed[leader] == [RequestID(1)])
    #expect(cluster.answers[leader].map(\.id) == [RequestID(2)])
  }

  @Test func `a command that is too large, or one too many, is refused`() {
    var settings = ReplicaSettings()
    settings.commandLimitBytes = 9
    settings.inflightProposalLimit = 2
    var cluster = Cluster(3, settings: settings)
    let (leader, follower) = cluster.elect()
    cluster.isolate([leader])
    for number in 1...3 as ClosedRange<UInt64> { cluster.propose(number, at: leader) }
    #expect(
      cluster.answers[leader] == [
        .refused(RequestID(3), Refusal(.tooManyRequests(inFlight: 2, limit: 2)))
      ])
    let large = ProposalRequest(
      id: RequestID(9), command: [UInt8](repeating: 0, count: 10), deadline: .distantFuture,
      isGrowing: false)
    cluster.step(follower, .propose([large]))
    #expect(
      cluster.answers[follower] == [
        .refused(RequestID(9), Refusal(.requestTooLarge(bytes: 10, limitBytes: 9)))
      ])
  }

  @Test func `when apply lags behind the log, commands are refused`() {
    var settings = ReplicaSettings()
    settings.unappliedEntriesLimit = 10
    var cluster = Cluster(3, settings: settings)
    let (leader, follower) = cluster.elect()
    cluster.applyDelay = .seconds(1)..<(.seconds(2))
    for number in 1...40 as ClosedRange<UInt64> {
      cluster.propose(number, at: number.isMultiple(of: 2) ? leader : follower)
      cluster.run(.milliseconds(5))
    }
    let refused = (cluster.answers[leader] + cluster.answers[follower]).filter { answer in
      if case .refused(_, let refusal) = answer, case .tooManyRequests = refusal.rule {
        true
      } else {
        false
      }
    }
    #expect(refused.count > 20)
    cluster.run(.seconds(4))
    #expect(
      cluster.completed[leader].count + cluster.completed[follower].count + refused.count == 40)
  }

  @Test func `without space only what does not grow the store passes, here or at the leader`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    cluster.step(leader, .pressure(.noSpace))
    cluster.propose(1, at: leader)
    cluster.propose(2, at: leader, isGrowing: false)
    cluster.propose(3, at: follower)
    cluster.propose(4, at: follower, isGrowing: false)
    cluster.run(.seconds(1))
    #expect(cluster.answers[leader] == [.refused(RequestID(1), Refusal(.noSpace))])
    #expect(cluster.answers[follower] == [.refused(RequestID(3), Refusal(.noSpace))])
    #expect(cluster.completed[leader] == [RequestID(2)])
    #expect(cluster.completed[follower] == [RequestID(4)])
  }

  @Test func `while the overlay is full commands wait, and go when it has drained`() {
    var cluster = Cluster(3)
    let (leader, _) = cluster.elect()
    cluster.step(leader, .pressure(.overlayFull))
    cluster.propose(1, at: leader, within: .milliseconds(300))
    cluster.propose(2, at: leader, within: .seconds(5))
    cluster.run(.milliseconds(500))
    #expect(cluster.answers[leader] == [.refused(RequestID(1), Refusal(.overlayFull))])
    cluster.step(leader, .pressure(.none))
    cluster.run(.milliseconds(100))
    #expect(cluster.completed[leader] == [RequestID(2)])
  }

  /// Steps over the snapshot may hold the command or another one in its slot.
  @Test func `a slot that passed inside a snapshot leaves the outcome unknown`() {
    var cluster = Cluster(3, settings: forgiving)
    let (leader, follower) = cluster.elect()
    cluster.isolate([follower])
    let last = cluster.members[leader].status(at: cluster.now).lastIndex
    let slot = EntryID(
      term: cluster.members[leader].currentTerm, index: LogIndex(last.number + 1))
    cluster.propose(1, at: follower, within: .seconds(30))
    let reply = ForwardReply(
      boot: Boot(UInt64(follower) + 1),
      verdicts: [ForwardReply.Verdict(id: RequestID(1), outcome: .appended(slot))])
    cluster.step(follower, .message(.forwardReply(reply), from: cluster.id(leader)))
    #expect(cluster.answers[follower].isEmpty)
    let base = LogBase(last: slot, configuration: cluster.members[leader].configuration)
    cluster.step(
      follower, .snapshotReceived(base, term: slot.term, from: cluster.id(leader)))
    cluster.run(.milliseconds(10))
    cluster.step(follower, .restored(base))
    #expect(cluster.answers[follower] == [.outcomeUnknown(RequestID(1), .insideSnapshot)])
  }

  @Test func `a snapshot without a stream is not believed`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    let base = LogBase(
      last: EntryID(term: Term(1), index: LogIndex(1_000)),
      configuration: cluster.members[leader].configuration)
    let message = Message(
      term: cluster.members[leader].currentTerm,
      body: .installSnapshot(InstallSnapshot(base: base)))
    cluster.step(follower, .message(.raft(message), from: cluster.id(leader)))
    #expect(cluster.members[follower].status(at: cluster.now).base.last == .zero)
    #expect(cluster.members[follower].commitIndex < LogIndex(1_000))
  }
}
