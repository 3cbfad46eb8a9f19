import Base
public import Raft

/// What a member says of itself when a session begins; each side sends one and judges the other's.
public struct Handshake: Hashable, Sendable {
  public var clusterID: ClusterID
  public var from: MemberID
  /// The sender's name, for people.
  public var name: String
  public var incarnation: Incarnation
  public var boot: Boot
  public var to: MemberID
  /// The receiver's boot, once known; what was meant for an earlier one is dropped.
  public var receiverBoot: Boot?
  /// `InitialCluster.digest`; zero: the sender was started without the list.
  public var initialDigest: UInt64
  /// Whether the sender has its first configuration.
  public var isFormed: Bool
  /// The incarnations that the sender goes by, sorted by member: of its configuration, or, before
  /// it has one, of the handshakes it has admitted and its own.
  public var known: [KnownMember]
  /// Where clients reach the sender, for member lists and advice.
  public var clientURLs: [String]
  /// The slot of the last configuration that the sender knows to be committed; zero: not told.
  public var configurationIndex: LogIndex
  /// What the sender's store was formed with; unknown before it has formed.
  public var founding: Founding

  public init(
    clusterID: ClusterID, from: MemberID, name: String, incarnation: Incarnation, boot: Boot,
    to: MemberID, receiverBoot: Boot? = nil, initialDigest: UInt64, isFormed: Bool,
    known: [KnownMember], clientURLs: [String] = [], configurationIndex: LogIndex = .zero,
    founding: Founding = .unknown
  ) {
    self.clusterID = clusterID
    self.from = from
    self.name = name
    self.incarnation = incarnation
    self.boot = boot
    self.to = to
    self.receiverBoot = receiverBoot
    self.initialDigest = initialDigest
    self.isFormed = isFormed
    self.known = known
    self.clientURLs = clientURLs
    self.configurationIndex = configurationIndex
    self.founding = founding
  }
}

/// Why a handshake is refused. Each has one sentence for people.
public enum HandshakeRefusal: Error, Hashable, Sendable {
  case otherCluster(theirs: ClusterID, ours: ClusterID)
  /// The handshake is meant for somebody else, so an address leads to the wrong member.
  case notMe(meant: MemberID, me: MemberID)
  /// It comes with this member's own id.
  case myself(MemberID)
  /// It is meant for an earlier boot of this member.
  case staleBoot(meant: Boot, ours: Boot)
  case otherInitialCluster(theirs: UInt64, ours: UInt64)
  case unknownMember(MemberID)
  /// The sender's data directory is not the one that the cluster knows: it was wiped or replaced,
  /// and the promises it gave are forgotten.
  case wiped(MemberID, theirs: Incarnation, ours: Incarnation)
  /// The sender goes by another incarnation of this member itself: this one was wiped.
  case iWasWiped(theirs: Incarnation, ours: Incarnation)
  /// This member waits for a cluster to form that has formed, and has it not among its members.
  case formedWithout(MemberID)
  /// The sender's committed configuration is later than the one that this member is in, and lacks
  /// it: it was removed.
  case iWasRemoved
  /// Both have formed, and not with the same data directories: two histories under one name.
  case otherFounding(MemberID, theirs: UInt64, ours: UInt64)
  /// Another data directory of this founder has shaken hands since.
  case replaced(MemberID)
  /// The store formed before foundings were kept, and its members have changed: nobody can tell
  /// this founder what its log begins after.
  case foundingUnknown(MemberID)
}

/// What this member holds a handshake against.
public struct HandshakeRule: Hashable, Sendable {
  public var me: MemberID
  public var name: String
  public var clusterID: ClusterID
  public var incarnation: Incarnation
  public var boot: Boot
  /// Zero: this member was started without the list.
  public var initialDigest: UInt64
  /// What this member's store was formed with; unknown before it has formed.
  public var founding: Founding

  public init(
    me: MemberID, name: String, clusterID: ClusterID, incarnation: Incarnation, boot: Boot,
    initialDigest: UInt64, founding: Founding = .unknown
  ) {
    self.me = me
    self.name = name
    self.clusterID = clusterID
    self.incarnation = incarnation
    self.boot = boot
    self.initialDigest = initialDigest
    self.founding = founding
  }

  /// The handshake of this member for `peer`.
  public func handshake(
    to peer: MemberID, receiverBoot: Boot?, isFormed: Bool, known: [KnownMember]
  ) -> Handshake {
    Handshake(
      clusterID: clusterID, from: me, name: name, incarnation: incarnation, boot: boot, to: peer,
      receiverBoot: receiverBoot, initialDigest: initialDigest, isFormed: isFormed, known: known,
      founding: isFormed ? founding : .unknown)
  }

  /// Judges a handshake by what this member knows. `known` lists every member it may talk to; an
  /// unknown incarnation in it admits any. `memberAt`: the slot of its last committed configuration
  /// if that has this member in it.
  ///
  /// *Throws* the first rule that the handshake breaks.
  public func admit(
    _ handshake: Handshake, isFormed: Bool, known: [KnownMember], memberAt: LogIndex? = nil
  ) throws(HandshakeRefusal) {
    guard handshake.clusterID == clusterID else {
      throw .otherCluster(theirs: handshake.clusterID, ours: clusterID)
    }
    guard handshake.to == me else { throw .notMe(meant: handshake.to, me: me) }
    guard handshake.from != me else { throw .myself(me) }
    if let meant = handshake.receiverBoot, meant != boot {
      throw .staleBoot(meant: meant, ours: boot)
    }
    // Neither log is ahead of the other: nothing that the other side says of members counts here.
    if isFormed, handshake.isFormed, founding.contradicts(handshake.founding) {
      throw .otherFounding(
        handshake.from, theirs: handshake.founding.digest, ours: founding.digest)
    }
    // What is committed stays, and an id is never given twice: a later configuration without this
    // member is the end of it.
    if isFormed, handshake.isFormed, let memberAt, handshake.configurationIndex > memberAt,
      !handshake.known.contains(where: { $0.id == me })
    {
      throw .iWasRemoved
    }
    // Once both are formed the log says who the members are, and the flag no longer counts.
    let digests = (theirs: handshake.initialDigest, ours: initialDigest)
    if !(isFormed && handshake.isFormed), digests.theirs != 0, digests.ours != 0,
      digests.theirs != digests.ours
    {
      throw .otherInitialCluster(theirs: digests.theirs, ours: digests.ours)
    }
    if let sender = known.first(where: { $0.id == handshake.from }) {
      if handshake.incarnation == .unknown || differ(handshake.incarnation, sender.incarnation) {
        throw .wiped(sender.id, theirs: handshake.incarnation, ours: sender.incarnation)
      }
    } else if !isNamed(in: handshake) || handshake.incarnation == .unknown {
      throw .unknownMember(handshake.from)
    }
    // What a founder states before it has formed, it will state otherwise once it has heard more.
    guard handshake.isFormed, let mine = handshake.known.first(where: { $0.id == me }) else {
      return
    }
    // A configuration that has this very data directory in it outweighs an older one.
    let isKnown = isFormed && known.contains { $0.id == me && $0.incarnation == incarnation }
    if !isKnown && differ(mine.incarnation, incarnation) {
      throw .iWasWiped(theirs: mine.incarnation, ours: incarnation)
    }
  }

  /// Whether the sender's configuration has this member in it. Then one of the two logs is ahead
  /// of the other: whoever is behind must be able to hear a leader that it does not know yet, and
  /// whose log ends with an uncommitted removal must be able to hear the leader that it would
  /// remove.
  func isNamed(in handshake: Handshake) -> Bool {
    handshake.isFormed
      && handshake.known.contains { $0.id == me && $0.incarnation == incarnation }
  }

  /// Two known incarnations that are not the same.
  private func differ(_ left: Incarnation, _ right: Incarnation) -> Bool {
    left != .unknown && right != .unknown && left != right
  }
}

extension HandshakeRefusal {
  /// One sentence: what is wrong, and what helps.
  public var sentence: String {
    switch self {
    case .otherCluster(let theirs, let ours):
      "the peer belongs to cluster \(hexadecimal(theirs.number)), this member to "
        + "\(hexadecimal(ours.number)): check --initial-cluster, --initial-cluster-token and the "
        + "data directory"
    case .notMe(let meant, let me):
      "the peer looks for member \(hexadecimal(meant.number)) at the address of member "
        + "\(hexadecimal(me.number)): check the peer URLs"
    case .myself(let me):
      "another process runs as member \(hexadecimal(me.number)): stop one of them"
    case .staleBoot:
      "the peer speaks to an earlier run of this member; it will greet again"
    case .otherInitialCluster:
      "the peer was started with another --initial-cluster: all members need the same list"
    case .unknownMember(let id):
      "member \(hexadecimal(id.number)) is not in the configuration: add it first"
    case .wiped(let id, _, _):
      "member \(hexadecimal(id.number)) has lost its data directory: remove it and add it again"
    case .iWasWiped(_, let ours):
      "the cluster knows this member with another data directory than \(hexadecimal(ours.number)):"
        + " bring back that very directory, or remove the member and add it again"
    case .formedWithout(let me):
      "the cluster has formed, and member \(hexadecimal(me.number)) with this data directory is "
        + "not in it: add it first"
    case .iWasRemoved:
      "this member was removed from the cluster"
    case .otherFounding(let id, let theirs, let ours):
      "member \(hexadecimal(id.number)) and this one belong to two stores that were formed under "
        + "one name with different data directories (digests \(hexadecimal(theirs)) and "
        + "\(hexadecimal(ours))), and neither can take over the other's writes: keep the one that "
        + "a majority of the members belongs to (quorate endpoint status), stop the members of the "
        + "other one, put their data directories aside, and bring each back with quorate member "
        + "replace"
    case .replaced(let id):
      "another data directory of member \(hexadecimal(id.number)) has greeted since: stop the "
        + "process that runs on the older one"
    case .foundingUnknown(let me):
      "the store formed under an earlier version and its members have changed since, so nobody can "
        + "tell member \(hexadecimal(me.number)) what its log begins after: give it a new place "
        + "(quorate member replace) and start it with an empty data directory"
    }
  }
}
