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
    if isFenced && !proposal.isUpkeep { return corruptRule }
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
    if isSpaceShort && proposal.isGrowing { return .noSpace }
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
    if gap > settings.unappliedEntriesLimit {
      return .tooManyRequests(inFlight: gap, limit: settings.unappliedEntriesLimit)
    }
    let bytes = core.bytes(after: appliedIndex, through: front)
    guard bytes > settings.unappliedLimitBytes else { return nil }
    return .tooManyRequests(
      inFlight: UInt64(bytes), limit: UInt64(settings.unappliedLimitBytes))
  }

  /// Gives the waiting commands to the leader, here or elsewhere, once there is one; unless they
  /// had better gather for a moment longer.
  mutating func sendWaiting(_ effects: inout ReplicaEffects) {
    guard !(waiting.isEmpty && heldForwards.isEmpty), !isGathering else { return }
    let own = takeWaiting(&effects)
    if let leader = core.leader, leader != id {
      if !own.isEmpty { forward(own, to: leader, &effects) }
      append([], &effects)
    } else {
      append(own, &effects)
    }
  }

  /// The commands of this member's clients that may leave it now, in the order of their arrival.
  private mutating func takeWaiting(_ effects: inout ReplicaEffects) -> [ProposalRequest] {
    guard !waiting.isEmpty, !isWaitingBlocked, pressure != .overlayFull,
      let leader = core.leader, leader == id || isReached(leader)
    else { return [] }
    var batch: [ProposalRequest] = []
    batch.reserveCapacity(waiting.count)
    for id in waiting {
      guard case .waiting(let proposal) = requests[id] else { continue }
      if isSpaceShort && proposal.isGrowing {
        refuse(id, .noSpace, &effects)
      } else {
        batch.append(proposal)
      }
    }
    waiting.removeAll(keepingCapacity: true)
    return batch
  }

  /// Every command that this member as the leader has gathered gets its slot, in one step of the
  /// core: those of its own clients, and those that others have forwarded.
  private mutating func append(_ own: [ProposalRequest], _ effects: inout ReplicaEffects) {
    let forwards = takeForwards()
    let forwarded = forwards.flatMap(\.accepted)
    let outcomes = offer(own.map(\.command) + forwarded.map(\.command), &effects)
    for (proposal, outcome) in zip(own, outcomes) { settle(proposal, outcome, &effects) }
    reply(to: forwards, outcomes.dropFirst(own.count), &effects)
  }

  /// Notes where a command of this member's client went.
  private mutating func settle(
    _ proposal: ProposalRequest, _ outcome: Offered, _ effects: inout ReplicaEffects
  ) {
    switch outcome {
    case .appended(let entry):
      requests.update(
        proposal.id, .sent(commandBytes: proposal.command.count, term: entry.term))
      slots.insert(SlotTable.Slot(entry: entry, id: proposal.id))
    case .refused(.notLeader), .refused(.transferring):
      // It has not left this member, so it may wait for the next leader.
      waiting.append(proposal.id)
      isWaitingBlocked = true
    case .refused(.tooManyUncommitted):
      let limit = UInt64(settings.raft.uncommittedLimitBytes)
      refuse(proposal.id, .tooManyRequests(inFlight: limit, limit: limit), &effects)
    case .refused(.configuration(let reason)):
      refuse(proposal.id, .configuration(reason), &effects)
    }
  }

  /// What the core made of one command.
  enum Offered {
    case appended(EntryID)
    case refused(Refused.Reason)
  }

  /// Offers commands to the core. Returns what came of each.
  mutating func offer(
    _ commands: [[UInt8]], _ effects: inout ReplicaEffects
  ) -> [Offered] {
    guard !commands.isEmpty else { return [] }
    let first = proposalsMade + 1
    proposalsMade += UInt64(commands.count)
    let proposals = zip(first..., commands).map { Proposal(id: ProposalID($0), command: $1) }
    let output = feed(.propose(proposals), &effects)
    if !output.appended.isEmpty { round = .commit(core.lastEntry.index, begunAt: now) }
    var outcomes = [Offered?](repeating: nil, count: commands.count)
    for appended in output.appended {
      outcomes[Int(appended.proposal.number - first)] = .appended(appended.entry)
    }
    for refused in output.refused {
      outcomes[Int(refused.proposal.number - first)] = .refused(refused.reason)
    }
    return outcomes.map { outcome in
      guard let outcome else {
        fatalError(
          "\(commands.count) commands, \(output.appended.count) appended, "
            + "\(output.refused.count) refused")
      }
      return outcome
    }
  }

  /// Answers a request with a refusal, if it is not answered yet.
  mutating func refuse(
    _ id: RequestID, _ rule: Refusal.Rule, _ effects: inout ReplicaEffects
  ) {
    guard requests.remove(id) != nil else { return }
    effects.answers.append(.refused(id, Refusal(rule)))
  }
}
