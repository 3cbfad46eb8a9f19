import Raft

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
    for id in waiting + waitingChanges { refuse(id, .leaderUnreachable(leader), &effects) }
    (waiting, waitingChanges) = ([], [])
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
    round = .reply(from: leader, begunAt: now)
  }

  // MARK: At the leader

  mutating func receive(
    _ forward: Forward, from member: MemberID, _ effects: inout ReplicaEffects
  ) {
    guard peers.take(forward.number, of: forward.boot, from: member) else {
      return effects.notes.append(.forwardDropped(from: member, number: forward.number))
    }
    heldForwards.append(HeldForward(from: member, forward: forward))
  }

  /// A forward that is about to be answered.
  struct JudgedForward {
    var from: MemberID
    var boot: Boot
    var refused: [ForwardReply.Verdict] = []
    /// May have a slot each.
    var accepted: [ForwardedProposal] = []
  }

  /// The forwards that have gathered, judged by what holds now.
  mutating func takeForwards() -> [JudgedForward] {
    defer { heldForwards.removeAll(keepingCapacity: true) }
    return heldForwards.map { held in
      var judged = JudgedForward(from: held.from, boot: held.forward.boot)
      let refusalOfAll = refusal(of: held.forward, from: held.from)
      for proposal in held.forward.proposals {
        if let refusal = refusalOfAll ?? refusal(of: proposal) {
          judged.refused.append(
            ForwardReply.Verdict(id: proposal.id, outcome: .refused(refusal)))
        } else {
          judged.accepted.append(proposal)
        }
      }
      return judged
    }
  }

  private func refusal(of forward: Forward, from member: MemberID) -> ForwardRefusal? {
    guard core.isLeader, core.currentTerm == forward.term else {
      return .notLeader(leader: core.leader)
    }
    if shutdownAt != nil { return .shuttingDown }
    if isCutOff { return .inquorate }
    // Who is no member any more has nobody that could take back its alarms.
    guard core.configuration[member] != nil else { return .notLeader(leader: nil) }
    return applyRefusal == nil ? nil : .tooManyRequests
  }

  private func refusal(of proposal: ForwardedProposal) -> ForwardRefusal? {
    if proposal.command.count > settings.commandLimitBytes { return .requestTooLarge }
    return isSpaceShort && proposal.isGrowing ? .noSpace : nil
  }

  /// Tells the members what became of their forwards; `outcomes`: of all accepted commands, in
  /// order.
  mutating func reply(
    to forwards: [JudgedForward], _ outcomes: ArraySlice<Offered>, _ effects: inout ReplicaEffects
  ) {
    var rest = outcomes
    for forward in forwards {
      let verdicts = zip(forward.accepted, rest).map { proposal, outcome in
        ForwardReply.Verdict(id: proposal.id, outcome: Self.outcome(outcome))
      }
      rest = rest.dropFirst(forward.accepted.count)
      let reply = ForwardReply(boot: forward.boot, verdicts: forward.refused + verdicts)
      effects.sends.append(PeerEnvelope(to: forward.from, message: .forwardReply(reply)))
    }
  }

  private static func outcome(_ outcome: Offered) -> ForwardReply.Verdict.Outcome {
    switch outcome {
    case .appended(let entry): .appended(entry)
    case .refused(.notLeader(let leader)): .refused(.notLeader(leader: leader))
    case .refused(.transferring): .refused(.transferring)
    case .refused(.tooManyUncommitted): .refused(.tooManyRequests)
    case .refused(.configuration(let reason)):
      fatalError("a command was refused as a change: \(reason)")
    }
  }

  // MARK: Back at the member that was asked

  mutating func receive(
    _ reply: ForwardReply, from leader: MemberID, _ effects: inout ReplicaEffects
  ) {
    guard reply.boot == boot else { return }
    if case .reply(from: leader, begunAt: _) = round { round = .none }
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

  func rule(of reason: ForwardRefusal, _ leader: MemberID) -> Refusal.Rule {
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
