public import Raft

/// A member before its first configuration: it neither votes nor acknowledges, it only greets,
/// until every initial member has shaken hands with it (design §4).
///
/// Every member builds the same base from the same list and the same incarnations. A member that
/// stopped in between may find the others formed: one formed member that knows exactly the initial
/// members is as good as all greetings, because it can only know them from all greetings.
public struct FormationCore: Hashable, Sendable {
  public let rule: GreetingRule
  public let initial: InitialCluster
  /// What this member's state contains before there is a log.
  public let origin: LogOrigin
  /// The admitted incarnations with this member's own, sorted by member.
  public private(set) var known: [KnownMember]
  /// What the log begins after, once everybody has shaken hands; from then on it is fixed.
  public private(set) var base: LogBase?

  /// *Precondition*: `rule.me` is an initial member and has an incarnation.
  public init(rule: GreetingRule, initial: InitialCluster, origin: LogOrigin = .nothing) {
    demand(
      initial.members.contains { $0.id == rule.me },
      "member \(hexadecimal(rule.me.number)) is not one of the initial members")
    demand(rule.incarnation != .unknown, "a data directory has an incarnation")
    demand(
      rule.initialDigest == initial.digest(after: origin), "the digest is of another list")
    demand(rule.clusterID == initial.clusterID, "the cluster id is of another list")
    self.rule = rule
    self.initial = initial
    self.origin = origin
    known = [KnownMember(id: rule.me, incarnation: rule.incarnation)]
    formIfComplete()
  }

  /// Initial members that have not shaken hands, sorted.
  public var missing: [MemberID] {
    initial.members.map(\.id).filter { id in !known.contains { $0.id == id } }
  }

  /// What this member says to `peer` now. To be said again when `known` has grown.
  public func greeting(to peer: MemberID, receiverBoot: Boot?) -> Greeting {
    rule.greeting(to: peer, receiverBoot: receiverBoot, isFormed: base != nil, known: known)
  }

  /// Takes a greeting in. When this returns, `base` may have come into being.
  ///
  /// *Throws* why the session must be closed.
  public mutating func admit(_ greeting: Greeting) throws(GreetingRefusal) {
    try rule.admit(greeting, isFormed: base != nil, known: initialKnown)
    guard base == nil else { return }
    // A cluster that has formed and does not know this data directory has formed without it. To
    // count its members now would be to found a second cluster among them.
    guard !greeting.isFormed || rule.isNamed(in: greeting) else {
      throw .formedWithout(rule.me)
    }
    if greeting.isFormed, greeting.initialDigest == rule.initialDigest,
      greeting.known.map(\.id) == initial.members.map(\.id),
      greeting.known.allSatisfy({ $0.incarnation != .unknown })
    {
      known = greeting.known
    } else if !known.contains(where: { $0.id == greeting.from }) {
      known.append(KnownMember(id: greeting.from, incarnation: greeting.incarnation))
      known.sort { $0.id < $1.id }
    }
    formIfComplete()
  }

  /// The initial members with the incarnations known so far.
  private var initialKnown: [KnownMember] {
    initial.members.map { member in
      known.first { $0.id == member.id } ?? KnownMember(id: member.id, incarnation: .unknown)
    }
  }

  private mutating func formIfComplete() {
    if missing.isEmpty { base = initial.firstBase(incarnations: known, after: origin) }
  }
}
