public import Raft

/// Whom a member lets in, and how it comes to have formed: one value from its first handshake to
/// its last, of the server and of the simulator alike. The host carries handshakes, and writes a
/// `Formation` to the disk when it is told to.
///
/// ```text
///   forming ── all state one list, or one that has formed names me ──▶ storing
///   storing ── the disk holds the formation ──▶ formed
/// ```
public struct Admission: Hashable, Sendable {
  public enum Phase: Hashable, Sendable {
    /// It waits for the other founders.
    case forming(FormationCore)
    /// Its formation is on its way to the disk: nobody is told yet, and no handshake changes it.
    case storing(FormationCore)
    case formed
  }

  /// What the host has to do about a handshake that was admitted.
  public struct Outcome: Hashable, Sendable {
    /// What this member states has changed: to be said again to everybody with a session.
    public var repeatsHandshakes = false
    /// To be made durable, and then to be told to `stored`.
    public var stores: Formation?
  }

  /// What a refusal means to the member that refuses.
  public enum Consequence: Hashable, Sendable {
    /// The session ends, and is tried again.
    case none
    /// It has lost what it had promised, and must not run under this identity.
    case wiped
    case removed
    /// It was started with other flags than the others, and has promised nothing yet.
    case otherFlags
  }

  public private(set) var rule: HandshakeRule
  public private(set) var phase: Phase

  /// A founder whose store may not have formed.
  public init(forming rule: HandshakeRule, initial: InitialCluster, origin: LogOrigin = .nothing) {
    self.rule = rule
    phase = .forming(FormationCore(rule: rule, initial: initial, origin: origin))
  }

  /// A member that has formed, or that joins a store that has.
  public init(formed rule: HandshakeRule, founding: Founding) {
    self.rule = rule
    self.rule.founding = founding
    phase = .formed
  }

  public var hasFormed: Bool { phase == .formed }

  /// Whom a founder waits for, and why.
  public var gaps: [FormationGap] {
    switch phase {
    case .forming(let core), .storing(let core): core.gaps
    case .formed: []
    }
  }

  /// To be called once, before any handshake: a founder that is alone has nobody to wait for.
  public mutating func begin() -> Formation? { takeFormation() }

  /// What this member says of itself to `peer` now.
  public func handshake(to peer: MemberID, receiverBoot: Boot?, by roster: Roster) -> Handshake {
    switch phase {
    case .forming(let core), .storing(let core):
      return core.handshake(to: peer, receiverBoot: receiverBoot)
    case .formed:
      var handshake = rule.handshake(
        to: peer, receiverBoot: receiverBoot, isFormed: true, known: roster.known)
      handshake.configurationIndex = roster.index
      return handshake
    }
  }

  /// Judges a handshake. `roster`: of this member's replica, if it has one.
  ///
  /// *Throws* why the session must be closed.
  public mutating func admit(
    _ handshake: Handshake, by roster: Roster
  ) throws(HandshakeRefusal) -> Outcome {
    var outcome = Outcome()
    switch phase {
    case .forming(var core):
      let stated = core.known
      try core.admit(handshake)
      phase = .forming(core)
      outcome.repeatsHandshakes = core.known != stated
      outcome.stores = takeFormation()
    case .storing(var core): try core.admit(handshake)
    case .formed:
      try rule.admit(
        handshake, isFormed: true, known: roster.known,
        memberAt: roster.isMember ? roster.index : nil)
    }
    return outcome
  }

  /// The formation is durable: from here on it is told.
  public mutating func stored(_ formation: Formation) {
    guard case .storing(let core) = phase, core.formation == formation else {
      fatalError("a formation is stored that was not asked for")
    }
    rule.founding = formation.founding
    phase = .formed
  }

  /// What follows from a refusal. `isTrusted`: this member called the other at an address of its
  /// own list; a stranger's word ends nobody.
  public func consequence(of refusal: HandshakeRefusal, isTrusted: Bool) -> Consequence {
    guard isTrusted else { return .none }
    switch refusal {
    case .iWasWiped: return .wiped
    case .iWasRemoved: return .removed
    case .otherInitialCluster, .otherCluster:
      // Only a member that has promised nothing may take the others' word against its flags.
      if case .forming = phase { return .otherFlags }
      return .none
    case .myself, .notMe, .staleBoot, .unknownMember, .wiped, .formedWithout, .otherFounding,
      .replaced, .foundingUnknown:
      return .none
    }
  }

  private mutating func takeFormation() -> Formation? {
    guard case .forming(let core) = phase, let formation = core.formation else { return nil }
    phase = .storing(core)
    return formation
  }
}
