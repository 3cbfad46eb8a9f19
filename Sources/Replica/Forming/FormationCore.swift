import Base
public import Raft

/// A founder before its store has formed: it neither votes nor acknowledges, it only shakes hands
/// (Docs/Decisions/0023).
///
/// It forms in one of two ways, and both end with the same first base at every founder:
///
/// 1. The latest handshake of each founder states the same complete list of (member, incarnation),
///    and so does this one. That *it* knows everybody is not enough: the others may have formed
///    with a directory of a third member that is lost by now, and have acknowledged what no
///    majority of the new list holds.
/// 2. One member that has formed, and whose configuration holds this very incarnation, tells what
///    its store was formed with (`Founding`). The log begins after that first base, as if this
///    founder had formed with the others and had been cut off ever since; the log, or a snapshot,
///    brings what has changed.
///
/// Why no two lists form one after the other. A list holds the incarnation that was heard from its
/// own bearer, in a handshake that names this founder's boot, so after that boot began; what it has
/// given up for a newer one it never takes again. Whoever stated one list and forms with another
/// has therefore gone from older to newer directories. Whoever has formed states its own list for
/// ever. So of two lists that both form, every member that formed with the older one has lost its
/// disk before the newer one forms: while a majority of the founders keeps its disks, the older
/// list never had the majority that a write needs.
public struct FormationCore: Hashable, Sendable {
  public let rule: HandshakeRule
  public let initial: InitialCluster
  /// What this member's state contains before there is a log.
  public let origin: LogOrigin
  /// How it forms; from then on nothing that is heard changes it.
  public private(set) var formation: Formation?
  /// The other founders that have shaken hands, sorted by member.
  private var heard: [Founder] = []
  /// Directories that a newer one of the same member has taken the place of. Handshakes of theirs
  /// may still be on their way.
  private var replaced: [KnownMember] = []

  /// What a founder's latest handshake said. Its boot does not matter: a later one knows no less.
  private struct Founder: Hashable {
    var known: KnownMember
    var stated: [KnownMember]
  }

  /// Directories of founders that are lost while one process waits; a stranger may name any number.
  private static let replacedLimit = 64

  /// *Precondition*: `rule.me` is an initial member and has an incarnation.
  public init(rule: HandshakeRule, initial: InitialCluster, origin: LogOrigin = .nothing) {
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
    formIfAgreed()
  }

  /// What the log begins after, once that is known.
  public var base: LogBase? { formation?.base }

  /// The founders that have shaken hands and this one, sorted by member: what its handshakes state.
  public var known: [KnownMember] {
    (heard.map(\.known) + [KnownMember(id: rule.me, incarnation: rule.incarnation)])
      .sorted { $0.id < $1.id }
  }

  /// Whom it waits for, sorted by member. Empty once it forms.
  public var gaps: [FormationGap] {
    guard formation == nil else { return [] }
    return initial.members.compactMap { member in
      guard member.id != rule.me else { return nil }
      guard let founder = heard.first(where: { $0.known.id == member.id }) else {
        return FormationGap(member: member.id, reason: .silent)
      }
      return gap(of: founder)
    }
  }

  private func gap(of founder: Founder) -> FormationGap? {
    var (lacks, differs): ([MemberID], [MemberID]) = ([], [])
    for ours in known {
      guard let theirs = founder.stated.first(where: { $0.id == ours.id }) else {
        lacks.append(ours.id)
        continue
      }
      if theirs != ours { differs.append(ours.id) }
    }
    if !differs.isEmpty { return FormationGap(member: founder.known.id, reason: .differs(differs)) }
    return lacks.isEmpty ? nil : FormationGap(member: founder.known.id, reason: .lacks(lacks))
  }

  /// What this member says to `peer` now. To be said again when `known` has changed.
  public func handshake(to peer: MemberID, receiverBoot: Boot?) -> Handshake {
    rule.handshake(to: peer, receiverBoot: receiverBoot, isFormed: false, known: known)
  }

  /// Takes a handshake in. When this returns, `formation` may have come into being.
  ///
  /// *Throws* why the session must be closed.
  public mutating func admit(_ handshake: Handshake) throws(HandshakeRefusal) {
    try rule.admit(handshake, isFormed: false, known: expected)
    let sender = KnownMember(id: handshake.from, incarnation: handshake.incarnation)
    guard !replaced.contains(sender) else { throw .replaced(handshake.from) }
    // A store that has formed and does not know this data directory has formed without it. To
    // count its members now would be to found a second store among them.
    guard !handshake.isFormed || rule.isNamed(in: handshake) else {
      throw .formedWithout(rule.me)
    }
    // Only what names this boot was surely said after it began.
    guard formation == nil, handshake.receiverBoot == rule.boot else { return }
    if handshake.isFormed { return try adopt(handshake) }
    try hear(sender, stating: handshake.known)
    formIfAgreed()
  }

  /// Whom it may talk to: before it forms any directory of a founder, then only those of the list.
  private var expected: [KnownMember] {
    initial.members.map { member in
      let founder = formation?.base.configuration[member.id]
      return KnownMember(id: member.id, incarnation: founder?.incarnation ?? .unknown)
    }
  }

  /// Takes over what the sender's store was formed with.
  private mutating func adopt(_ handshake: Handshake) throws(HandshakeRefusal) {
    let founding = handshake.founding
    guard founding.isKnown else { return try adoptUndated(handshake) }
    guard founding.members.map(\.id) == initial.members.map(\.id),
      founding == initial.founding(of: founding.members, after: origin)
    else {
      throw .otherInitialCluster(theirs: handshake.initialDigest, ours: rule.initialDigest)
    }
    form(with: founding.members, founding)
  }

  /// The sender's directory is from before there was a founding: its configuration is the list only
  /// as long as no member has come or gone.
  private mutating func adoptUndated(_ handshake: Handshake) throws(HandshakeRefusal) {
    guard handshake.known.map(\.id) == initial.members.map(\.id),
      handshake.known.allSatisfy({ $0.incarnation != .unknown })
    else { throw .foundingUnknown(rule.me) }
    form(with: handshake.known, .unknown)
  }

  /// Remembers what a founder states, and forgets what an earlier directory of it stated.
  private mutating func hear(
    _ sender: KnownMember, stating list: [KnownMember]
  ) throws(HandshakeRefusal) {
    let founder = Founder(known: sender, stated: list)
    guard let place = heard.firstIndex(where: { $0.known.id == sender.id }) else {
      heard.append(founder)
      heard.sort { $0.known.id < $1.known.id }
      return
    }
    if heard[place].known != sender {
      guard replaced.count < Self.replacedLimit else { throw .replaced(sender.id) }
      replaced.append(heard[place].known)
    }
    heard[place] = founder
  }

  private mutating func formIfAgreed() {
    guard heard.count + 1 == initial.members.count else { return }
    let known = known
    guard heard.allSatisfy({ $0.stated == known }) else { return }
    form(with: known, initial.founding(of: known, after: origin))
  }

  private mutating func form(with list: [KnownMember], _ founding: Founding) {
    formation = Formation(
      base: initial.firstBase(incarnations: list, after: origin), founding: founding)
  }
}
