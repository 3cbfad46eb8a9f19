/// A member and the data directory it is known to have.
public struct KnownMember: Hashable, Sendable {
  public var id: MemberID
  public var incarnation: Incarnation

  public init(id: MemberID, incarnation: Incarnation) {
    self.id = id
    self.incarnation = incarnation
  }
}
