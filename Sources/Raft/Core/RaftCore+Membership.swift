import Base

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

  /// Whether a change could be appended now.
  public var canChangeMembers: Bool {
    isLeader && !isHandingOver && hasNoChangeInProgress && !quorum.isJoint && hasCommittedInTerm
  }

  /// Whether the log has this very entry; `nil`: it was cut away.
  public func holds(_ entry: EntryID) -> Bool? {
    entry.index < log.base.index ? nil : log.holds(entry)
  }

  /// One change at a time, and none before this leader knows what earlier terms have committed:
  /// otherwise two majorities of two configurations may not meet (Ongaro, raft-dev 2015-07-10).
  private func checkChangeMayBegin() throws(ConfigurationRefusal) {
    guard hasNoChangeInProgress, !quorum.isJoint else { throw .changeInProgress }
    guard hasCommittedInTerm else { throw .termNotCommitted }
  }

  /// Whether the configuration in force is known to be committed.
  private var hasNoChangeInProgress: Bool {
    configurations.currentIndex <= commitIndex
  }

  /// Whether the member was heard lately and lacks few entries, so that commits need not wait for
  /// it (Thesis §4.2.1).
  public func isCaughtUp(_ member: MemberID) -> Bool {
    if member == id { return true }
    guard case .leader(let leader) = role, let position = leader.position(of: member) else {
      return false
    }
    let follower = leader.followers[position]
    return follower.match > .zero
      && lastEntry.index.number - follower.match.number <= settings.promotionLag
      && isHeard(follower)
  }

  private mutating func append(
    _ configuration: Configuration, _ output: inout Output
  ) -> EntryID {
    demand(
      hasNoChangeInProgress && hasCommittedInTerm,
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
    let members = configuration.members + configurations.configuration(at: commitIndex).members
    for member in members where member.id != id && leading.position(of: member.id) == nil {
      // To a place that nobody has come to yet there is nothing to send.
      guard member.incarnation != .unknown else { continue }
      leading.followers.append(Progress(member: member.id, next: next, heardAt: now))
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
