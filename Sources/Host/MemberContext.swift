/// What every thread and loop of a member knows: what it may look at, how the member ends, what is
/// counted, and where letters go.
package struct MemberContext: Sendable {
  package let board: Board
  package let metrics: Metrics
  package let fate: Fate
  package let inboxes: MemberInboxes

  package init(board: Board, metrics: Metrics, fate: Fate, inboxes: MemberInboxes) {
    self.board = board
    self.metrics = metrics
    self.fate = fate
    self.inboxes = inboxes
  }
}
