import Base
import KeyValue
import Raft
import Replica
import Testing

@testable import Simulation

/// Each checker sees what it is there for, and is silent otherwise.
@Suite struct InvariantTests {
  private let one = MemberID(1)
  private let two = MemberID(2)
  private let three = MemberID(3)

  private func entry(_ index: UInt64, _ term: UInt64, _ bytes: [UInt8] = []) -> Entry {
    Entry(id: EntryID(term: Term(term), index: LogIndex(index)), content: .command(bytes))
  }

  private func configuration(_ roles: [(UInt64, Configuration.Role)]) -> Configuration {
    Configuration(
      members: roles.map { id, role in
        .init(
          id: MemberID(id), incarnation: Incarnation(id), role: role, name: "m\(id)",
          peerURLs: ["http://m\(id)"])
      })
  }

  private func log(_ entries: [Entry]) -> ShadowLog {
    let base = LogBase(last: .zero, configuration: configuration([(1, .voter)]))
    return ShadowLog(base: base, entries: entries)
  }

  @Test func `two leaders in a term`() {
    var checker = ElectionSafety()
    #expect(checker.violation(leader: one, term: Term(1)) == nil)
    #expect(checker.violation(leader: one, term: Term(1)) == nil)
    #expect(checker.violation(leader: two, term: Term(2)) == nil)
    #expect(checker.violation(leader: two, term: Term(1)) == "1 and 2 both lead term 1")
  }

  @Test func `an entry with two contents or two predecessors`() {
    var checker = LogMatching()
    let first = entry(1, 1)
    #expect(checker.violation(entries: [first, entry(2, 2, [7])], after: .zero) == nil)
    #expect(checker.violation(entries: [entry(2, 2, [7])], after: first.id) == nil)
    #expect(
      checker.violation(entries: [entry(2, 2, [8])], after: first.id)
        == "entry 2 of term 2 has two contents")
    let other = EntryID(term: Term(2), index: LogIndex(1))
    #expect(
      checker.violation(entries: [entry(2, 2, [7])], after: other)
        == "entry 2 of term 2 follows term 1 on one member and term 2 on another")
  }

  @Test func `a leader without a committed entry, and a commit that contradicts another`() {
    var checker = CommittedLog()
    let long = log([entry(1, 1), entry(2, 1)])
    #expect(
      checker.violation(member: one, commits: LogIndex(2), in: Term(2), log: long, at: .zero) == nil
    )
    #expect(checker.violation(leader: two, term: Term(3), log: long) == nil)
    let short = log([entry(1, 1)])
    #expect(checker.violation(leader: two, term: Term(2), log: short) == nil, "elected late")
    #expect(
      checker.violation(leader: two, term: Term(3), log: short)
        == "2 leads term 3 without the entry 2 of term 1, committed in term 2")
    let other = log([entry(1, 1), entry(2, 3)])
    #expect(
      checker.violation(member: two, commits: LogIndex(2), in: Term(1), log: other, at: .zero)
        == "at index 2 2 has committed term 3, others term 1")
    #expect(
      checker.violation(member: two, commits: LogIndex(3), in: Term(1), log: long, at: .zero)
        == "2 commits 3, its log ends at 2")
    #expect(
      checker.violation(member: two, applies: EntryID(term: Term(3), index: LogIndex(2)))
        == "at index 2 2 has committed term 3, others term 1")
    #expect(
      checker.violation(member: two, applies: EntryID(term: Term(3), index: LogIndex(3)))
        == "2 applies entry 3, which is not committed")
  }

  @Test func `another digest or revision at an equal applied index`() {
    var checker = StateAgreement()
    let state = StateMeta(appliedIndex: 4, revision: 2)
    #expect(checker.violation(member: one, state: state) == nil)
    #expect(checker.violation(member: two, state: state) == nil)
    let digest = StateDigest(lanes: (1, 0, 0, 0))
    #expect(
      checker.violation(member: two, state: StateMeta(appliedIndex: 4, revision: 2, digest: digest))
        == "2 has another digest than others after entry 4")
    #expect(
      checker.violation(member: two, state: StateMeta(appliedIndex: 4, revision: 3))
        == "2 is at revision 3 after entry 4, others at 2")
  }

  @Test func `a second vote in a term, by the same data directory only`() {
    var checker = OneVoteATerm()
    func vote(_ incarnation: UInt64, _ candidate: MemberID) -> String? {
      checker.violation(
        voter: one, incarnation: Incarnation(incarnation), term: Term(3), candidate: candidate)
    }
    #expect(vote(1, two) == nil)
    #expect(vote(1, two) == nil)
    #expect(vote(2, three) == nil)
    #expect(vote(1, three) == "1 votes for 2 and 3 in term 3")
  }

  @Test func `a promise that is not on disk`() {
    let checker = DurablePromises()
    func violation(_ body: Message.Body, _ state: HardState) -> String? {
      checker.violation(
        member: one, message: Message(term: Term(2), body: body), to: two, hardState: state,
        log: log([entry(1, 1)]))
    }
    let granted = Message.Body.voteReply(VoteReply(granted: true))
    let voted = HardState(currentTerm: Term(2), votedFor: two)
    #expect(violation(granted, voted) == nil)
    #expect(
      violation(granted, HardState(currentTerm: Term(2)))
        == "1 grants a vote in term 2 that is not on disk")
    #expect(
      violation(.heartbeatReply(HeartbeatReply(round: 1)), HardState(currentTerm: Term(1)))
        == "1 speaks in term 2 that is not on disk")
    let match = EntryID(term: Term(2), index: LogIndex(2))
    #expect(
      violation(.appendReply(AppendReply(.accepted(match: match))), voted)
        == "1 acknowledges entry 2 of term 2 that is not on disk")
    let ask = Message.Body.requestVote(RequestVote(lastEntry: entry(1, 1).id))
    #expect(
      violation(ask, voted) == "1 asks for votes in term 2 without its own on disk")
    #expect(violation(ask, HardState(currentTerm: Term(2), votedFor: one)) == nil)
  }

  /// The request leaves with a batch that already holds what the leader of the same term has put in
  /// place of the candidate's last entry: nobody counts its votes any more.
  @Test func `a request for votes speaks of the log as its own write left it`() {
    let (earlier, later) = (log([entry(1, 1)]), log([entry(1, 2)]))
    func violation(asOf log: ShadowLog?) -> String? {
      let ask = Message.Body.requestVote(RequestVote(lastEntry: entry(1, 1).id))
      return DurablePromises().violation(
        member: one, message: Message(term: Term(2), body: ask), to: two,
        hardState: HardState(currentTerm: Term(2), votedFor: one), log: later, asOf: log)
    }
    #expect(violation(asOf: earlier) == nil)
    #expect(violation(asOf: nil) == "1 names an entry as its last that is not on disk")
  }

  @Test func `what never goes back`() {
    func marks(
      _ boot: UInt64, _ term: UInt64, _ commit: UInt64, _ applied: UInt64, _ revision: Int64
    ) -> NeverBack.Marks {
      .init(
        boot: Boot(boot), term: Term(term), commitIndex: LogIndex(commit),
        applied: LogIndex(applied), revision: revision)
    }
    var checker = NeverBack()
    #expect(checker.violation(member: one, marks(1, 2, 5, 4, 3)) == nil)
    for (after, sentence) in [
      (marks(1, 1, 5, 4, 3), "1's term goes back from 2 to 1"),
      (marks(1, 2, 4, 4, 3), "1's commit goes back from 5 to 4"),
      (marks(1, 2, 5, 3, 3), "1's applied goes back from 4 to 3"),
      (marks(1, 2, 5, 4, 2), "1's revision goes back from 3 to 2"),
      (marks(1, 2, 5, 6, 3), "1 has applied 6 and committed 5"),
    ] {
      var copy = checker
      #expect(copy.violation(member: one, after) == sentence)
    }
    #expect(checker.violation(member: one, durable: Term(2)) == nil)
    #expect(checker.violation(member: one, marks(2, 2, 1, 1, 1)) == nil, "another boot")
    #expect(
      checker.violation(member: one, marks(3, 1, 1, 1, 1)) == "1 is in term 1, its disk in 2")
    #expect(
      checker.violation(member: one, durable: Term(1)) == "1's durable term goes back from 2 to 1")
  }

  @Test func `a commit on too few disks, in either half`() {
    let checker = MajorityDurability()
    let committed = entry(7, 2).id
    let plain = configuration([(1, .voter), (2, .voter), (3, .voter), (4, .learner)])
    #expect(
      checker.violation(committed: committed, in: plain) { [one, two].contains($0) } == nil)
    #expect(
      checker.violation(committed: committed, in: plain) { [one, MemberID(4)].contains($0) }
        == "entry 7 of term 2 is committed and on the disks of 1 of 3 voters")
    let joint = configuration([
      (1, .voter), (2, .outgoing), (3, .demoting), (4, .incoming), (5, .incoming),
    ])
    #expect(
      checker.violation(committed: committed, in: joint) { $0.number != 4 } == nil)
    #expect(
      checker.violation(committed: committed, in: joint) { $0.number <= 3 }
        == "entry 7 of term 2 is committed and on the disks of 1 of 3 voters")
  }

  @Test func `a command twice, a refused one, and an acknowledgement of nothing`() {
    var checker = RequestFates()
    let origin = CommandOrigin(member: 1, boot: 1, sequence: 9)
    #expect(
      checker.violation(acknowledged: origin, CommittedLog())
        == "request 9 of boot 1 of 1 is acknowledged and not committed")
    #expect(checker.violation(applied: origin, in: entry(4, 1).id) == nil)
    #expect(checker.violation(applied: origin, in: entry(4, 1).id) == nil, "on another member")
    #expect(
      checker.violation(applied: origin, in: entry(5, 1).id)
        == "request 9 of boot 1 of 1 is applied at 4 and again at 5")
    let refused = CommandOrigin(member: 1, boot: 1, sequence: 10)
    #expect(checker.violation(refused: refused) == nil)
    #expect(
      checker.violation(applied: refused, in: entry(6, 1).id)
        == "request 10 of boot 1 of 1 was refused and takes effect at 6")
    #expect(
      checker.violation(refused: origin)
        == "request 9 of boot 1 of 1 is refused and took effect at 4")
  }

  @Test func `an age below the truth`() {
    var committed = CommittedLog()
    let log = log([entry(1, 1), entry(2, 1)])
    let later = Instant.zero + .milliseconds(10)
    #expect(
      committed.violation(member: one, commits: LogIndex(1), in: Term(1), log: log, at: .zero)
        == nil)
    #expect(
      committed.violation(member: one, commits: LogIndex(2), in: Term(1), log: log, at: later)
        == nil)
    let now = Instant.zero + .milliseconds(30)
    func violation(_ applied: UInt64, _ age: Duration) -> String? {
      HonestAge().violation(
        member: two, applied: LogIndex(applied), age: age, at: now, committed)
    }
    #expect(violation(2, .zero) == nil)
    #expect(violation(1, .milliseconds(20)) == nil)
    #expect(
      violation(1, .milliseconds(19)) == "2 reports age 0.019 seconds and is 0.02 seconds behind")
  }

  @Test func `health from a commit that is too old`() {
    var committed = CommittedLog()
    let instant = Instant.zero + .seconds(1)
    #expect(
      committed.violation(
        member: one, commits: LogIndex(1), in: Term(1), log: log([entry(1, 1)]), at: instant)
        == nil)
    func violation(_ applied: UInt64, after age: Duration) -> String? {
      HonestHealth().violation(
        member: two, applied: LogIndex(applied), at: instant + age, limit: .seconds(3), committed)
    }
    #expect(violation(1, after: .seconds(3)) == nil)
    #expect(
      violation(1, after: .seconds(4))
        == "2 says that writes pass, and the last that it knows was committed 4.0 seconds ago")
    #expect(violation(0, after: .zero) == "2 says that writes pass, and it knows of none")
  }

  @Test(arguments: 1...7) func `the quorum rule against what the network was`(voters: Int) {
    let configuration = configuration((1...UInt64(voters)).map { ($0, .voter) })
    for heard in 1...voters {
      let view = QuorumView(
        current: .init(voters: voters, heard: heard), missing: [])
      func violation(_ contact: @escaping (MemberID) -> QuorumTruth.Contact) -> String? {
        QuorumTruth().violation(member: one, says: view, of: configuration, contact: contact)
      }
      let truth = { (id: MemberID) -> QuorumTruth.Contact in
        id.number <= UInt64(heard) ? .certain : .impossible
      }
      #expect(violation(truth) == nil)
      #expect(violation { _ in .unclear } == nil || heard * 2 > voters || voters == 1)
      if heard * 2 > voters && voters > 1 {
        #expect(violation { _ in .impossible } != nil)
      } else if voters > 1 {
        #expect(violation { _ in .certain } != nil)
      }
    }
  }

  @Test func `members by another configuration than the log's last`() {
    let first = configuration([(1, .voter)])
    let second = configuration([(1, .voter), (2, .voter)])
    let change = Entry(
      id: EntryID(term: Term(1), index: LogIndex(1)), content: .configuration(second))
    let checker = MembershipFold()
    #expect(checker.violation(member: one, inForce: second, log: log([change])) == nil)
    #expect(
      checker.violation(member: one, inForce: first, log: log([change]))
        == "1 goes by another configuration than the last one of its log, which ends at 1")
  }
}
