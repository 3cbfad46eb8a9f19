import QuorateClient
import EtcdAPI
import Foundation
import RPC
import Testing

/// The rule by itself: every way in which an attempt fails, for reads and for writes.
@Suite struct `A call moves to another endpoint only when that cannot do a write twice` {
  private func verdict(
    _ access: RetryRule.Access, _ status: EtcdStatus, _ delivery: CallFailure.Delivery,
    why: Why? = nil
  ) throws -> RetryRule.Verdict {
    RetryRule.verdict(
      access,
      CallFailure(
        endpoint: try Endpoint("a:1"), status: status, delivery: delivery, why: why))
  }

  private func why(_ rule: Why.Rule, hasNoEffect: Bool) -> Why {
    Why(rule: rule, hasNoEffect: hasNoEffect, evidence: "e", stillWorks: "w", nextStep: "n")
  }

  @Test func `what was never sent may be sent elsewhere`() throws {
    for access in RetryRule.Access.allCases {
      #expect(
        try verdict(access, EtcdStatus(.unavailable, "connection refused"), .neverSent)
          == .tryElsewhere)
    }
  }

  @Test func `of what was under way nobody knows the end`() throws {
    let lost = EtcdStatus(.unavailable, "the connection was lost")
    #expect(try verdict(.write, lost, .maybeSent) == .outcomeUnknown)
    #expect(try verdict(.read, lost, .maybeSent) == .tryElsewhere)
    let late = EtcdStatus(.deadlineExceeded, "context deadline exceeded")
    #expect(try verdict(.write, late, .maybeSent) == .outcomeUnknown)
    #expect(try verdict(.read, late, .maybeSent) == .timedOut)
  }

  /// etcd gives no reason: only its texts say what came before the append.
  @Test(arguments: [
    (EtcdStatus.noLeader, RetryRule.Verdict.tryElsewhere, RetryRule.Verdict.tryElsewhere),
    (.tooManyRequests, .tryElsewhere, .tryElsewhere),
    (.notCapable, .tryElsewhere, .tryElsewhere),
    (.notSupportedForLearner, .tryElsewhere, .tryElsewhere),
    (.timedOut, .tryElsewhere, .outcomeUnknown),
    (.timedOutLeaderFailed, .tryElsewhere, .outcomeUnknown),
    (.timedOutConnectionLost, .tryElsewhere, .outcomeUnknown),
    (.leaderChanged, .tryElsewhere, .outcomeUnknown),
    (.stopped, .tryElsewhere, .outcomeUnknown),
    (.corrupt, .answered, .outcomeUnknown),
    (EtcdStatus(.internal, "x"), .answered, .outcomeUnknown),
    (.compacted, .answered, .answered),
    (.keyNotProvided, .answered, .answered),
    (.requestTooLarge, .answered, .answered),
    (.duplicateKey, .answered, .answered),
    (.leaseNotFound, .answered, .answered),
    (.noSpace, .answered, .answered),
  ])
  func `etcd's answers`(
    status: EtcdStatus, read: RetryRule.Verdict, write: RetryRule.Verdict
  ) throws {
    #expect(try verdict(.read, status, .answered) == read)
    #expect(try verdict(.write, status, .answered) == write)
  }

  @Test(arguments: Why.Rule.allCases)
  func `a member that cannot rule out an effect ends the write`(rule: Why.Rule) throws {
    let unknown = why(rule, hasNoEffect: false)
    #expect(try verdict(.write, .noLeader, .answered, why: unknown) == .outcomeUnknown)
  }

  @Test(arguments: Why.Rule.allCases)
  func `a member that refused before the append lets a write go elsewhere, where that can help`(
    rule: Why.Rule
  ) throws {
    let none = why(rule, hasNoEffect: true)
    let helps = ![Why.Rule.tooLarge, .membership, .other].contains(rule)
    for access in RetryRule.Access.allCases {
      #expect(
        try verdict(access, .timedOut, .answered, why: none)
          == (helps ? .tryElsewhere : .refused))
    }
  }
}

/// The same, on real connections: two members, and who was asked.
@Suite struct `A client between two members` {
  private static let refusedBefore = Why(
    rule: .inquorate, hasNoEffect: true, evidence: "1 of 3 voters heard", stillWorks: "reads",
    nextStep: "heal")
  private static let unknown = Why(
    rule: .outcomeUnknown, hasNoEffect: false, evidence: "appended", stillWorks: "reads",
    nextStep: "read")

  /// A port that no server is given (RFC 1078). A port that a stopped server had might soon be
  /// another test's.
  private static let nobody = try! Endpoint("127.0.0.1:1")

  enum RPCName: CaseIterable, Sendable {
    case range, put, deleteRange, txn, readOnlyTxn, compact, memberList

    var isRead: Bool {
      switch self {
      case .range, .readOnlyTxn, .memberList: true
      case .put, .deleteRange, .txn, .compact: false
      }
    }
  }

  private func call(_ name: RPCName, _ client: EtcdClient) async throws(ClientError) {
    let key = Data("k".utf8)
    switch name {
    case .range: _ = try await client.range(.make { $0.key = key })
    case .put: _ = try await client.put(.make { $0.key = key })
    case .deleteRange: _ = try await client.deleteRange(.make { $0.key = key })
    case .txn:
      let put = EtcdRequestOp.make { $0.requestPut = .make { $0.key = key } }
      _ = try await client.txn(.make { $0.success = [put] })
    case .readOnlyTxn:
      let range = EtcdRequestOp.make { $0.requestRange = .make { $0.key = key } }
      _ = try await client.txn(.make { $0.success = [range] })
    case .compact: _ = try await client.compact(.make { $0.revision = 1 })
    case .memberList: _ = try await client.memberList()
    }
  }

  /// Calls through a member that behaves so and one that answers; how it ended, and how often
  /// each was asked.
  private func outcome(
    of name: RPCName, _ behaviour: StubMember.Behaviour, timeout: Duration = .seconds(5)
  ) async throws -> (error: ClientError?, first: Int, second: Int) {
    let first = try await StubMember(behaviour)
    let second = try await StubMember(.answers)
    var options = ClientOptions()
    options.callTimeout = timeout
    let client = EtcdClient(endpoints: [first.endpoint, second.endpoint], options: options)
    var failure: ClientError?
    do throws(ClientError) {
      try await call(name, client)
    } catch {
      failure = error
    }
    let counts = (first.calls.count, second.calls.count)
    await client.close()
    await first.stop()
    await second.stop()
    return (failure, counts.0, counts.1)
  }

  @Test(arguments: RPCName.allCases)
  func `a refusal before the append moves every call on`(name: RPCName) async throws {
    let ended = try await outcome(of: name, .fails(.noLeader, Self.refusedBefore))
    #expect(ended.error == nil && ended.first == 1 && ended.second == 1)
  }

  @Test(arguments: RPCName.allCases)
  func `an unknown outcome ends a write, with Quorate and with etcd`(name: RPCName) async throws {
    for why in [Self.unknown, nil] {
      let ended = try await outcome(of: name, .fails(.timedOut, why))
      #expect(ended.first == 1)
      if name.isRead {
        #expect(ended.error == nil && ended.second == 1)
      } else {
        guard case .outcomeUnknown = ended.error else {
          Issue.record("\(name) ended with \(String(describing: ended.error))")
          continue
        }
        #expect(ended.second == 0)
      }
    }
  }

  @Test(arguments: RPCName.allCases)
  func `silence until the deadline`(name: RPCName) async throws {
    let ended = try await outcome(of: name, .isSilent, timeout: .milliseconds(300))
    #expect(ended.second == 0)
    switch ended.error {
    // On a machine so busy that the time was up before the call left, a write did nothing.
    case .timedOut(let failure):
      #expect(name.isRead || (failure.delivery == .neverSent && ended.first == 0))
    case .outcomeUnknown: #expect(!name.isRead)
    case .refused, .server, .unreachable, nil:
      Issue.record("\(name) ended with \(String(describing: ended.error))")
    }
  }

  @Test(arguments: RPCName.allCases)
  func `a no is a no`(name: RPCName) async throws {
    let ended = try await outcome(of: name, .fails(.compacted, nil))
    guard case .server(let failure) = ended.error else {
      Issue.record("\(name) ended with \(String(describing: ended.error))")
      return
    }
    #expect(failure.status == .compacted && ended.second == 0)
  }

  @Test(arguments: RPCName.allCases)
  func `an endpoint where nobody listens is passed over`(name: RPCName) async throws {
    let here = try await StubMember(.answers)
    let client = EtcdClient(endpoints: [Self.nobody, here.endpoint])
    try await call(name, client)
    // The next call begins where the last one was answered.
    try await call(name, client)
    #expect(here.calls.count == 2)
    await client.close()
    await here.stop()
  }

  @Test func `when nobody listens anywhere, nothing was sent`() async throws {
    let client = EtcdClient(endpoints: [Self.nobody])
    let error = await #expect(throws: ClientError.self) { try await client.put("k", "v") }
    guard case .unreachable(let failures) = error else {
      Issue.record("ended with \(String(describing: error))")
      return
    }
    #expect(failures.map(\.delivery) == [.neverSent])
  }

  @Test func `everybody refuses: the reason is told`() async throws {
    let first = try await StubMember(.fails(.noLeader, Self.refusedBefore))
    let second = try await StubMember(.fails(.noLeader, Self.refusedBefore))
    let client = EtcdClient(endpoints: [first.endpoint, second.endpoint])
    let error = await #expect(throws: ClientError.self) { try await client.put("k", "v") }
    guard case .refused(let failure) = error else {
      Issue.record("ended with \(String(describing: error))")
      return
    }
    #expect(failure.why == Self.refusedBefore)
    #expect(first.calls.count == 1 && second.calls.count == 1)
    await client.close()
    await first.stop()
    await second.stop()
  }

  @Test func `the age asked for goes out, and the age told comes back`() async throws {
    let member = try await StubMember(
      .answers,
      trailers: [(QuorateMetadata.age, "42"), (QuorateMetadata.revisionsBehind, "3")])
    let client = EtcdClient(endpoints: [member.endpoint])
    let reply = try await client.range(
      .make { $0.key = Data([1]) }, maxStaleness: .microseconds(1_999))
    #expect(reply.age == .milliseconds(42) && reply.revisionsBehind == 3)
    #expect(member.calls.first?.metadata.first(QuorateMetadata.maxStaleness) == "1")
    await client.close()
    await member.stop()
  }
}
