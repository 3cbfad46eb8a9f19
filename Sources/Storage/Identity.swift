public import Raft

/// Whose data a directory holds; written once, when it is made.
public struct Identity: Hashable, Sendable {
  public var cluster: UInt64
  public var member: MemberID
  /// The member's name for people.
  public var name: String
  /// Drawn when the directory is made; never zero.
  public var incarnation: Incarnation

  public init(cluster: UInt64, member: MemberID, name: String, incarnation: Incarnation) {
    self.cluster = cluster
    self.member = member
    self.name = name
    self.incarnation = incarnation
  }
}
