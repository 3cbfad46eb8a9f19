import Raft

/// From a client's command to its slot in the log, or to a refusal.
extension ReplicaCore {
  /// Takes commands in. Until one has left this member it is refused, never unknown.
  mutating func propose(_ proposals: [ProposalRequest], _ effects: inout ReplicaEffects) {
    for proposal in proposals {
      if let rule = refusal(of: proposal) {
        effects.answers.append(.refused(proposal.id, Refusal(rule)))
      } else {
        requests.insert(proposal.id, .waiting(proposal), deadline: proposal.deadline)
        waiting.append(proposal.id)
      }
    }
  }

  private func refusal(of proposal: ProposalRequest) -> Refusal.Rule? {
    let bytes = proposal.command.count
    if bytes > settings.commandLimitBytes {
      return .requestTooLarge(bytes: bytes, limitBytes: settings.commandLimitBytes)
    }
    if let rule = writeRefusal { return rule }
    if requests.proposalCount >= settings.inflightProposalLimit {
      return .tooManyRequests(
        inFlight: UInt64(requests.proposalCount), limit: UInt64(settings.inflightProposalLimit))
    }
    if requests.proposalBytes + bytes > settings.inflightProposalLimitBytes {
      return .tooManyRequests(
        inFlight: UInt64(requests.proposalBytes),
        limit: UInt64(settings.inflightProposalLimitBytes))
    }
    if pressure == .noSpace && proposal.isGrowing { return .noSpace }
    return nil
  }

  /// Why any command would be refused now.
  var writeRefusal: Refusal.Rule? {
    if shutdownAt != nil { return .shuttingDown }
    if isCutOff { return .inquorate(quorum, policy: settings.quorumPolicy) }
    return applyRefusal
  }

  /// Apply is too far behind the log (etcd v3_server.go `ErrTooManyRequests`).
  var applyRefusal: Refusal.Rule? {
    let front = core.isLeader ? core.lastEntry.index : core.commitIndex
    guard front > appliedIndex else { return nil }
    let gap = front.number - appliedIndex.number
    guard gap > settings.unappliedEntriesLimit else { return nil }
    return .tooManyRequests(inFlight: gap, limit: settings.unappliedEntriesLimit)
  }

  /// Gives the waiting commands to the leader, here or elsewhere, once there is one.
  mutating func sendWaiting(_ effects: inout ReplicaEffects) {
    guard !waiting.isEmpty, !isWaitingBlocked, pressure != .overlayFull,
      let leader = core.leader, leader == id || isReached(leader)
    else { return }
    var batch: [ProposalRequest] = []
    for id in waiting {
      guard case .waiting(let proposal) = requests[id] else { continue }
      if pressure == .noSpace && proposal.isGrowing {
        refuse(id, .noSpace, &effects)
      } else {
        batch.append(proposal)
      }
    }
    waiting = []
    guard !batch.isEmpty else { return }
    if leader == id {
      append(batch, &effects)
    } else {
      forward(batch, to: leader, &effects)
    }
  }

  /// This member leads: its clients' commands get their slots.
  private mutating func append(_ batch: [ProposalRequest], _ effects: inout ReplicaEffects) {
    let (first, output) = offer(batch.map(\.command), &effects)
    for appended in output.appended {
      let proposal = batch[Int(appended.proposal.number - first)]
      requests.update(
        proposal.id,
        .sent(commandBytes: proposal.command.count, term: appended.entry.term))
      slots.insert(SlotTable.Slot(entry: appended.entry, id: proposal.id))
    }
    for refused in output.refused {
      let proposal = batch[Int(refused.proposal.number - first)]
      switch refused.reason {
      case .notLeader, .transferring:
        // It has not left this member, so it may wait for the next leader.
        waiting.append(proposal.id)
        isWaitingBlocked = true
      case .tooManyUncommitted:
        let limit = UInt64(settings.raft.uncommittedLimitBytes)
        refuse(proposal.id, .tooManyRequests(inFlight: limit, limit: limit), &effects)
      case .configuration(let reason): refuse(proposal.id, .configuration(reason), &effects)
      }
    }
  }

  /// Offers commands to the core. Returns the number of the first and what came of them.
  mutating func offer(
    _ commands: [[UInt8]], _ effects: inout ReplicaEffects
  ) -> (first: UInt64, output: Output) {
    let first = proposalsMade + 1
    var proposals: [Proposal] = []
    proposals.reserveCapacity(commands.count)
    for command in commands {
      proposalsMade += 1
      proposals.append(Proposal(id: ProposalID(proposalsMade), command: command))
    }
    let output = feed(.propose(proposals), &effects)
    precondition(
      output.appended.count + output.refused.count == commands.count,
      "\(commands.count) commands, \(output.appended.count) appended, "
        + "\(output.refused.count) refused")
    return (first, output)
  }

  /// Answers a request with a refusal, if it is not answered yet.
  mutating func refuse(
    _ id: RequestID, _ rule: Refusal.Rule, _ effects: inout ReplicaEffects
  ) {
    guard requests.remove(id) != nil else { return }
    effects.answers.append(.refused(id, Refusal(rule)))
  }
}
