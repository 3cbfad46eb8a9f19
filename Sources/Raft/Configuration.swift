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

  /// One member as the log knows it.
  public struct Member: Hashable, Sendable {
    public var id: MemberID
    public var incarnation: Incarnation
    public var role: Role
    /// The member's name for people, as `--name` gave it; empty: not known yet.
    public var name: String
    /// Where other members reach it, in the order given; never empty.
    public var peerURLs: [String]

    public init(
      id: MemberID, incarnation: Incarnation, role: Role, name: String, peerURLs: [String]
    ) {
      self.id = id
      self.incarnation = incarnation
      self.role = role
      self.name = name
      self.peerURLs = peerURLs
    }
  }

  public let members: [Member]

  public init(members: [Member]) {
    self.members = members.sorted { $0.id < $1.id }
  }
}
