public import EtcdAPI
public import KeyValue
public import Replica

/// What a request comes down to, once it is decoded and found well formed.
public enum Plan: Hashable, Sendable {
  case read(ReadPlan)
  case proposal(ProposalPlan)
  /// Answered at once: no member would accept it.
  case refused(EtcdStatus)
}

/// A request that changes nothing.
public struct ReadPlan: Hashable, Sendable {
  public enum Kind: Hashable, Sendable {
    case range(RangeRequest)
    /// Ranges only (etcd v3_server.go `isTxnReadonly`).
    case txn(TxnRequest)
  }

  public var kind: Kind
  public var consistency: ReadConsistency

  public init(kind: Kind, consistency: ReadConsistency) {
    self.kind = kind
    self.consistency = consistency
  }
}

/// A request that goes through the log.
public struct ProposalPlan: Hashable, Sendable {
  public var command: Command
  /// Applying it makes the store larger: refused while space is short, when deletes and
  /// compaction pass.
  public var isGrowing: Bool { command.isGrowing }
  /// The answer waits until what was compacted is gone from the files (etcd rpc.proto
  /// CompactionRequest.physical).
  public var waitsForPurge = false

  public init(command: Command, waitsForPurge: Bool = false) {
    self.command = command
    self.waitsForPurge = waitsForPurge
  }

  /// It is about alarms: a member that serves nothing else takes it.
  public var isUpkeep: Bool { if case .upkeep = command { true } else { false } }
}

/// Bounds on one request; the defaults are etcd's.
public struct RequestLimits: Hashable, Sendable {
  /// A message that goes through the log (etcd `--max-request-bytes`). Reads are not bound by it.
  public var requestBytes = 3 << 19
  /// Operations in one branch of a transaction, and compares (etcd `--max-txn-ops`).
  public var transactionOperations = 128

  public init() {}
}
