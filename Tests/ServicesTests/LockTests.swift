import EtcdAPI
import Foundation
import Testing

@testable import Services

/// Locks and elections as values: what they ask, in which order, and what the client is told.
@Suite struct LockTests {
  private static let name = Data("n".utf8)
  private static let me = Data("n/a".utf8)
  private static let other = Data("n/9".utf8)

  private func header(_ revision: Int64) -> EtcdResponseHeader { .make { $0.revision = revision } }

  private func pair(
    _ key: Data, at revision: Int64, _ value: String = "", lease: Int64 = 0
  ) -> EtcdKeyValue {
    .make {
      $0.key = key
      ($0.createRevision, $0.modRevision) = (revision, revision)
      $0.value = Data(value.utf8)
      $0.lease = lease
    }
  }

  private func range(_ pairs: EtcdKeyValue...) -> EtcdResponseOp {
    .make { $0.responseRange = .make { $0.kvs = pairs } }
  }

  private func txn(
    _ succeeded: Bool, at revision: Int64, _ responses: [EtcdResponseOp] = []
  ) -> LockCallInput {
    .answered(
      EtcdTxnResponse.make {
        $0.header = header(revision)
        $0.succeeded = succeeded
        $0.responses = responses
      }.encodedBytes)
  }

  private func entered(at revision: Int64, first: EtcdKeyValue) -> LockCallInput {
    txn(true, at: revision, [.make { $0.responsePut = EtcdPutResponse() }, range(first)])
  }

  private func deleted(_ watch: Int64, _ key: Data, at revision: Int64) -> LockCallInput {
    .watched(
      .make {
        $0.header = header(revision)
        $0.watchID = watch
        $0.events = [
          .make {
            $0.type = .delete
            $0.kv = .make {
              $0.key = key
              $0.modRevision = revision
            }
          }
        ]
      })
  }

  private func lock(lease: Int64 = 10) throws -> any LockCall {
    try LockService.lockCall(
      EtcdMethod.Lock.lock,
      body: EtcdLockRequest.make {
        $0.name = Self.name
        $0.lease = lease
      }.encodedBytes)
  }

  private func campaign(_ value: String = "v") throws -> any LockCall {
    try LockService.lockCall(
      EtcdMethod.Election.campaign,
      body: EtcdCampaignRequest.make {
        $0.name = Self.name
        $0.lease = 10
        $0.value = Data(value.utf8)
      }.encodedBytes)
  }

  private let look = LockCallEffect.ask(
    .txn(LockRequests.predecessor(of: LockTests.me, in: LockTests.name, madeAt: 7)))
  private let takeBack = LockCallEffect.leave(
    .txn(LockRequests.resign(LockTests.me, madeAt: 7)))

  /// What the watches of a call that waits are of, and from which revision on.
  private func watched(_ effects: [LockCallEffect]) -> [String] {
    guard case .watch(let requests)? = effects.last else { return [] }
    return requests.map { "\(String(decoding: $0.key, as: UTF8.self))@\($0.startRevision)" }
  }

  /// Brings a lock to where it waits for the key before its own, which is other's.
  private func waitingLock() throws -> any LockCall {
    var lock = try lock()
    _ = lock.step(.start)
    #expect(lock.step(entered(at: 7, first: pair(Self.other, at: 5))) == [look])
    let waits = lock.step(
      txn(true, at: 8, [range(pair(Self.other, at: 5)), range(pair(Self.me, at: 7))]))
    #expect(watched(waits) == ["n/9@9", "n/a@9"])
    return lock
  }

  private func locked(at revision: Int64, token: Int64) -> LockCallEffect {
    .answer(
      EtcdLockResponse.make {
        $0.header = header(revision)
        $0.key = Self.me
      }.encodedBytes, token: token)
  }

  // MARK: Locks

  @Test func `a free lock is taken by one transaction`() throws {
    var lock = try lock()
    #expect(lock.step(.start) == [.ask(.txn(LockRequests.enter(Self.name, lease: 10)))])
    #expect(lock.step(entered(at: 7, first: pair(Self.me, at: 7))) == [locked(at: 7, token: 7)])
    #expect(lock.step(.cancelled) == [], "it is over")
  }

  @Test func `who asks again with the lease that holds it holds it as of then`() throws {
    var lock = try lock()
    _ = lock.step(.start)
    let own = pair(Self.me, at: 4)
    #expect(lock.step(txn(false, at: 9, [range(own), range(own)])) == [locked(at: 9, token: 4)])
  }

  @Test func `a held lock is waited for by a watch of the key before, and of one's own`() throws {
    var lock = try waitingLock()
    #expect(lock.step(deleted(1, Self.other, at: 9)) == [.endWatch, look])
    #expect(
      lock.step(txn(true, at: 9, [range(), range(pair(Self.me, at: 7))]))
        == [locked(at: 9, token: 7)])
  }

  /// A waiter in the middle leaves: who was behind it waits for the one before.
  @Test func `another key before one's own is waited for in turn`() throws {
    var lock = try waitingLock()
    _ = lock.step(deleted(1, Self.other, at: 9))
    let waits = lock.step(
      txn(true, at: 11, [range(pair(Data("n/5".utf8), at: 3)), range(pair(Self.me, at: 7))]))
    #expect(watched(waits) == ["n/5@12", "n/a@12"])
  }

  @Test func `who loses the lease while waiting is told at once`() throws {
    var lock = try waitingLock()
    let expired = LockCallEffect.fail(FailedAnswer(.sessionExpired))
    #expect(lock.step(deleted(2, Self.me, at: 9)) == [.endWatch, expired])

    var late = try waitingLock()
    _ = late.step(deleted(1, Self.other, at: 9))
    #expect(late.step(txn(true, at: 10, [range(), range()])) == [expired])

    // The key is there again, but it is another: somebody else's wait with the same lease.
    var replaced = try waitingLock()
    _ = replaced.step(deleted(1, Self.other, at: 9))
    #expect(
      replaced.step(txn(true, at: 12, [range(), range(pair(Self.me, at: 11))])) == [expired])
  }

  @Test func `a watch that was compacted away looks again`() throws {
    var lock = try waitingLock()
    let compacted = EtcdWatchResponse.make {
      ($0.watchID, $0.canceled, $0.compactRevision) = (1, true, 20)
    }
    #expect(lock.step(.watched(compacted)) == [.endWatch, look])
  }

  @Test func `a watch that is refused or ends ends the call`() throws {
    var lock = try waitingLock()
    let refused = EtcdWatchResponse.make {
      ($0.watchID, $0.created, $0.canceled) = (-1, true, true)
    }
    #expect(
      lock.step(.watched(refused)) == [.endWatch, .fail(FailedAnswer(.tooManyRequests))])

    var cutOff = try waitingLock()
    #expect(
      cutOff.step(.watchFailed(FailedAnswer(.noLeader)))
        == [.endWatch, .fail(FailedAnswer(.noLeader))], "the place is kept")
  }

  @Test func `a client that goes takes its key with it, at once or when it is known`() throws {
    var waiting = try waitingLock()
    #expect(waiting.step(.cancelled) == [.endWatch, takeBack])

    var entering = try lock()
    _ = entering.step(.start)
    #expect(entering.step(.cancelled) == [])
    #expect(entering.step(entered(at: 7, first: pair(Self.other, at: 5))) == [takeBack])

    var refused = try lock()
    _ = refused.step(.start)
    _ = refused.step(.cancelled)
    #expect(refused.step(.failed(FailedAnswer(.noLeader))) == [.leave(nil)])
  }

  @Test func `without a lease one is granted, and revoked when the client goes`() throws {
    var lock = try lock(lease: 0)
    #expect(lock.step(.start) == [.ask(.grant(.make { $0.ttl = 60 }))])
    let granted = EtcdLeaseGrantResponse.make { $0.id = 10 }.encodedBytes
    #expect(
      lock.step(.answered(granted)) == [.ask(.txn(LockRequests.enter(Self.name, lease: 10)))])
    _ = lock.step(entered(at: 7, first: pair(Self.other, at: 5)))
    #expect(lock.step(.cancelled) == [])
    #expect(lock.step(txn(true, at: 8)) == [.leave(.revoke(.make { $0.id = 10 }))])
  }

  /// etcd's server is its own client, and loses the code of what it is refused.
  @Test func `a fault of the request keeps etcd's text, a passing one its code`() throws {
    for (given, told) in [
      (EtcdStatus.leaseNotFound, EtcdStatus(.unknown, EtcdStatus.leaseNotFound.text)),
      (.requestTooLarge, EtcdStatus(.unknown, EtcdStatus.requestTooLarge.text)),
      (.noLeader, .noLeader), (.timedOut, .timedOut), (.noSpace, .noSpace),
    ] {
      var lock = try lock()
      _ = lock.step(.start)
      #expect(lock.step(.failed(FailedAnswer(given))) == [.fail(FailedAnswer(told))])
    }
  }

  @Test func `a lease of any sign names its key as Go prints it`() {
    let keys = [10, -10, Int64.max, .min].map {
      String(decoding: LockRequests.key(in: Self.name, lease: $0), as: UTF8.self)
    }
    #expect(keys == ["n/a", "n/-a", "n/7fffffffffffffff", "n/-8000000000000000"])
  }

  // MARK: Elections

  private func elected(_ header: Int64, rev: Int64) -> LockCallEffect {
    .answer(
      EtcdCampaignResponse.make {
        $0.header = self.header(header)
        $0.leader = .make {
          $0.name = Self.name
          $0.key = Self.me
          $0.rev = rev
          $0.lease = 10
        }
      }.encodedBytes, token: rev)
  }

  @Test func `a candidate that has waited answers as of its entry`() throws {
    var campaign = try campaign()
    _ = campaign.step(.start)
    #expect(campaign.step(entered(at: 7, first: pair(Self.other, at: 5))) == [look])
    _ = campaign.step(
      txn(true, at: 8, [range(pair(Self.other, at: 5)), range(pair(Self.me, at: 7))]))
    #expect(campaign.step(deleted(1, Self.other, at: 12)) == [.endWatch, look])
    #expect(
      campaign.step(txn(true, at: 12, [range(), range(pair(Self.me, at: 7))]))
        == [elected(7, rev: 7)])
  }

  @Test func `a candidate that lost its lease does not lead`() throws {
    var campaign = try campaign()
    _ = campaign.step(.start)
    _ = campaign.step(entered(at: 7, first: pair(Self.other, at: 5)))
    #expect(
      campaign.step(txn(true, at: 9, [range(), range()]))
        == [.fail(FailedAnswer(.candidateExpired))])
  }

  @Test func `who leads and campaigns again says its new word first`() throws {
    var campaign = try campaign("new")
    _ = campaign.step(.start)
    let own = pair(Self.me, at: 4, "old", lease: 10)
    let leader = EtcdLeaderKey.make {
      ($0.key, $0.rev, $0.lease) = (Self.me, 4, 10)
    }
    #expect(
      campaign.step(txn(false, at: 9, [range(own), range(own)]))
        == [.ask(.txn(LockRequests.proclaim(leader, value: Data("new".utf8))))])
    #expect(campaign.step(txn(true, at: 10)) == [elected(9, rev: 4)])
  }

  @Test func `only who leads proclaims, and a key must be shown`() throws {
    let leader = EtcdLeaderKey.make { ($0.key, $0.rev, $0.lease) = (Self.me, 7, 10) }
    let body = EtcdProclaimRequest.make { $0.leader = leader }.encodedBytes
    var proclaim = try LockService.lockCall(EtcdMethod.Election.proclaim, body: body)
    #expect(
      proclaim.step(.start) == [.ask(.txn(LockRequests.proclaim(leader, value: Data())))])
    #expect(proclaim.step(txn(false, at: 9)) == [.fail(FailedAnswer(.notElected))])

    for method in [EtcdMethod.Election.proclaim, EtcdMethod.Election.resign] {
      var bare = try LockService.lockCall(method, body: [])
      #expect(bare.step(.start) == [.fail(FailedAnswer(.leaderKeyMissing))])
    }
  }

  @Test func `who leads no more resigns well`() throws {
    let body = EtcdResignRequest.make {
      $0.leader = .make { ($0.key, $0.rev) = (Self.me, 7) }
    }.encodedBytes
    var resign = try LockService.lockCall(EtcdMethod.Election.resign, body: body)
    #expect(
      resign.step(.start) == [.ask(.txn(LockRequests.resign(Self.me, madeAt: 7)))])
    #expect(
      resign.step(txn(false, at: 9))
        == [.answer(EtcdResignResponse.make { $0.header = header(9) }.encodedBytes)])
  }

  // MARK: Observers

  private func told(_ pair: EtcdKeyValue, at revision: Int64) -> LockCallEffect {
    .send(
      EtcdLeaderResponse.make {
        $0.header = header(revision)
        $0.kv = pair
      }.encodedBytes)
  }

  private func ranged(at revision: Int64, _ pairs: EtcdKeyValue...) -> LockCallInput {
    .answered(
      EtcdRangeResponse.make {
        $0.header = header(revision)
        $0.kvs = pairs
      }.encodedBytes)
  }

  private func changed(_ pairs: EtcdKeyValue..., at revision: Int64) -> LockCallInput {
    .watched(
      .make {
        $0.header = header(revision)
        $0.events = pairs.map { pair in .make { $0.kv = pair } }
      })
  }

  @Test func `an observer hears of the leader, of each word of it, and of the next`() throws {
    var observation: any LockCall = Observation(of: Self.name)
    let look = LockCallEffect.ask(.range(LockRequests.first(in: Self.name)))
    #expect(observation.step(.start) == [look])
    let first = pair(Self.other, at: 5, "one")
    let follows = observation.step(ranged(at: 8, first))
    #expect(follows.first == told(first, at: 8))
    #expect(watched(follows) == ["n/9@9"])

    let (second, third) = (pair(Self.other, at: 9, "two"), pair(Self.other, at: 10, "three"))
    #expect(
      observation.step(changed(second, third, at: 10)) == [
        told(second, at: 10), told(third, at: 10),
      ])
    #expect(observation.step(deleted(0, Self.other, at: 11)) == [.endWatch, look])
    let next = observation.step(ranged(at: 12, pair(Self.me, at: 7)))
    #expect(watched(next) == ["n/a@13"])
    #expect(observation.step(.cancelled) == [.endWatch, .leave(nil)])
  }

  @Test func `without a leader the first key is waited for, and told as of its making`() throws {
    var observation: any LockCall = Observation(of: Self.name)
    _ = observation.step(.start)
    #expect(watched(observation.step(ranged(at: 8))) == ["n/@9"])
    let (first, second) = (pair(Self.me, at: 9), pair(Self.other, at: 10))
    let effects = observation.step(changed(first, second, at: 10))
    #expect(effects.prefix(2) == [.endWatch, told(first, at: 9)])
    #expect(watched(effects) == ["n/a@10"], "what came with it is not passed over")
  }
}
