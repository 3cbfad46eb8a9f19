import Base

/// What must hold after every step, in release builds too (Raft Figure 3, where one member can see
/// it). A member that has lost it stops before it answers.
extension RaftCore {
  /// What is remembered across a step: numbers, never the core itself, whose log would be copied.
  struct Landmarks {
    let hardState: HardState
    let commitIndex: LogIndex
    let base: LogIndex
    let last: EntryID
    let handedOver: LogIndex
    let isLeader: Bool

    init(_ core: RaftCore) {
      hardState = core.hardState
      commitIndex = core.commitIndex
      base = core.log.base.index
      last = core.log.last
      handedOver = core.delivery.handedOver
      isLeader = core.isLeader
    }
  }

  func checkInvariants(since before: Landmarks) {
    checkState()
    checkStep(since: before)
  }

  /// What holds now.
  private func checkState() {
    demand(
      log.base.index <= commitIndex && commitIndex <= log.last.index,
      "commit index \(commitIndex.number) lies outside the log "
        + "\(log.base.index.number)...\(log.last.index.number)")
    demand(
      log.last.term <= currentTerm,
      "the log ends in term \(log.last.term.number), after \(currentTerm.number)")
    demand(
      durability.index <= log.last.index,
      "\(durability.index.number) is durable, the log ends at \(log.last.index.number)")
    demand(
      delivery.handedOver <= commitIndex,
      "\(delivery.handedOver.number) was handed over, \(commitIndex.number) is committed")
    demand(
      delivery.installing != nil
        || (delivery.handedOver <= durability.index && log.base.index <= delivery.applied),
      "\(delivery.handedOver.number) was handed over, \(durability.index.number) is durable; "
        + "\(delivery.applied.number) is applied, \(log.base.index.number) is cut")
    demand(!quorum.voters.isEmpty, "nobody votes")
    switch role {
    case .follower, .preCandidate: break
    case .candidate, .leader:
      demand(
        votedFor == id, "term \(currentTerm.number) is claimed without an own vote")
    }
    if isLeader {
      demand(
        durability.hardState == hardState, "term \(currentTerm.number) is led before it is stored")
    }
  }

  /// What holds between before and now.
  private func checkStep(since before: Landmarks) {
    demand(
      before.hardState.currentTerm <= currentTerm,
      "term \(before.hardState.currentTerm.number) went back to \(currentTerm.number)")
    demand(
      before.hardState.currentTerm < currentTerm || before.hardState.votedFor == nil
        || before.hardState.votedFor == votedFor,
      "a second vote in term \(currentTerm.number): \(before.hardState.votedFor?.number ?? 0), "
        + "then \(votedFor?.number ?? 0)")
    demand(
      before.commitIndex <= commitIndex,
      "commit index \(before.commitIndex.number) went back to \(commitIndex.number)")
    demand(
      before.base <= log.base.index,
      "the base \(before.base.number) went back to \(log.base.index.number)")
    demand(
      before.handedOver <= delivery.handedOver,
      "entry \(before.handedOver.number) would be handed over twice")
    // Leader Append-Only, as far as ids tell.
    demand(
      !before.isLeader || !isLeader || before.last.index < log.base.index || log.holds(before.last),
      "a leader dropped its entry \(before.last.index.number)@\(before.last.term.number)")
  }
}
