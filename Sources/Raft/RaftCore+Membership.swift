#if Mutants
  import Mutants
#endif

/// Changing who the members are, while they work (Raft §6, Thesis §4).
extension RaftCore {
  mutating func propose(
    _ change: ConfigurationChange, as proposal: ProposalID, _ output: inout Output
  ) {
    guard case .leader(let leader) = role else {
      output.refused.append(
        Refused(proposal: proposal, reason: .notLeader(leader: self.leader)))
      return
    }
    guard leader.transfer == nil else {
      output.refused.append(Refused(proposal: proposal, reason: .transferring))
      return
    }
    do {
      try checkChangeMayBegin()
      let next = try configuration.applying(change) { isCaughtUp($0) }
      let entry = append(next, &output)
      output.appended.append(Appended(proposal: proposal, entry: entry))
    } catch {
      output.refused.append(Refused(proposal: proposal, reason: .configuration(error)))
    }
  }

  /// One change at a time, and none before this leader knows what earlier terms have committed:
  /// otherwise two majorities of two configurations may not meet (Ongaro, raft-dev 2015-07-10).
  private func checkChangeMayBegin() throws(ConfigurationRefusal) {
    guard hasNoChangeInProgress, !quorum.isJoint else {
      throw .changeInProgress
    }
    guard knowsEarlierCommits else { throw .termNotCommitted }
  }

  /// Whether the configuration in force is known to be committed.
  private var hasNoChangeInProgress: Bool {
    #if Mutants
      if Mutant.changesInParallel.isPlanted { return true }
    #endif
    return configurations.currentIndex <= commitIndex
  }

  /// Whether everything that earlier terms committed is known to be committed here.
  private var knowsEarlierCommits: Bool {
    #if Mutants
      if Mutant.changesBeforeOwnCommit.isPlanted { return true }
    #endif
    return hasCommittedInTerm
  }

  /// Whether the member was heard lately and lacks few entries, so that commits need not wait for
  /// it (Thesis §4.2.1).
  private func isCaughtUp(_ member: MemberID) -> Bool {
    if member == id { return true }
    #if Mutants
      if Mutant.promotesUnseen.isPlanted { return true }
    #endif
    guard let position = leading.position(of: member) else { return false }
    let follower = leading.followers[position]
    return follower.match > .zero
      && lastEntry.index.number - follower.match.number <= settings.promotionLag
      && now < follower.heardAt + settings.electionTimeout
  }

  private mutating func append(
    _ configuration: Configuration, _ output: inout Output
  ) -> EntryID {
    demand(
      hasNoChangeInProgress && knowsEarlierCommits,
      "the configuration at \(configurations.currentIndex.number) is not committed")
    let entry = append(.configuration(configuration), &output)
    updateFollowers(next: entry.index)
    return entry
  }

  /// After a commit: a joint configuration is completed, by whoever leads now; members that have
  /// left are told so as far as they have followed; a leader that has left steps down.
  mutating func concludeChange(committedSince previous: LogIndex, _ output: inout Output) {
    let isNews = configurations.currentIndex > previous || leading.firstIndex > previous
    guard isNews, configurations.currentIndex <= commitIndex else { return }
    if quorum.isJoint {
      _ = append(configuration.completed, &output)
      return
    }
    dismissDeparted(&output)
    guard !quorum.contains(id) else { return }
    // The voter with the longest log need not wait for a timeout (Thesis §4.2.2).
    if let successor = bestSuccessor, isUpToDate(successor) {
      send(.timeoutNow, to: successor, &output)
    }
    output.notes.append(.steppedDown(.removed))
    becomeFollower(currentTerm, leader: nil, &output)
  }

  /// Keeps one `Progress` for each member in force or not yet surely gone.
  mutating func updateFollowers(next: LogIndex) {
    var members = configuration.members.map(\.id)
    members += configurations.configuration(at: commitIndex).members.map(\.id)
    for member in members where member != id && leading.position(of: member) == nil {
      leading.followers.append(Progress(member: member, next: next, heardAt: now))
    }
    leading.followers.sort { $0.member < $1.member }
  }

  private mutating func dismissDeparted(_ output: inout Output) {
    for position in leading.followers.indices
    where configuration[leading.followers[position].member] == nil {
      sendHeartbeat(to: position, &output)
    }
    let staying = configuration
    leading.followers.removeAll { staying[$0.member] == nil }
  }
}

extension Configuration {
  /// The configuration that the change leads to, joint if more than one voter changes at once.
  ///
  /// `isCaughtUp` says whether a learner may vote. *Throws* why the change is refused.
  func applying(
    _ change: ConfigurationChange, isCaughtUp: (MemberID) -> Bool
  ) throws(ConfigurationRefusal) -> Configuration {
    switch change {
    case .addLearner(var member):
      guard self[member.id] == nil else { throw .memberExists }
      member.role = .learner
      return Configuration(members: members + [member])
    case .promote(let id):
      guard let member = self[id] else { throw .memberNotFound }
      guard member.role == .learner else { throw .notALearner }
      guard isCaughtUp(id) else { throw .learnerBehind }
      return replacing(id) { $0.role = .voter }
    case .remove(let id):
      guard self[id] != nil else { throw .memberNotFound }
      let rest = Configuration(members: members.filter { $0.id != id })
      #if Mutants
        if Mutant.removesLastVoter.isPlanted { return rest }
      #endif
      guard !Quorum(rest).voters.isEmpty else { throw .noVoters }
      return rest
    case .update(let id, peerURLs: let peerURLs):
      guard self[id] != nil else { throw .memberNotFound }
      return replacing(id) { $0.peerURLs = peerURLs }
    case .setVoters(let voters):
      return try joint(voters: voters, isCaughtUp: isCaughtUp)
    }
  }

  private func replacing(_ id: MemberID, _ change: (inout Member) -> Void) -> Configuration {
    Configuration(
      members: members.map { member in
        var member = member
        if member.id == id { change(&member) }
        return member
      })
  }

  private func joint(
    voters: [MemberID], isCaughtUp: (MemberID) -> Bool
  ) throws(ConfigurationRefusal) -> Configuration {
    guard !voters.isEmpty else { throw .noVoters }
    for voter in voters where self[voter] == nil { throw .memberNotFound }
    var next: [Member] = []
    for var member in members {
      switch (member.role, voters.contains(member.id)) {
      case (.voter, true), (.learner, false): break
      case (.voter, false): member.role = .demoting
      case (.learner, true):
        guard isCaughtUp(member.id) else { throw .learnerBehind }
        member.role = .incoming
      case (.incoming, _), (.outgoing, _), (.demoting, _): throw .changeInProgress
      }
      next.append(member)
    }
    return Configuration(members: next)
  }
}
