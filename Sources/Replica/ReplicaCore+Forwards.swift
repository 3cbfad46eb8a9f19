import Raft

#if Mutants
  import Mutants
#endif

/// Commands of one member's clients on their way to the leader. Each is sent at most once: whether
/// a lost forward was appended cannot be known, so a second one could take effect twice.
///
/// So a command is better kept than sent into a leader that may be gone: while it has not left, it
/// can go to the next leader, or be refused.
extension ReplicaCore {
  /// Whether `leader` would surely get a forward, as far as anyone can know: it answers pings.
  ///
  /// A leader that this member does not ping, because it is none of its voters, is taken at its
  /// word.
  func isReached(_ leader: MemberID) -> Bool {
    guard peers.isOpen(leader) else { return false }
    return !core.configuration.isVoter(leader)
      || monitor.answers(leader, within: settings.forwardPatience, at: now)
  }

  /// The leader is heard and does not hear: waiting longer would not help.
  mutating func refuseUnreached(_ effects: inout ReplicaEffects) {
    guard settings.quorumPolicy != .wait, let leader = core.leader, leader != id,
      let silence = monitor.silence(of: leader, at: now),
      silence > settings.raft.electionTimeout * 2
    else { return }
    for id in waiting { refuse(id, .leaderUnreachable(leader), &effects) }
    waiting = []
  }

  mutating func forward(
    _ batch: [ProposalRequest], to leader: MemberID, _ effects: inout ReplicaEffects
  ) {
    var load: [ForwardedProposal] = []
    var bytes = 0
    for proposal in batch {
      if !load.isEmpty && bytes + proposal.command.count > settings.forwardLimitBytes {
        send(load, to: leader, &effects)
        load = []
        bytes = 0
      }
      load.append(
        ForwardedProposal(
          id: proposal.id, command: proposal.command, isGrowing: proposal.isGrowing))
      bytes += proposal.command.count
      requests.update(
        proposal.id, .sent(commandBytes: proposal.command.count, term: core.currentTerm))
    }
    send(load, to: leader, &effects)
  }

  private mutating func send(
    _ load: [ForwardedProposal], to leader: MemberID, _ effects: inout ReplicaEffects
  ) {
    forwardsSent += 1
    let forward = Forward(
      term: core.currentTerm, boot: boot, number: forwardsSent, proposals: load)
    effects.sends.append(PeerEnvelope(to: leader, message: .forward(forward)))
    effects.notes.append(.forwarded(requests: load.count, to: leader))
  }

  // MARK: At the leader

  mutating func receive(
    _ forward: Forward, from member: MemberID, _ effects: inout ReplicaEffects
  ) {
    guard peers.take(forward, from: member) else {
      return effects.notes.append(.forwardDropped(from: member, number: forward.number))
    }
    var verdicts: [ForwardReply.Verdict] = []
    var accepted: [ForwardedProposal] = []
    let refusalOfAll = refusal(of: forward)
    for proposal in forward.proposals {
      if let refusal = refusalOfAll ?? refusal(of: proposal) {
        verdicts.append(ForwardReply.Verdict(id: proposal.id, outcome: .refused(refusal)))
      } else {
        accepted.append(proposal)
      }
    }
    if !accepted.isEmpty { verdicts += append(accepted, &effects) }
    let reply = ForwardReply(boot: forward.boot, verdicts: verdicts)
    effects.sends.append(PeerEnvelope(to: member, message: .forwardReply(reply)))
  }

  private func refusal(of forward: Forward) -> ForwardRefusal? {
    #if Mutants
      if Mutant.takesForwardsOfAnyTerm.isPlanted, core.isLeader { return nil }
    #endif
    guard core.isLeader, core.currentTerm == forward.term else {
      return .notLeader(leader: core.leader)
    }
    if shutdownAt != nil { return .shuttingDown }
    if isCutOff { return .inquorate }
    return applyRefusal == nil ? nil : .tooManyRequests
  }

  private func refusal(of proposal: ForwardedProposal) -> ForwardRefusal? {
    if proposal.command.count > settings.commandLimitBytes { return .requestTooLarge }
    return pressure == .noSpace && proposal.isGrowing ? .noSpace : nil
  }

  private mutating func append(
    _ proposals: [ForwardedProposal], _ effects: inout ReplicaEffects
  ) -> [ForwardReply.Verdict] {
    let (first, output) = offer(proposals.map(\.command), &effects)
    var verdicts: [ForwardReply.Verdict] = []
    for appended in output.appended {
      let proposal = proposals[Int(appended.proposal.number - first)]
      verdicts.append(
        ForwardReply.Verdict(id: proposal.id, outcome: .appended(appended.entry)))
    }
    for refused in output.refused {
      let proposal = proposals[Int(refused.proposal.number - first)]
      let reason: ForwardRefusal
      switch refused.reason {
      case .notLeader(let leader): reason = .notLeader(leader: leader)
      case .transferring: reason = .transferring
      case .tooManyUncommitted: reason = .tooManyRequests
      case .configuration(let reason):
        preconditionFailure("a command was refused as a change: \(reason)")
      }
      verdicts.append(ForwardReply.Verdict(id: proposal.id, outcome: .refused(reason)))
    }
    return verdicts
  }

  // MARK: Back at the member that was asked

  mutating func receive(
    _ reply: ForwardReply, from leader: MemberID, _ effects: inout ReplicaEffects
  ) {
    guard reply.boot == boot else { return }
    for verdict in reply.verdicts {
      guard case .sent = requests[verdict.id] else { continue }
      switch verdict.outcome {
      case .appended(let entry):
        // A slot that was handed to the state machine already is settled by its completion.
        if entry.index > deliveredIndex {
          slots.insert(SlotTable.Slot(entry: entry, id: verdict.id))
        }
      case .refused(let reason): refuse(verdict.id, rule(of: reason, leader), &effects)
      }
    }
  }

  private func rule(of reason: ForwardRefusal, _ leader: MemberID) -> Refusal.Rule {
    switch reason {
    case .notLeader(let leader): .notLeader(leader: leader)
    case .transferring, .shuttingDown: .leaderChanging
    case .tooManyRequests:
      .tooManyRequests(
        inFlight: settings.unappliedEntriesLimit, limit: settings.unappliedEntriesLimit)
    case .noSpace: .noSpace
    case .inquorate: .leaderInquorate(leader)
    case .requestTooLarge:
      .requestTooLarge(bytes: settings.commandLimitBytes, limitBytes: settings.commandLimitBytes)
    }
  }
}
