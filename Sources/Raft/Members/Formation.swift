/// How a member's log begins: its first base, and what its store was formed with. Both become
/// durable at once, and before that nothing is told, voted or acknowledged (Docs/Decisions/0023).
public struct Formation: Hashable, Sendable {
  public var base: LogBase
  public var founding: Founding

  public init(base: LogBase, founding: Founding) {
    self.base = base
    self.founding = founding
  }
}
