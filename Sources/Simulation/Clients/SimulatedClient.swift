import Base
import KeyValue
import Linearizability
import Raft
import Replica

/// One client: asks one thing at a time, of any member, and writes down what it is told.
struct SimulatedClient {
  var dice: SplitMix64
  /// Counts what it asked; an answer to an earlier attempt comes too late.
  var attempt = 0
  /// What it waits for; `nil`: nothing.
  var pending: History.OperationID?
  /// The values it has seen or written last, of each key: what a compare-and-swap may expect.
  var lastSeen: [String?]
}

/// What a client sends to a member.
struct ClientRequest {
  /// A client's position; `nil`: the operator, who is not told.
  var client: Int?
  var attempt: Int
  var member: Int
  /// The run of the member to which the client is connected.
  var boot: Boot
  var timeout: Duration
  var wish: Wish

  enum Wish {
    case write(Command, isGrowing: Bool, form: History.Call)
    case read(RangeRequest, ReadConsistency, form: History.Call)
    /// An operator's wish: to forget what was superseded at or before the revision.
    case compact(Int64)
    /// What a keeper of leases wants, and when it left the keeper.
    case command(Command, keeper: Int, sentAt: Instant)
  }
}

/// What a member tells a client.
enum ClientAnswer {
  case done(History.Outcome)
  /// Nothing took effect, and nothing will.
  case refused
  case unknown
}

extension ClientRequest.Wish {
  /// The request that a call of a history stands for.
  /// `maxStaleness`: the age that a serializable read may have; `nil`: any.
  init(_ call: History.Call, maxStaleness: Duration? = nil) {
    switch call {
    case .put(let key, let value):
      let put = PutRequest(key: Array(key.utf8), value: Array(value.utf8))
      self = .write(.put(put), isGrowing: true, form: call)
    case .delete(let key):
      let delete = DeleteRangeRequest(range: KeyRange(key: Array(key.utf8)))
      self = .write(.deleteRange(delete), isGrowing: false, form: call)
    case .compareAndSwap(let key, let expected, let value):
      var txn = TxnRequest()
      let target: Compare.Target =
        expected.map { .value(Array($0.utf8)) } ?? .createRevision(0)
      txn.compares = [
        Compare(range: KeyRange(key: Array(key.utf8)), relation: .equal, target: target)
      ]
      txn.success = [.put(PutRequest(key: Array(key.utf8), value: Array(value.utf8)))]
      self = .write(.txn(txn), isGrowing: true, form: call)
    case .get(let key, let consistency):
      let range = RangeRequest(range: KeyRange(key: Array(key.utf8)))
      self = .read(range, ReadConsistency(consistency, maxStaleness), form: call)
    case .scan(let consistency):
      let all = RangeRequest(range: KeyRange(key: [0], end: [0]))
      self = .read(all, ReadConsistency(consistency, maxStaleness), form: call)
    }
  }
}

extension ReadConsistency {
  fileprivate init(_ consistency: History.Consistency, _ maxStaleness: Duration?) {
    switch consistency {
    case .linearizable: self = .linearizable
    case .serializable: self = .serializable(maxStaleness: maxStaleness)
    }
  }
}

extension History.Outcome {
  /// What the client reads out of a command's result; `nil`: the command failed by rule.
  init?(_ result: CommandResult) {
    switch result.answer {
    case .put: self = .put(revision: result.revision)
    case .deleteRange(let response):
      self = .deleted(existed: response.deleted > 0, revision: result.revision)
    case .txn(let response): self = .swapped(response.succeeded, revision: result.revision)
    case .compaction, .leaseTime, .alarms, .marked, .failed: return nil
    case .leaseGrant, .leaseRevoke, .leaseKeepAlive: return nil
    }
  }

  /// What the client reads out of a range. `age`: in the world's nanoseconds.
  init(_ response: RangeResponse, of call: History.Call, revision: Int64, age: Int64?) {
    func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
    if call.key != nil {
      self = .got(response.pairs.first.map { text($0.value) }, revision: revision, age: age)
    } else {
      let known = response.pairs.filter { !$0.key.starts(with: LeaseKeeper.prefix.utf8) }
      let pairs = known.map { History.Pair(key: text($0.key), value: text($0.value)) }
      self = .scanned(pairs, revision: revision, age: age)
    }
  }
}
