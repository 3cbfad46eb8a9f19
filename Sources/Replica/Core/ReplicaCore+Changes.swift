import Base
import Raft

/// Changes of the members that clients ask for at any member (etcd rpc.proto Cluster).
///
/// ```text
///   waiting ──▶ at the leader: held ──▶ in its turn: judged ──▶ slot ──▶ applied here: changed
///      ▲                │                              └──▶ denied
///      └── not leader ──┘ (it was not appended, so it may go to the next leader)
/// ```
///
/// A change that would take the leader out waits until leadership was handed over.
extension ReplicaCore {
  /// A change on its way into the log, at the leader.
  struct HeldChange: Sendable {
    enum Origin: Sendable {
      case own(RequestID)
      case peer(MemberID, Boot, RequestID)
    }

    var origin: Origin
    var change: ConfigurationChange
    /// When it is given up, whoever waits for it.
    var deadline: Instant
    var hasHandedOver = false
  }

  mutating func reconfigure(_ request: MemberRequest, _ effects: inout ReplicaEffects) {
    if let rule = writeRefusal {
      return effects.answers.append(.refused(request.id, Refusal(rule)))
    }
    let limit = settings.changeLimit
    guard waitingChanges.count + heldChanges.count < limit else {
      let rule = Refusal.Rule.tooManyRequests(inFlight: UInt64(limit), limit: UInt64(limit))
      return effects.answers.append(.refused(request.id, Refusal(rule)))
    }
    requests.insert(request.id, .waitingChange(request.change), deadline: request.deadline)
    waitingChanges.append(request.id)
    if request.change == .remove(id) { ownRemovals.append(request.id) }
  }

  /// This member was removed, which is what some may have asked of it: who is out hears no more of
  /// what becomes of its requests.
  mutating func dismissed(_ effects: inout ReplicaEffects) {
    guard !isRemoved else { return }
    isRemoved = true
    effects.notes.append(.removed)
    for id in ownRemovals where requests.remove(id) != nil {
      effects.answers.append(.changed(id))
    }
    ownRemovals = []
  }

  mutating func settleChanges(_ effects: inout ReplicaEffects) {
    if !waitingChanges.isEmpty { sendWaitingChanges(&effects) }
    if !heldChanges.isEmpty { takeHeldChanges(&effects) }
  }

  // MARK: On the way to the leader

  private mutating func sendWaitingChanges(_ effects: inout ReplicaEffects) {
    guard !isWaitingBlocked, let leader = core.leader, leader == id || isReached(leader) else {
      return
    }
    for id in waitingChanges {
      guard case .waitingChange(let change) = requests[id] else { continue }
      if leader == self.id {
        let deadline = now + settings.changePatience
        heldChanges.append(HeldChange(origin: .own(id), change: change, deadline: deadline))
      } else {
        forwardsSent += 1
        requests.update(id, .change(sentIn: core.currentTerm))
        let forward = ChangeForward(
          term: core.currentTerm, boot: boot, number: forwardsSent, id: id, change: change)
        changesSent.append((id, change))
        effects.sends.append(PeerEnvelope(to: leader, message: .changeForward(forward)))
      }
    }
    waitingChanges = []
  }

  // MARK: At the leader

  mutating func receive(
    _ forward: ChangeForward, from member: MemberID, _ effects: inout ReplicaEffects
  ) {
    guard peers.take(forward.number, of: forward.boot, from: member) else {
      return effects.notes.append(.forwardDropped(from: member, number: forward.number))
    }
    let held = HeldChange(
      origin: .peer(member, forward.boot, forward.id), change: forward.change,
      deadline: now + settings.changePatience)
    if core.isLeader && core.currentTerm != forward.term {
      return refuse(held, .notLeader(leader: core.leader), &effects)
    }
    guard heldChanges.count < settings.changeLimit else {
      return refuse(held, .tooManyRequests, &effects)
    }
    heldChanges.append(held)
  }

  private mutating func takeHeldChanges(_ effects: inout ReplicaEffects) {
    while var held = heldChanges.first {
      held.change = held.change.fitting(core.configuration)
      if let refusal = refusal(of: held) {
        heldChanges.removeFirst()
        refuse(held, refusal, &effects)
      } else if !core.canChangeMembers {
        return
      } else if let denial = denial(of: held.change) {
        heldChanges.removeFirst()
        deny(held, denial, &effects)
      } else if takesLeaderOut(held.change), !held.hasHandedOver {
        heldChanges[0].hasHandedOver = true
        feed(.transferLeadership(to: nil), &effects)
      } else {
        heldChanges.removeFirst()
        offer(held, &effects)
      }
    }
  }

  private func refusal(of held: HeldChange) -> ForwardRefusal? {
    guard core.isLeader else { return .notLeader(leader: core.leader) }
    if shutdownAt != nil { return .shuttingDown }
    if isCutOff { return .inquorate }
    return now >= held.deadline ? .transferring : nil
  }

  private func denial(of change: ConfigurationChange) -> MembershipRefusal? {
    membershipRule.refusal(of: change) { mayVote($0) }
  }

  var membershipRule: MembershipRule {
    let configuration = core.configuration
    let heard = configuration.members.map(\.id).filter {
      configuration.isVoter($0) && monitor.hears($0, at: now)
    }
    return MembershipRule(me: id, configuration: configuration, heard: heard)
  }

  /// Whether this leader would go by the change, and another voter could lead.
  func takesLeaderOut(_ change: ConfigurationChange) -> Bool {
    let isMine =
      switch change {
      case .remove(let member), .exchange(voter: let member, learner: _, stays: _): member == id
      case .setVoters(let voters): !voters.contains(id)
      case .addLearner, .promote, .update, .introduce, .renew: false
      }
    return isMine && membershipRule.heard.contains { $0 != id }
  }

  private mutating func offer(_ held: HeldChange, _ effects: inout ReplicaEffects) {
    proposalsMade += 1
    let output = feed(.change(held.change, ProposalID(proposalsMade)), &effects)
    if let appended = output.appended.first {
      switch held.origin {
      case .own(let id):
        guard requests.contains(id) else { return }
        requests.update(id, .change(sentIn: appended.entry.term))
        slots.insert(SlotTable.Slot(entry: appended.entry, id: id))
      case .peer: answer(held, .appended(appended.entry), &effects)
      }
      return
    }
    switch output.refused.first?.reason {
    case .configuration(let reason): deny(held, .configuration(reason), &effects)
    case .notLeader(let leader): refuse(held, .notLeader(leader: leader), &effects)
    case .transferring: refuse(held, .transferring, &effects)
    case .tooManyUncommitted: refuse(held, .tooManyRequests, &effects)
    case nil: fatalError("a change was neither appended nor refused")
    }
  }

  private mutating func refuse(
    _ held: HeldChange, _ refusal: ForwardRefusal, _ effects: inout ReplicaEffects
  ) {
    switch held.origin {
    case .peer: answer(held, .refused(refusal), &effects)
    case .own(let id):
      guard case .waitingChange = requests[id] else { return }
      switch refusal {
      // It has not left this member: the next leader may take it.
      case .notLeader: waitingChanges.append(id)
      case .transferring: refuse(id, .leaderChanging, &effects)
      case .shuttingDown: refuse(id, .shuttingDown, &effects)
      case .inquorate: refuse(id, .inquorate(quorum, policy: settings.quorumPolicy), &effects)
      case .tooManyRequests, .noSpace, .requestTooLarge:
        let limit = UInt64(settings.changeLimit)
        refuse(id, .tooManyRequests(inFlight: limit, limit: limit), &effects)
      }
    }
  }

  private mutating func deny(
    _ held: HeldChange, _ denial: MembershipRefusal, _ effects: inout ReplicaEffects
  ) {
    switch held.origin {
    case .peer: answer(held, .denied(denial), &effects)
    case .own(let id): refuse(id, .membership(denial), &effects)
    }
  }

  private mutating func answer(
    _ held: HeldChange, _ outcome: ChangeReply.Outcome, _ effects: inout ReplicaEffects
  ) {
    guard case .peer(let member, let boot, let id) = held.origin else { return }
    let reply = ChangeReply(boot: boot, id: id, outcome: outcome)
    effects.sends.append(PeerEnvelope(to: member, message: .changeReply(reply)))
  }

  // MARK: Back at the member that was asked

  mutating func receive(
    _ reply: ChangeReply, from leader: MemberID, _ effects: inout ReplicaEffects
  ) {
    guard reply.boot == boot, case .change = requests[reply.id],
      let place = changesSent.firstIndex(where: { $0.id == reply.id })
    else { return }
    let (id, change) = changesSent.remove(at: place)
    switch reply.outcome {
    case .appended(let entry): placed(id, at: entry, &effects)
    case .denied(let denial): refuse(id, .membership(denial), &effects)
    case .refused(.notLeader), .refused(.transferring):
      // It was not appended: the next leader may take it.
      requests.update(id, .waitingChange(change))
      waitingChanges.append(id)
      isWaitingBlocked = true
    case .refused(let refusal): refuse(id, rule(of: refusal, leader), &effects)
    }
  }

  /// The change has a slot, which may have been handed to the state machine already.
  private mutating func placed(
    _ id: RequestID, at entry: EntryID, _ effects: inout ReplicaEffects
  ) {
    let slot = SlotTable.Slot(entry: entry, id: id)
    guard entry.index <= deliveredIndex else { return slots.insert(slot) }
    switch core.holds(entry) {
    case true?:
      let place = changesApplying.firstIndex { $0.entry.index > entry.index }
      changesApplying.insert(slot, at: place ?? changesApplying.count)
      finishChanges(&effects)
    case false?:
      requests.remove(id)
      effects.answers.append(.lost(id))
    case nil:
      requests.remove(id)
      effects.answers.append(.outcomeUnknown(id, .insideSnapshot))
    }
  }
}

extension ConfigurationChange {
  /// Who is to follow on a member that does not vote takes its place at once.
  func fitting(_ configuration: Configuration) -> ConfigurationChange {
    guard case .addLearner(let member) = self, case .successor(of: let old) = member.prospect,
      let predecessor = configuration[old], predecessor.role == .learner
    else { return self }
    return member.inheriting(from: predecessor)
  }
}

extension Configuration.Member {
  /// It takes the place of a learner, and is for what that one was for.
  func inheriting(from predecessor: Configuration.Member) -> ConfigurationChange {
    var heir = self
    heir.prospect = predecessor.prospect
    return .renew(predecessor.id, as: heir)
  }
}
