import Base

/// What the clients asked, what they were told, and when.
///
/// Instants are whole numbers on one clock that all clients share (a simulator's, or a machine's
/// monotonic one). An answer at an instant and a call at the same instant overlap. The store is
/// taken to hold none of the keys at the beginning, and nobody else to write them.
public struct History: Hashable, Sendable {
  /// Counts the operations of one history in order of invocation, from zero.
  public struct OperationID: Comparable, Hashable, Sendable {
    public let number: Int

    public init(_ number: Int) { self.number = number }

    public static func < (left: OperationID, right: OperationID) -> Bool {
      left.number < right.number
    }
  }

  /// What a client asks.
  public enum Call: Hashable, Sendable {
    case put(key: String, value: String)
    case delete(key: String)
    /// Sets the key to `value` if it holds `expected`; `nil`: if it does not exist.
    case compareAndSwap(key: String, expected: String?, value: String)
    case get(key: String, Consistency)
    /// All keys of the history at once.
    case scan(Consistency)
  }

  /// What a read was promised.
  public enum Consistency: Hashable, Sendable {
    case linearizable
    /// A state that the store was in, perhaps an old one.
    case serializable
  }

  /// What a client was told. A revision is the store's as of the answer.
  public enum Outcome: Hashable, Sendable {
    case put(revision: Int64)
    /// `existed`: a key was deleted; else nothing changed.
    case deleted(existed: Bool, revision: Int64)
    /// `swapped`: the comparison held and the key was set; else nothing changed.
    case swapped(Bool, revision: Int64)
    /// `age`: how old the state was at most when it was read, in the history's unit of time;
    /// `nil`: not told.
    case got(String?, revision: Int64, age: Int64?)
    /// The keys in ascending order of their UTF-8 bytes.
    case scanned([Pair], revision: Int64, age: Int64?)
    /// The store promised that this operation never takes effect.
    case refused
    /// The operation may take effect at any later time, or never. So may one without an answer.
    case unknown
  }

  public struct Pair: Hashable, Sendable {
    public var key: String
    public var value: String

    public init(key: String, value: String) {
      self.key = key
      self.value = value
    }
  }

  /// One call and its answer.
  public struct Operation: Hashable, Sendable {
    public let id: OperationID
    public let client: Int
    /// Within one session the revisions of answers never go back: say, one client at one boot
    /// of one member.
    public let session: Int
    public let call: Call
    public let invoked: Int64
    /// `unknown` until answered.
    public fileprivate(set) var outcome = Outcome.unknown
    /// `nil`: without an answer.
    public fileprivate(set) var completed: Int64?
  }

  public private(set) var operations: [Operation] = []
  /// The store's revision before the first operation, if every write since then is part of this
  /// history; `nil`: others may have raised the revision as well.
  public var initialRevision: Int64?
  /// Revisions that came of something which is no part of the history.
  public private(set) var outsideRevisions: Set<Int64> = []

  public init(initialRevision: Int64? = nil) {
    self.initialRevision = initialRevision
  }

  /// A client asks. *Precondition*: calls are recorded in the order of their instants.
  public mutating func invoke(
    _ call: Call, by client: Int, session: Int, at instant: Int64
  ) -> OperationID {
    if let last = operations.last {
      demand(last.invoked <= instant, "invoked at \(instant) after \(last.invoked)")
    }
    let id = OperationID(operations.count)
    operations.append(
      Operation(id: id, client: client, session: session, call: call, invoked: instant))
    return id
  }

  /// This revision shows nothing of what the history asked for.
  public mutating func noteOutside(_ revision: Int64) { outsideRevisions.insert(revision) }

  /// A client is told. *Precondition*: once an operation, not before its call, and an answer that
  /// fits the call.
  public mutating func complete(_ id: OperationID, _ outcome: Outcome, at instant: Int64) {
    let operation = operations[id.number]
    demand(operation.completed == nil, "\(operation) is answered twice")
    demand(operation.invoked <= instant, "\(operation) is answered before, at \(instant)")
    demand(operation.call.admits(outcome), "\(operation) is answered by \(outcome)")
    operations[id.number].outcome = outcome
    operations[id.number].completed = instant
  }

  /// Each key's operations in order of invocation, keys in ascending order. Serializable reads and
  /// scans are no operations of a register: `RevisionOrder` checks them.
  func operationsByKey() -> [(key: String, operations: [Operation])] {
    var byKey: [String: [Operation]] = [:]
    for operation in operations {
      guard operation.isLinearizable, let key = operation.call.key else { continue }
      byKey[key, default: []].append(operation)
    }
    return byKey.keys.sorted(by: History.precedes).map { ($0, byKey[$0, default: []]) }
  }

  /// The order of keys: by UTF-8 bytes, as a store orders them.
  public static func precedes(_ left: String, _ right: String) -> Bool {
    left.utf8.lexicographicallyPrecedes(right.utf8)
  }
}

extension History.Call {
  /// The one key it is about; `nil`: all.
  public var key: String? {
    switch self {
    case .put(let key, _), .delete(let key), .compareAndSwap(let key, _, _), .get(let key, _):
      return key
    case .scan:
      return nil
    }
  }

  var consistency: History.Consistency {
    switch self {
    case .put, .delete, .compareAndSwap: return .linearizable
    case .get(_, let consistency), .scan(let consistency): return consistency
    }
  }

  /// It may change the store.
  public var isWrite: Bool {
    switch self {
    case .put, .delete, .compareAndSwap: return true
    case .get, .scan: return false
    }
  }

  fileprivate func admits(_ outcome: History.Outcome) -> Bool {
    switch (self, outcome) {
    case (_, .refused), (_, .unknown), (.put, .put), (.delete, .deleted),
      (.compareAndSwap, .swapped), (.get, .got), (.scan, .scanned):
      return true
    case (.put, _), (.delete, _), (.compareAndSwap, _), (.get, _), (.scan, _):
      return false
    }
  }
}

extension History.Outcome {
  /// The store's revision as of the answer; `nil`: the client was told none.
  public var revision: Int64? {
    switch self {
    case .put(let revision), .deleted(_, let revision), .swapped(_, let revision),
      .got(_, let revision, _), .scanned(_, let revision, _):
      return revision
    case .refused, .unknown:
      return nil
    }
  }

  var age: Int64? {
    switch self {
    case .got(_, _, let age), .scanned(_, _, let age): return age
    case .put, .deleted, .swapped, .refused, .unknown: return nil
    }
  }
}

extension History.Operation {
  /// Bound to real time, as opposed to a read that may be old.
  var isLinearizable: Bool { call.consistency == .linearizable }

  /// The store changed, and the client was told so.
  var isSuccessfulWrite: Bool {
    switch outcome {
    case .put, .deleted(existed: true, _), .swapped(true, _): return true
    case .deleted(existed: false, _), .swapped(false, _), .got, .scanned, .refused, .unknown:
      return false
    }
  }

  /// What its key holds after it took effect; `nil`: nothing. *Precondition*: a write.
  var valueAfter: String? {
    switch call {
    case .put(_, let value), .compareAndSwap(_, _, let value): return value
    case .delete: return nil
    case .get, .scan: fatalError("\(self) writes nothing")
    }
  }
}

extension History.Operation: CustomStringConvertible {
  public var description: String {
    let end = completed.map(String.init) ?? "…"
    return "#\(id.number) client \(client) [\(invoked), \(end)] \(call) ⇒ \(outcome)"
  }
}

extension History.Call: CustomStringConvertible {
  public var description: String {
    switch self {
    case .put(let key, let value): return "put \(key)=\(value)"
    case .delete(let key): return "delete \(key)"
    case .compareAndSwap(let key, let expected, let value):
      return "swap \(key): \(expected ?? "nothing") → \(value)"
    case .get(let key, .linearizable): return "get \(key)"
    case .get(let key, .serializable): return "get \(key) (serializable)"
    case .scan(.linearizable): return "scan"
    case .scan(.serializable): return "scan (serializable)"
    }
  }
}

extension History.Outcome: CustomStringConvertible {
  public var description: String {
    switch self {
    case .put(let revision): return "done at revision \(revision)"
    case .deleted(let existed, let revision):
      return (existed ? "deleted" : "was not there") + " at revision \(revision)"
    case .swapped(let swapped, let revision):
      return (swapped ? "swapped" : "differs") + " at revision \(revision)"
    case .got(let value, let revision, let age):
      return "\(value ?? "nothing") at revision \(revision)" + (age.map { ", age \($0)" } ?? "")
    case .scanned(let pairs, let revision, let age):
      let content = pairs.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
      return "{\(content)} at revision \(revision)" + (age.map { ", age \($0)" } ?? "")
    case .refused: return "refused"
    case .unknown: return "unknown"
    }
  }
}
