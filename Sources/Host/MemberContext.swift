/// What every thread and loop of a member knows: what it may look at, how the member ends, what is
/// counted, and where letters go.
package struct MemberContext: Sendable {
  package let published: PublishedState
  package let metrics: Metrics
  package let exitLatch: ExitLatch
  package let inboxes: MemberInboxes

  package init(
    published: PublishedState, metrics: Metrics, exitLatch: ExitLatch, inboxes: MemberInboxes
  ) {
    self.published = published
    self.metrics = metrics
    self.exitLatch = exitLatch
    self.inboxes = inboxes
  }
}
