/// Which keys: one, `[key, end)`, or from `key` on (etcd rpc.proto RangeRequest.range_end).
public struct KeyRange: Hashable, Sendable {
  public var key: [UInt8]
  /// Empty: `key` alone. One zero byte: every key from `key` on. Else: exclusive.
  public var end: [UInt8]

  public init(key: [UInt8], end: [UInt8] = []) {
    self.key = key
    self.end = end
  }
}

/// etcd rpc.proto RangeRequest, without `serializable`, which the serving member settles first.
public struct RangeRequest: Hashable, Sendable {
  public enum SortOrder: UInt8, Hashable, Sendable { case none, ascend, descend }
  public enum SortTarget: UInt8, Hashable, Sendable { case key, version, create, mod, value }

  public var range: KeyRange
  /// At most this many pairs; zero: all.
  public var limit: Int64 = 0
  /// As of this revision; zero or below: the newest.
  public var revision: Int64 = 0
  public var sortOrder = SortOrder.none
  public var sortTarget = SortTarget.key
  public var keysOnly = false
  public var countOnly = false
  /// Zero: no bound. All four are inclusive.
  public var minModRevision: Int64 = 0
  public var maxModRevision: Int64 = 0
  public var minCreateRevision: Int64 = 0
  public var maxCreateRevision: Int64 = 0

  public init(range: KeyRange) { self.range = range }
}

public struct RangeResponse: Hashable, Sendable {
  public var pairs: [Row]
  /// More pairs match than `limit` let through.
  public var more: Bool
  /// How many keys the range holds, whatever the limit and the revision filters.
  public var count: Int64
  /// The store's revision when it answered; etcd puts it in the header, inside a transaction too.
  public var revision: Int64

  public init(pairs: [Row], more: Bool, count: Int64, revision: Int64) {
    self.pairs = pairs
    self.more = more
    self.count = count
    self.revision = revision
  }
}

/// etcd rpc.proto PutRequest.
public struct PutRequest: Hashable, Sendable {
  public var key: [UInt8]
  public var value: [UInt8]
  public var lease: Int64 = 0
  public var previousPair = false
  public var ignoreValue = false
  public var ignoreLease = false

  public init(key: [UInt8], value: [UInt8]) {
    self.key = key
    self.value = value
  }
}

public struct PutResponse: Hashable, Sendable {
  public var previous: Row?
  /// The store's revision after the put.
  public var revision: Int64

  public init(previous: Row?, revision: Int64) {
    self.previous = previous
    self.revision = revision
  }
}

/// etcd rpc.proto DeleteRangeRequest.
public struct DeleteRangeRequest: Hashable, Sendable {
  public var range: KeyRange
  public var previousPairs = false

  public init(range: KeyRange) { self.range = range }
}

public struct DeleteRangeResponse: Hashable, Sendable {
  public var deleted: Int64
  public var previous: [Row]
  /// The store's revision after the deletion, within its transaction.
  public var revision: Int64

  public init(deleted: Int64, previous: [Row], revision: Int64) {
    self.deleted = deleted
    self.previous = previous
    self.revision = revision
  }
}

/// etcd rpc.proto Compare: holds for every key of the range.
public struct Compare: Hashable, Sendable {
  public enum Relation: UInt8, Hashable, Sendable { case equal, greater, less, notEqual }
  public enum Target: Hashable, Sendable {
    case version(Int64)
    case createRevision(Int64)
    case modRevision(Int64)
    case value([UInt8])
    case lease(Int64)
  }

  public var range: KeyRange
  public var relation: Relation
  public var target: Target

  public init(range: KeyRange, relation: Relation, target: Target) {
    self.range = range
    self.relation = relation
    self.target = target
  }
}

/// One operation of a transaction (etcd rpc.proto RequestOp).
public indirect enum Operation: Hashable, Sendable {
  case range(RangeRequest)
  case put(PutRequest)
  case deleteRange(DeleteRangeRequest)
  case txn(TxnRequest)
}

/// etcd rpc.proto TxnRequest: `success` if every compare holds, else `failure`; nothing between.
public struct TxnRequest: Hashable, Sendable {
  public var compares: [Compare] = []
  public var success: [Operation] = []
  public var failure: [Operation] = []

  public init() {}
}

public indirect enum OperationResponse: Hashable, Sendable {
  case range(RangeResponse)
  case put(PutResponse)
  case deleteRange(DeleteRangeResponse)
  case txn(TxnResponse)
}

public struct TxnResponse: Hashable, Sendable {
  public var succeeded: Bool
  public var responses: [OperationResponse]

  public init(succeeded: Bool, responses: [OperationResponse]) {
    self.succeeded = succeeded
    self.responses = responses
  }
}

/// What an entry asks of the store. Applying one is total: it changes the state or answers a
/// `CommandError`, the same on every member.
public enum Command: Hashable, Sendable {
  case put(PutRequest)
  case deleteRange(DeleteRangeRequest)
  case txn(TxnRequest)
  /// Forget what was superseded at or before this revision.
  case compaction(revision: Int64)
  case lease(LeaseCommand)
  case upkeep(UpkeepCommand)
}

/// What an entry asks of the leases. Ids and times were chosen before it was appended.
public enum LeaseCommand: Hashable, Sendable {
  /// `ttl`: seconds, already no shorter than the shortest that the member asked allows.
  case grant(id: Int64, ttl: Int64)
  /// Ends the lease and deletes its keys.
  case revoke(id: Int64)
  /// All of the granted time is left again.
  case keepAlive(id: Int64)
  /// The leader's: the time of the lease was over when it had applied entry `asOf`. Ends it as a
  /// revocation does, unless it was kept alive after that entry.
  case expire(id: Int64, asOf: UInt64)
  /// The leader's.
  case tick(LeaseTick)
}

/// The answer to a command, and the store's revision after it.
public struct CommandResult: Hashable, Sendable {
  public enum Answer: Hashable, Sendable {
    case put(PutResponse)
    case deleteRange(DeleteRangeResponse)
    case txn(TxnResponse)
    case compaction
    /// `ttl`: seconds that were granted.
    case leaseGrant(id: Int64, ttl: Int64)
    case leaseRevoke
    /// `ttl`: seconds from now on; zero: there is no such lease (etcd rpc.proto
    /// LeaseKeepAliveResponse.TTL).
    case leaseKeepAlive(id: Int64, ttl: Int64)
    /// Of what the leader asked for: nobody waits for it.
    case leaseTime
    /// The alarm that was raised or taken back; none: there was none to take back.
    case alarms([Alarm])
    /// Nobody waits for it.
    case marked
    case failed(CommandError)
  }

  public var revision: Int64
  public var answer: Answer

  public init(revision: Int64, answer: Answer) {
    self.revision = revision
    self.answer = answer
  }
}

/// A refusal that is part of the replicated result. `Services` gives it etcd's code and text.
public enum CommandError: Error, Hashable, Sendable {
  /// The revision asked for was compacted.
  case compacted
  /// The revision asked for does not exist yet.
  case futureRevision
  /// `ignoreValue` or `ignoreLease` on a key that does not exist.
  case keyNotFound
  /// The lease does not exist.
  case leaseNotFound
  /// The id that was chosen for a lease belongs to one.
  case leaseExists
  /// The store has grown to its quota, and the command would make it grow.
  case noSpace
}
