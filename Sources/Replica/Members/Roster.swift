public import Raft

/// Whom a formed member goes by.
public struct Roster: Hashable, Sendable {
  /// Everybody who may be a member, sorted; an unknown incarnation admits any.
  public var known: [KnownMember]
  /// The slot of the last configuration that it knows to be committed.
  public var index: LogIndex
  /// Whether that configuration has this member, with its data directory, in it.
  public var isMember: Bool

  public init(known: [KnownMember], index: LogIndex, isMember: Bool) {
    self.known = known
    self.index = index
    self.isMember = isMember
  }

  /// Of a member that has not formed.
  public static let nobody = Roster(known: [], index: .zero, isMember: false)

  /// Whether the member is known by another data directory.
  public func contradicts(_ member: KnownMember) -> Bool {
    known.contains {
      $0.id == member.id && $0.incarnation != .unknown && $0.incarnation != member.incarnation
    }
  }
}

extension ReplicaCore {
  public var roster: Roster {
    Roster(known: knownMembers, index: membership.index, isMember: membership.isMember)
  }
}
