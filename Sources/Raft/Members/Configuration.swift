/// Who the members are and who of them votes (Raft §6, Thesis §4).
///
/// Members are kept sorted by id, so that equal configurations are equal bytes.
public struct Configuration: Hashable, Sendable {
  /// What a member counts for.
  public enum Role: UInt8, Hashable, Sendable {
    /// Receives the log, counts for nothing (Thesis §4.2.1).
    case learner = 0
    /// Counts in every majority.
    case voter = 1
    /// Joint consensus only: a voter of the new half.
    case incoming = 2
    /// Joint consensus only: a voter of the old half that leaves with it.
    case outgoing = 3
    /// Joint consensus only: a voter of the old half that stays on as a learner.
    case demoting = 4
  }

  /// What a learner becomes without anybody's asking again (Docs/Decisions/0016). Of a voter that
  /// stays as a learner: what it becomes then.
  public enum Prospect: Hashable, Sendable {
    /// It stays what it is until somebody asks.
    case none
    /// A voter, as soon as it has caught up.
    case voter
    /// A voter in the place of one that was silent for so long; the two change places.
    case spare(after: Duration)
    /// A voter in the place of this one, as soon as it has caught up; that one leaves.
    case successor(of: MemberID)
  }

  /// One member as the log knows it.
  public struct Member: Hashable, Sendable {
    public var id: MemberID
    /// Unknown: nobody has come with a data directory yet. Such a member is sent no entries, so it
    /// acknowledges none, and cannot become a voter.
    public var incarnation: Incarnation
    public var role: Role
    public var prospect: Prospect
    /// The member's name for people, as `--name` gave it; empty: not known yet.
    public var name: String
    /// Where other members reach it, in the order given; never empty.
    public var peerURLs: [String]
    /// Where clients reach it; empty: not known yet.
    public var clientURLs: [String]

    public init(
      id: MemberID, incarnation: Incarnation, role: Role, prospect: Prospect = .none,
      name: String, peerURLs: [String], clientURLs: [String] = []
    ) {
      self.id = id
      self.incarnation = incarnation
      self.role = role
      self.prospect = prospect
      self.name = name
      self.peerURLs = peerURLs
      self.clientURLs = clientURLs
    }
  }

  public let members: [Member]

  public init(members: [Member]) {
    self.members = members.sorted { $0.id < $1.id }
  }
}
