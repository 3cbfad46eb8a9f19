public import Raft

/// A founder that another one waits for before the store forms, and why.
public struct FormationGap: Hashable, Sendable {
  public enum Reason: Hashable, Sendable {
    /// Its handshake has not come.
    case silent
    /// Its latest handshake does not name these founders, so it has not met them.
    case lacks([MemberID])
    /// Its latest handshake names other data directories of these.
    case differs([MemberID])
  }

  public var member: MemberID
  public var reason: Reason

  public init(member: MemberID, reason: Reason) {
    self.member = member
    self.reason = reason
  }
}
