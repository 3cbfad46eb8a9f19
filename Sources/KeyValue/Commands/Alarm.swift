import Base

/// What a member has raised an alarm about (etcd rpc.proto AlarmType).
public enum AlarmKind: UInt8, Comparable, Hashable, Sendable {
  /// Its store has grown to the quota: no member takes what grows it.
  case noSpace = 1
  /// Its state is not that of the others, or its files are not what was written: it serves nothing.
  case corrupt = 2

  public static func < (left: AlarmKind, right: AlarmKind) -> Bool {
    left.rawValue < right.rawValue
  }
}

/// An alarm that is raised. Alarms are part of the state, equal on all members.
public struct Alarm: Comparable, Hashable, Sendable {
  /// Zero: nobody in particular, as a client may have it.
  public var member: UInt64
  public var kind: AlarmKind

  public init(member: UInt64, kind: AlarmKind) {
    self.member = member
    self.kind = kind
  }

  public static func < (left: Alarm, right: Alarm) -> Bool {
    (left.kind, left.member) < (right.kind, right.member)
  }
}

/// What an entry asks of the store's upkeep.
public enum UpkeepCommand: Hashable, Sendable {
  case raise(Alarm)
  case lower(Alarm)
  /// The leader's: every member notes the digest of its state here, and tells the leader.
  case mark
}

/// The digest of one member's state at one entry.
public struct DigestMark: Hashable, Sendable {
  public var index: UInt64
  public var revision: Int64
  public var digest: StateDigest
  /// Compaction has removed everything superseded at or before this revision, and nothing later;
  /// zero: it is under way, and the parts of no two members are alike.
  public var purgedRevision: Int64
  /// The rows that the table holds, part by part, in their order.
  public var ranges: [Range]

  public init(
    index: UInt64, revision: Int64, digest: StateDigest, purgedRevision: Int64 = 0,
    ranges: [Range] = []
  ) {
    self.index = index
    self.revision = revision
    self.digest = digest
    self.purgedRevision = purgedRevision
    self.ranges = ranges
  }
}

/// What whoever looks after the store has to know of it.
public struct UpkeepFacts: Hashable, Sendable {
  public var revision: Int64
  public var compactRevision: Int64
  /// Ascending.
  public var alarms: [Alarm]
  /// The last one that was applied in this boot; `nil`: none.
  public var mark: DigestMark?

  public init(
    revision: Int64 = 1, compactRevision: Int64 = -1, alarms: [Alarm] = [],
    mark: DigestMark? = nil
  ) {
    self.revision = revision
    self.compactRevision = compactRevision
    self.alarms = alarms
    self.mark = mark
  }

  public func isRaised(_ kind: AlarmKind) -> Bool { alarms.contains { $0.kind == kind } }

  /// Whether this member is to serve nothing.
  public func fences(_ member: UInt64) -> Bool {
    alarms.contains { $0.kind == .corrupt && ($0.member == member || $0.member == 0) }
  }
}

extension Command {
  /// Whether applying it may make the store larger, so that it is refused while space is short
  /// (etcd apply.go applierV3Capped). A put anywhere in a transaction counts, whichever branch is
  /// taken.
  public var isGrowing: Bool {
    switch self {
    case .put: true
    case .txn(let request): request.hasPut
    case .lease(.grant): true
    case .lease, .deleteRange, .compaction, .upkeep: false
    }
  }
}

extension TxnRequest {
  fileprivate var hasPut: Bool {
    [success, failure].contains { operations in
      operations.contains { operation in
        switch operation {
        case .put: true
        case .txn(let nested): nested.hasPut
        case .range, .deleteRange: false
        }
      }
    }
  }
}

extension StateDigest {
  /// Of one alarm.
  init(of alarm: Alarm) {
    self.init()
    var hasher = WideHasher()
    hasher.absorb(alarm.member, UInt64(alarm.kind.rawValue), 0, 2)
    lanes = hasher.finish()
  }
}
