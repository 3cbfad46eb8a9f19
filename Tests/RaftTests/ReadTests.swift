import Base
import Testing

@testable import Raft

/// The first entry of a term.
@Suite struct `Raft §8` {
  @Test func `a new leader appends an entry without effect, and commits the past with it`() {
    var cluster = Cluster(voters: 1...3)
    cluster.load(1, terms: [1, 1], currentTerm: 1)
    cluster.load(2, terms: [1, 1], currentTerm: 1)
    cluster.elect(1)
    #expect(cluster[1].commitIndex == LogIndex(3))
    #expect(cluster.checker.history.last == Entry(id: EntryID(2, 3), content: .noop))
  }

  @Test func `no read before the first commit of the term`() {
    var core = RaftCore.leader(voters: 1...3)
    var output = core.step(Input(now: core.now, event: .read(ReadID(1))))
    output = core.step(.heartbeatReply(HeartbeatReply(round: 1)), from: 2)
    #expect(output.readable.isEmpty)
    output = core.step(.appendReply(AppendReply(.accepted(match: EntryID(1, 1)))), from: 2)
    #expect(core.commitIndex == LogIndex(1))
    #expect(output.readable.isEmpty, "no round has begun since")
    #expect(output.sends.heartbeats(to: 3).map(\.round) == [2])
    output = core.step(.heartbeatReply(HeartbeatReply(round: 2)), from: 3)
    #expect(output.readable == [Readable(read: ReadID(1), index: LogIndex(1))])
  }
}

/// Linearizable reads without the log.
@Suite struct `Thesis §6.4` {
  /// A leader of three whose term has a commit, with one round answered.
  private func readyLeader() -> RaftCore {
    var core = RaftCore.leader(voters: 1...3)
    core.step(.appendReply(AppendReply(.accepted(match: EntryID(1, 1)))), from: 2)
    return core
  }

  @Test func `a read waits for a round that began after it, not for an older answer`() {
    var core = readyLeader()
    let first = core.step(Input(now: core.now, event: .read(ReadID(1))))
    let round = first.sends.heartbeats(to: 2).last?.round ?? 0
    let second = core.step(Input(now: core.now, event: .read(ReadID(2))))
    #expect(second.sends.isEmpty, "it goes with the next round")
    let answer = core.step(.heartbeatReply(HeartbeatReply(round: round)), from: 2)
    #expect(answer.readable.map(\.read) == [ReadID(1)])
    #expect(answer.sends.heartbeats(to: 3).map(\.round) == [round + 1])
    let late = core.step(.heartbeatReply(HeartbeatReply(round: round)), from: 3)
    #expect(late.readable.isEmpty, "an answer to the first round proves nothing for the second")
    let last = core.step(.heartbeatReply(HeartbeatReply(round: round + 1)), from: 3)
    #expect(last.readable.map(\.read) == [ReadID(2)])
  }

  /// Word of a commit comes with the round that stands; a second answer would say nothing new.
  @Test func `a round is answered once over a session`() {
    var core = RaftCore.follower(term: 5, voters: 1...3)
    let beat = { (round: UInt64) in
      Message.Body.heartbeat(Heartbeat(round: round, commitIndex: .zero))
    }
    func answers(_ output: Output) -> [UInt64] {
      (output.sends + output.writes.flatMap(\.releasedWhenDurable)).compactMap { envelope in
        guard case .heartbeatReply(let reply) = envelope.message.body else { return nil }
        return reply.round
      }
    }
    #expect(answers(core.receive(beat(7), term: 5, from: 2)) == [7])
    #expect(answers(core.receive(beat(7), term: 5, from: 2)) == [])
    #expect(answers(core.receive(beat(8), term: 5, from: 2)) == [8])
    // The answer may have been lost with the session.
    _ = core.step(Input(now: core.now, event: .sessionOpened(MemberID(2))))
    #expect(answers(core.receive(beat(8), term: 5, from: 2)) == [8])
    // A leader of a later term counts its rounds anew.
    #expect(answers(core.receive(beat(8), term: 6, from: 3)) == [8])
  }

  @Test func `the answer to a heartbeat of an earlier term confirms no round`() {
    // m2 may lead term 5 by the time the answer arrives, and count its rounds from one again.
    var core = RaftCore.follower(term: 5, voters: 1...3)
    let heartbeat = Message.Body.heartbeat(Heartbeat(round: 19, commitIndex: .zero))
    let output = core.receive(heartbeat, term: 4, from: 2)
    let reply = Message(term: Term(5), body: .heartbeatReply(HeartbeatReply(round: 0)))
    #expect(output.sends == [Envelope(to: MemberID(2), message: reply)])
  }

  /// A boot counts its reads from one again: an answer to the boot before would confirm a read that
  /// came after the answer's round had begun.
  @Test(arguments: [true, false])
  func `an earlier boot's read is not answered over the next boot's session`(isLost: Bool) {
    var core = readyLeader()
    let asked = core.step(.readIndex(ReadIndex(id: ReadID(2))), from: 3)
    let round = asked.sends.heartbeats(to: 2).last?.round ?? 0
    if isLost { _ = core.step(Input(now: core.now, event: .sessionLost(MemberID(3)))) }
    _ = core.step(Input(now: core.now, event: .sessionOpened(MemberID(3))))
    let answer = core.step(.heartbeatReply(HeartbeatReply(round: round)), from: 2)
    let replies = answer.sends.filter { envelope in
      if case .readIndexReply = envelope.message.body { true } else { false }
    }
    #expect(round > 0 && replies.isEmpty)
  }

  @Test func `reads that come meanwhile share one round`() {
    var core = readyLeader()
    let first = core.step(Input(now: core.now, event: .read(ReadID(1))))
    let round = first.sends.heartbeats(to: 2)[0].round
    for number in 2...50 as ClosedRange<UInt64> {
      let output = core.step(Input(now: core.now, event: .read(ReadID(number))))
      #expect(output.sends.isEmpty)
    }
    _ = core.step(.heartbeatReply(HeartbeatReply(round: round)), from: 2)
    let output = core.step(.heartbeatReply(HeartbeatReply(round: round + 1)), from: 2)
    #expect(output.readable.count == 49)
  }

  @Test func `a follower's read is confirmed by the leader`() {
    var cluster = Cluster(voters: 1...3)
    cluster.elect(1)
    cluster.propose("x", to: 1)
    cluster.settle()
    let id = cluster.read(at: 3)
    cluster.settle()
    #expect(cluster.readable == [Readable(read: id, index: LogIndex(2))])
  }

  @Test func `the only voter answers at once`() {
    var cluster = Cluster(voters: 1...1)
    cluster.settle()
    let id = cluster.read(at: 1)
    #expect(cluster.readable == [Readable(read: id, index: LogIndex(1))])
  }

  @Test func `a leader that was replaced confirms nothing`() {
    var cluster = Cluster(voters: 1...5)
    cluster.elect(1)
    cluster.partition([1, 2])
    cluster.elect(3)
    cluster.propose("new", to: 3)
    cluster.settle()
    let own = cluster.read(at: 1)
    let forwarded = cluster.read(at: 2)
    cluster.advance(by: .seconds(3))
    #expect(cluster.readable.isEmpty)
    #expect(Set(cluster.unreadable) == [own, forwarded])
    #expect(cluster.checker.violation == nil)
  }

  @Test func `every read is answered, whatever becomes of its leader`() {
    var cluster = Cluster(voters: 1...3)
    cluster.elect(1)
    let lost = cluster.read(at: 2)
    cluster.crash(1)
    cluster.advance(by: .seconds(5))
    #expect(cluster.unreadable.contains(lost) || cluster.readable.contains { $0.read == lost })
    #expect(cluster.checker.openReads == 0)
  }

  @Test func `a read is refused at once where no leader is known`() {
    var core = RaftCore.follower(term: 1, voters: 1...3)
    let output = core.step(Input(now: .zero, event: .read(ReadID(1))))
    #expect(output.unreadable == [ReadID(1)])
    let reply = core.receive(.readIndex(ReadIndex(id: ReadID(7))), term: 1, from: 2)
    #expect(
      reply.sends.map(\.message.body) == [
        .readIndexReply(ReadIndexReply(id: ReadID(7), index: nil))
      ])
  }

  @Test func `a silent leader's reads end after an election timeout`() {
    var cluster = Cluster(voters: 1...3)
    cluster.elect(1)
    cluster.cuts = [.init(from: 1, to: 0)]
    let id = cluster.read(at: 2)
    cluster.advance(by: .milliseconds(999))
    #expect(cluster.unreadable.isEmpty)
    cluster.advance(by: .milliseconds(1))
    #expect(cluster.unreadable == [id])
  }

  @Test func `a joint configuration confirms reads in both halves`() {
    var cluster = Cluster(voters: 1...3, learners: [4, 5])
    cluster.elect(1)
    cluster.settle()
    cluster.cuts = [.init(from: 3, to: 0), .init(from: 4, to: 0)]
    cluster.change(.setVoters([1, 4, 5].map { MemberID($0) }), at: 1)
    cluster.settle()
    cluster.read(at: 1)
    cluster.settle()
    #expect(cluster.readable.isEmpty, "the old half answers, the new half does not")
    cluster.heal()
    cluster.advance(by: .milliseconds(500))
    #expect(cluster.readable.count == 1)
  }
}
