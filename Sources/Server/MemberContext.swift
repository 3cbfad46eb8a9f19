/// What every thread and loop of a member knows: what it may look at, how the member ends, what is
/// counted, and where letters go.
struct MemberContext: Sendable {
  let board: Board
  let metrics: Metrics
  let fate: Fate
  let inboxes: MemberInboxes
}
