public import EtcdAPI
import Foundation

/// One call of `v3lockpb.Lock` or `v3electionpb.Election`, as a value with one door: what it asks
/// of the member's other services, what it watches, and what the client is told.
///
/// It does what etcd's server does (etcd server/etcdserver/api/v3lock, v3election): the same
/// requests as a client of `clientv3/concurrency` would make, from inside the member. A call that
/// waits is a watch and nothing else.
public protocol LockCall: Sendable {
  mutating func step(_ input: LockCallInput) -> [LockCallEffect]
}

public enum LockCallInput: Sendable {
  /// The first.
  case start
  /// The answer to the question that is out.
  case answered([UInt8])
  case failed(FailedAnswer)
  /// Of what is watched now.
  case watched(EtcdWatchResponse)
  /// The watch has ended by itself.
  case watchFailed(FailedAnswer)
  /// The client gave up, or its time is over.
  case cancelled
}

public enum LockCallEffect: Hashable, Sendable {
  /// One at a time.
  case ask(LockCallQuestion)
  /// In place of what was watched before.
  case watch([EtcdWatchCreateRequest])
  case endWatch
  /// A message to a client that gets many; those not taken yet hold up what is watched.
  case send([UInt8])
  /// The end: the one answer. `token`: the fencing token of a lock.
  case answer([UInt8], token: Int64? = nil)
  /// The end.
  case fail(FailedAnswer)
  /// The end, for nobody hears it. What is to be tidied up is asked without waiting for an answer.
  case leave(LockCallQuestion?)
}

/// A request to another service of the member.
public enum LockCallQuestion: Hashable, Sendable {
  case range(EtcdRangeRequest)
  case txn(EtcdTxnRequest)
  case deleteRange(EtcdDeleteRangeRequest)
  case grant(EtcdLeaseGrantRequest)
  case revoke(EtcdLeaseRevokeRequest)
}

extension EtcdStatus {
  /// etcd client/v3/concurrency/mutex.go, `ErrSessionExpired`.
  static let sessionExpired = Self(.unknown, "mutex: session is expired")
  /// etcd's candidate is told that it leads.
  static let candidateExpired = Self(.unknown, "election: session is expired")
  static let notElected = Self(.unknown, "election: not leader")
  static let nobodyElected = Self(.unknown, "election: no leader")
  /// etcd v3election/election.go, `ErrMissingLeaderKey`.
  static let leaderKeyMissing = Self(.unknown, "\"leader\" field must be provided")
}

extension FailedAnswer {
  /// etcd's server is its own client here, and what a request is refused for loses its code on the
  /// way, but not its text. What passes by itself keeps its code: it is what clients act on.
  var asToldByLockCalls: FailedAnswer {
    switch status.code {
    case .invalidArgument, .notFound, .alreadyExists, .failedPrecondition, .outOfRange:
      FailedAnswer(EtcdStatus(.unknown, status.text), why: why)
    case .ok, .cancelled, .unknown, .deadlineExceeded, .permissionDenied, .resourceExhausted,
      .aborted, .unimplemented, .internal, .unavailable, .dataLoss, .unauthenticated:
      self
    }
  }
}

/// The calls by their methods.
public enum LockService {
  /// *Throws* when the body is no such message.
  public static func lockCall(
    _ method: String, body: [UInt8]
  ) throws(EtcdStatus) -> any LockCall {
    switch method {
    case EtcdMethod.Lock.lock:
      let request: EtcdLockRequest = try decoded(body)
      return Campaign(.lock, name: request.name, lease: request.lease, value: Data())
    case EtcdMethod.Election.campaign:
      let request: EtcdCampaignRequest = try decoded(body)
      return Campaign(
        .campaign, name: request.name, lease: request.lease, value: request.value)
    case EtcdMethod.Election.observe:
      let request: EtcdLeaderRequest = try decoded(body)
      return Observation(of: request.name)
    default: return try ShortLockCall(method, body: body)
    }
  }
}

/// The calls that ask one question: none of them waits for anybody.
struct ShortLockCall: LockCall {
  private enum Kind: Sendable {
    case unlock, proclaim, resign, leader
  }

  private let kind: Kind
  private let question: LockCallQuestion?

  init(_ method: String, body: [UInt8]) throws(EtcdStatus) {
    switch method {
    case EtcdMethod.Lock.unlock:
      let request: EtcdUnlockRequest = try decoded(body)
      kind = .unlock
      question = .deleteRange(.make { $0.key = request.key })
    case EtcdMethod.Election.proclaim:
      let request: EtcdProclaimRequest = try decoded(body)
      kind = .proclaim
      question =
        request.hasLeader
        ? .txn(LockRequests.proclaim(request.leader, value: request.value)) : nil
    case EtcdMethod.Election.resign:
      let request: EtcdResignRequest = try decoded(body)
      kind = .resign
      question =
        request.hasLeader
        ? .txn(LockRequests.resign(request.leader.key, madeAt: request.leader.rev)) : nil
    case EtcdMethod.Election.leader:
      let request: EtcdLeaderRequest = try decoded(body)
      kind = .leader
      question = .range(LockRequests.first(in: request.name))
    default: preconditionFailure("\(method) is no lock call")
    }
  }

  mutating func step(_ input: LockCallInput) -> [LockCallEffect] {
    switch input {
    case .start:
      guard let question else { return [.fail(FailedAnswer(.leaderKeyMissing))] }
      return [.ask(question)]
    case .answered(let body):
      do throws(EtcdStatus) {
        return [.answer(try answer(body))]
      } catch {
        return [.fail(FailedAnswer(error))]
      }
    case .failed(let answer): return [.fail(answer.asToldByLockCalls)]
    case .cancelled: return [.leave(nil)]
    case .watched, .watchFailed: return []
    }
  }

  private func answer(_ body: [UInt8]) throws(EtcdStatus) -> [UInt8] {
    switch kind {
    case .unlock:
      let deleted: EtcdDeleteRangeResponse = try decoded(body)
      return EtcdUnlockResponse.make { $0.header = deleted.header }.encodedBytes
    case .proclaim:
      let done: EtcdTxnResponse = try decoded(body)
      guard done.succeeded else { throw .notElected }
      return EtcdProclaimResponse.make { $0.header = done.header }.encodedBytes
    case .resign:
      // Who leads no more has nothing to resign, and that is well.
      let done: EtcdTxnResponse = try decoded(body)
      return EtcdResignResponse.make { $0.header = done.header }.encodedBytes
    case .leader:
      let found: EtcdRangeResponse = try decoded(body)
      guard let pair = found.kvs.first else { throw .nobodyElected }
      return EtcdLeaderResponse.make {
        $0.header = found.header
        $0.kv = pair
      }.encodedBytes
    }
  }
}
