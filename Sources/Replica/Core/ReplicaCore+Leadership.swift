import Base
import Raft

/// Changes of members, handing leadership over, and shutting down.
extension ReplicaCore {
  mutating func change(
    _ id: RequestID, _ change: ConfigurationChange, deadline: Instant,
    _ effects: inout ReplicaEffects
  ) {
    if let rule = writeRefusal {
      return effects.answers.append(.refused(id, Refusal(rule)))
    }
    proposalsMade += 1
    let output = feed(.change(change, ProposalID(proposalsMade)), &effects)
    if let refused = output.refused.first {
      return effects.answers.append(.refused(id, Refusal(changeRule(of: refused.reason))))
    }
    guard let appended = output.appended.first else {
      fatalError("a change was neither appended nor refused")
    }
    requests.insert(id, .change(sentIn: appended.entry.term), deadline: deadline)
    slots.insert(SlotTable.Slot(entry: appended.entry, id: id))
  }

  private func changeRule(of reason: Refused.Reason) -> Refusal.Rule {
    switch reason {
    case .notLeader(let leader): .notLeader(leader: leader)
    case .transferring: .leaderChanging
    case .tooManyUncommitted:
      .tooManyRequests(
        inFlight: UInt64(settings.raft.uncommittedLimitBytes),
        limit: UInt64(settings.raft.uncommittedLimitBytes))
    case .configuration(let reason): .configuration(reason)
    }
  }

  mutating func transfer(
    _ id: RequestID, to member: MemberID?, deadline: Instant, _ effects: inout ReplicaEffects
  ) {
    if let rule = transferRefusal(to: member) {
      return effects.answers.append(.refused(id, Refusal(rule)))
    }
    requests.insert(id, .transfer(to: member), deadline: deadline)
    transfers.append(id)
    if member != self.id { feed(.transferLeadership(to: member), &effects) }
  }

  private func transferRefusal(to member: MemberID?) -> Refusal.Rule? {
    guard core.isLeader else { return .notLeader(leader: core.leader) }
    if let member, !core.configuration.isVoter(member) { return .transferTarget(member) }
    return nil
  }

  /// Begins to shut down; a second time only brings the deadline forward.
  mutating func shutdown(deadline: Instant, _ effects: inout ReplicaEffects) {
    guard let earlier = shutdownAt else {
      shutdownAt = deadline
      effects.notes.append(.shuttingDown)
      return
    }
    shutdownAt = min(earlier, deadline)
  }

  /// Answers transfers that have succeeded or failed, and goes on shutting down.
  mutating func settleLeadership(_ effects: inout ReplicaEffects) {
    settleTransfers(&effects)
    guard let shutdownAt, !isDrained else { return }
    if now >= shutdownAt {
      for (id, state) in requests.takeAll() {
        effects.answers.append(lastAnswer(to: id, in: state))
      }
    } else {
      handOver(&effects)
      guard hasHandedOver else { return }
    }
    guard requests.isEmpty else { return }
    isDrained = true
    effects.notes.append(.drained)
  }

  /// Commands first get their slots and results; then somebody else is asked to lead.
  private mutating func handOver(_ effects: inout ReplicaEffects) {
    guard !hasHandedOver else { return }
    guard core.isLeader else {
      // A follower may stop once the commands it has sent are answered.
      hasHandedOver = true
      return
    }
    guard !isTransferring else { return }
    let output = feed(.transferLeadership(to: nil), &effects)
    let hasStarted = output.notes.contains { note in
      if case .transferStarted = note { true } else { false }
    }
    // Nobody to hand over to: the last voter just stops.
    if !hasStarted { hasHandedOver = true }
  }

  private var isTransferring: Bool {
    if case .leader(let leader) = core.role { leader.transfer != nil } else { false }
  }

  private mutating func settleTransfers(_ effects: inout ReplicaEffects) {
    guard !transfers.isEmpty else { return }
    let isTransferring = isTransferring
    transfers.removeAll { id in
      guard case .transfer(to: let wanted) = requests[id] else { return true }
      if let leader = core.leader, leader != self.id || wanted == self.id {
        requests.remove(id)
        effects.answers.append(
          wanted == nil || wanted == leader
            ? .transferred(id, to: leader)
            : .refused(id, Refusal(.transferFailed(to: wanted))))
        return true
      }
      if core.isLeader && !isTransferring {
        requests.remove(id)
        effects.answers.append(.refused(id, Refusal(.transferFailed(to: wanted))))
        return true
      }
      return false
    }
  }
}
