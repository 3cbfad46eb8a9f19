public import Base

/// When a member stands for election (Raft §5.2, Thesis §9.6).
extension RaftCore {
  /// Whether a leader works as far as this member can tell; then it helps nobody to depose it
  /// (Thesis §4.2.3). A leader watches its own quorum.
  var hearsLeader: Bool {
    switch role {
    case .follower(let follower):
      if let heardAt = follower.heardAt { now < heardAt + settings.electionTimeout } else { false }
    case .preCandidate, .candidate: false
    case .leader: true
    }
  }

  /// Whether this member may lead: as a voter, or while the end of its vote is not known to be
  /// committed. Until then the others may need its log, and it counts their votes only
  /// (Thesis §4.2.2).
  var mayCampaign: Bool {
    quorum.contains(id) || configurations.mayVote(id, committed: commitIndex)
  }

  /// Whether the votes in hand are a quorum of this member's own configuration.
  var isElected: Bool {
    switch role {
    case .preCandidate(let candidate): quorum.isReached { candidate.granted.contains($0) }
    case .candidate(let candidate): quorum.isReached { candidate.granted.contains($0) }
    case .follower, .leader: false
    }
  }

  /// When time alone will move this member; every `Output` repeats it.
  public var wakeAt: Instant {
    switch role {
    case .follower(let follower):
      let electionAt = mayCampaign ? follower.electionAt : .distantFuture
      return min(electionAt, follower.reads.first?.deadline ?? .distantFuture)
    case .preCandidate(let candidate): return candidate.electionAt
    case .candidate(let candidate): return candidate.electionAt
    case .leader(let leader):
      return min(leader.heartbeatAt, leader.transfer?.deadline ?? .distantFuture)
    }
  }

  /// Does what is due. Called after every event, because every event carries the time.
  mutating func fireTimers(_ output: inout Output) {
    switch role {
    case .follower(let follower):
      expireForwardedReads(&output)
      if now >= follower.electionAt { campaign(quickTries: follower.quickTries, &output) }
    case .preCandidate(let candidate):
      if now >= candidate.electionAt {
        campaign(quickTries: max(candidate.quickTries - 1, 0), &output)
      }
    case .candidate(let candidate):
      if now >= candidate.electionAt {
        campaign(quickTries: max(candidate.quickTries - 1, 0), &output)
      }
    case .leader:
      fireLeaderTimers(&output)
    }
  }

  /// Asks around, if this member votes at all; others wait on.
  private mutating func campaign(quickTries: Int, _ output: inout Output) {
    if mayCampaign {
      becomePreCandidate(quickTries: quickTries, &output)
    } else if case .follower = role {
      let electionAt = drawElectionInstant()
      following.electionAt = electionAt
    } else {
      becomeFollower(currentTerm, leader: nil, &output)
    }
  }

  /// The leader wants this member to take over, now (Thesis §3.10).
  mutating func receiveTimeoutNow(from sender: MemberID, _ output: inout Output) {
    guard case .follower(let follower) = role, follower.leader == sender, mayCampaign
    else { return }
    becomeCandidate(quickTries: 0, isTransfer: true, &output)
  }
}
