import EtcdAPI
import Foundation
import KeyValue
import Raft
import Replica
import Services
import Testing

/// Codes and texts of etcd api/v3rpc/rpctypes/error.go, as clients match on them.
@Suite struct `What etcd refuses before it appends` {
  private let service = KVService()

  private func refusal(_ method: KVService.Method, _ message: some EtcdMessage) -> EtcdStatus? {
    guard case .refused(let status) = service.plan(method, body: message.encodedBytes) else {
      return nil
    }
    return status
  }

  private func put(_ key: UInt8) -> EtcdRequestOp {
    .make { $0.requestPut = .make { $0.key = Data([key]) } }
  }

  private func deletion(_ key: UInt8, _ end: [UInt8] = []) -> EtcdRequestOp {
    .make { step in
      step.requestDeleteRange = .make {
        $0.key = Data([key])
        $0.rangeEnd = Data(end)
      }
    }
  }

  @Test func `an empty key`() {
    let status = EtcdStatus(.invalidArgument, "etcdserver: key is not provided")
    #expect(refusal(.range, EtcdRangeRequest()) == status)
    #expect(refusal(.put, EtcdPutRequest()) == status)
    #expect(refusal(.deleteRange, EtcdDeleteRangeRequest()) == status)
    #expect(refusal(.txn, EtcdTxnRequest.make { $0.compare = [EtcdCompare()] }) == status)
  }

  @Test func `a value or a lease that is to be ignored`() {
    let value = EtcdPutRequest.make {
      $0.key = Data([1])
      $0.value = Data([1])
      $0.ignoreValue = true
    }
    #expect(
      refusal(.put, value) == EtcdStatus(.invalidArgument, "etcdserver: value is provided"))
    let lease = EtcdPutRequest.make {
      $0.key = Data([1])
      $0.lease = 1
      $0.ignoreLease = true
    }
    #expect(
      refusal(.put, lease) == EtcdStatus(.invalidArgument, "etcdserver: lease is provided"))
  }

  @Test func `a sort order or target that there is not`() {
    let status = EtcdStatus(.invalidArgument, "etcdserver: invalid sort option")
    let order = EtcdRangeRequest.make {
      $0.key = Data([1])
      $0.sortOrder = .UNRECOGNIZED(9)
    }
    let target = EtcdRangeRequest.make {
      $0.key = Data([1])
      $0.sortTarget = .UNRECOGNIZED(9)
    }
    #expect(refusal(.range, order) == status && refusal(.range, target) == status)
  }

  @Test func `a step that is none`() {
    #expect(
      refusal(.txn, EtcdTxnRequest.make { $0.success = [EtcdRequestOp()] })
        == EtcdStatus(.invalidArgument, "etcdserver: key not found"))
  }

  @Test func `more than 128 operations in a list`() {
    let status = EtcdStatus(
      .invalidArgument, "etcdserver: too many operations in txn request")
    let full = (0..<128).map { put(UInt8($0)) }
    #expect(refusal(.txn, EtcdTxnRequest.make { $0.success = full }) == nil)
    #expect(refusal(.txn, EtcdTxnRequest.make { $0.failure = full + [put(128)] }) == status)
  }

  /// Found by comparing with etcd: of several faults the one that etcd meets first is told.
  @Test func `of two faults in a transaction the first one, as etcd looks`() {
    let many = (0..<129).map { put(UInt8($0)) }
    let none = EtcdRequestOp()
    let inner = EtcdRequestOp.make { $0.requestTxn = .make { $0.success = many } }
    #expect(refusal(.txn, EtcdTxnRequest.make { $0.success = many + [none] }) == .tooManyOperations)
    #expect(
      refusal(.txn, EtcdTxnRequest.make { $0.success = [inner, none] }) == .tooManyOperations)
    #expect(refusal(.txn, EtcdTxnRequest.make { $0.success = [none, inner] }) == .keyNotFound)
    let keyless = EtcdTxnRequest.make {
      $0.compare = [EtcdCompare()]
      $0.success = [none]
    }
    #expect(refusal(.txn, keyless) == .keyNotProvided)
  }

  /// etcd key.go `checkIntervals`.
  @Test func `a key written twice on one way`() {
    let status = EtcdStatus(
      .invalidArgument, "etcdserver: duplicate key given in txn request")
    func refused(_ steps: [EtcdRequestOp]) -> EtcdStatus? {
      refusal(.txn, EtcdTxnRequest.make { $0.success = steps })
    }
    #expect(refused([put(1), put(1)]) == status)
    #expect(refused([put(1), deletion(1)]) == status)
    #expect(refused([put(3), deletion(1, [9])]) == status)
    #expect(refused([put(9), deletion(1, [9])]) == nil)
    #expect(refused([deletion(1, [9]), deletion(2)]) == nil)
    let either = EtcdRequestOp.make { step in
      step.requestTxn = .make {
        $0.success = [put(1)]
        $0.failure = [put(1)]
      }
    }
    #expect(refused([either]) == nil)
    #expect(refused([either, put(1)]) == status)
  }

  @Test func `a request beyond one and a half mebibytes, unless it only reads`() {
    let large = Data(repeating: 1, count: 3 << 19)
    let put = EtcdPutRequest.make {
      $0.key = Data([1])
      $0.value = large
    }
    #expect(
      refusal(.put, put) == EtcdStatus(.invalidArgument, "etcdserver: request is too large"))
    #expect(refusal(.range, EtcdRangeRequest.make { $0.key = large }) == nil)
  }

  @Test func `bytes that are no message`() {
    guard case .refused(let status) = service.plan(.put, body: [0xFF]) else {
      Issue.record("bytes that are no message became a plan")
      return
    }
    #expect(status.code == .internal)
  }

  @Test(arguments: [
    (CommandError.compacted, 11, "etcdserver: mvcc: required revision has been compacted"),
    (.futureRevision, 11, "etcdserver: mvcc: required revision is a future revision"),
    (.keyNotFound, 3, "etcdserver: key not found"),
    (.leaseNotFound, 5, "etcdserver: requested lease not found"),
  ])
  func `a command's failure`(error: CommandError, code: Int, text: String) {
    let status = EtcdStatus(error)
    #expect(status.code.rawValue == code && status.text == text)
    #expect(throws: status) {
      try KVService.body(
        CommandResult(revision: 1, answer: .failed(error)),
        AnswerHeader(cluster: 1, member: 1, raftTerm: 1))
    }
  }
}

@Suite struct `A replica's refusal in etcd's words, with the reason beside them` {
  private static let view = QuorumView(
    current: .init(voters: 3, heard: 1), missing: [MemberID(2), MemberID(0xAB)])
  private static let members = MemberDirectory([
    .init(id: MemberID(1), name: "n1", peerURLs: [], clientURLs: ["http://a:1"], isLearner: false),
    .init(id: MemberID(2), name: "n2", peerURLs: [], clientURLs: [], isLearner: false),
  ])

  @Test(
    arguments: [
      (
        Refusal.Rule.inquorate(view, policy: .readOnly), 14, "etcdserver: no leader",
        Why.Rule.inquorate
      ),
      (.noLeader(view), 14, "etcdserver: no leader", .noLeader),
      (.leaderInquorate(MemberID(1)), 14, "etcdserver: no leader", .inquorate),
      (
        .leaderUnreachable(MemberID(1)), 14,
        "etcdserver: request timed out, possibly due to connection lost", .leaderUnreachable
      ),
      (.notLeader(leader: nil), 9, "etcdserver: not leader", .notLeader),
      (.leaderChanging, 14, "etcdserver: leader changed", .leaderChanged),
      (
        .tooManyRequests(inFlight: 2, limit: 1), 8, "etcdserver: too many requests", .overloaded
      ),
      (.overlayFull, 8, "etcdserver: too many requests", .overloaded),
      (.noSpace, 8, "etcdserver: mvcc: database space exceeded", .noSpace),
      (
        .requestTooLarge(bytes: 2, limitBytes: 1), 3, "etcdserver: request is too large", .tooLarge
      ),
      (.shuttingDown, 14, "etcdserver: server stopped", .stopping),
      (
        .notFormed([FormationGap(member: MemberID(2), reason: .silent)]), 14,
        "etcdserver: unhealthy cluster", .forming
      ),
      (
        .configuration(.memberNotFound), 5, "etcdserver: member not found", .membership
      ),
      (.transferTarget(MemberID(2)), 9, "etcdserver: bad leader transferee", .membership),
    ] as [(Refusal.Rule, Int, String, Why.Rule)])
  func `code, text and rule`(rule: Refusal.Rule, code: Int, text: String, name: Why.Rule) throws {
    let answer = FailedAnswer(Refusal(rule), members: Self.members)
    #expect(answer.status.code.rawValue == code && answer.status.text == text)
    let why = try #require(answer.why)
    #expect(why.rule == name && why.hasNoEffect)
    #expect(!why.evidence.isEmpty && !why.stillWorks.isEmpty && !why.nextStep.isEmpty)
  }

  @Test func `the quorum rule names R, N and who is missing`() {
    let answer = FailedAnswer(
      Refusal(.inquorate(Self.view, policy: .readOnly)), members: Self.members)
    #expect(answer.why?.evidence == "1 of 3 voters heard, 2 needed; missing: ab, n2")
    #expect(answer.why?.nextStep == "restore the links to ab, n2, or restart them")
  }

  @Test func `a store that has not formed names whom it waits for, and why`() {
    let gaps = [
      FormationGap(member: MemberID(1), reason: .lacks([MemberID(2)])),
      FormationGap(member: MemberID(2), reason: .silent),
    ]
    let answer = FailedAnswer(Refusal(.notFormed(gaps)), members: Self.members)
    #expect(
      answer.why?.evidence
        == "the members have not all met: n1 has not met n2; n2 has not greeted this member")
    #expect(answer.why?.nextStep == "restore the links to n1, n2, or restart them")
    let other = [FormationGap(member: MemberID(1), reason: .differs([MemberID(2)]))]
    #expect(
      FailedAnswer(Refusal(.notFormed(other)), members: Self.members).why?.evidence
        == "the members have not all met: n1 knows another data directory of n2")
    #expect(
      FailedAnswer(Refusal(.notFormed([])), members: Self.members).why?.evidence
        == "the members have met, and the store is about to form")
  }

  @Test func `the leader's address is part of the advice`() {
    let answer = FailedAnswer(
      Refusal(.notLeader(leader: MemberID(1))), members: Self.members)
    #expect(answer.why?.nextStep == "ask the leader, n1: --endpoints http://a:1")
  }

  @Test func `an age is told rounded up`() {
    let answer = FailedAnswer(
      Refusal(.tooStale(age: .microseconds(1_001), limit: .milliseconds(1))),
      members: Self.members)
    #expect(answer.why?.evidence == "the state here is 2 ms old, and the request accepts 1 ms")
  }

  @Test func `what was appended is never called without effect`() {
    let doubts = [Doubt.late, .insideSnapshot, .inquorate(Self.view)]
    for doubt in doubts {
      let answer = FailedAnswer(doubt, members: Self.members)
      #expect(answer.why?.hasNoEffect == false)
      #expect(answer.status.text == "etcdserver: request timed out")
    }
    #expect(FailedAnswer.lost.why?.hasNoEffect == true)
  }
}
