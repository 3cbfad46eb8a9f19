import Base

/// What is committed stays (Raft §5.3, §5.4.2).
extension RaftCore {
  /// Commits what a quorum holds durably, if it is an entry of this term; those before it follow.
  /// Counting copies of an older entry alone proves nothing (Raft Figure 8). The leader's own copy
  /// counts once it is on its disk (Thesis §10.2.1).
  mutating func advanceCommit(_ output: inout Output) {
    guard case .leader(let leader) = role else { return }
    let agreed = quorum.agreed { member in
      if member == id { return durability.index }
      return leader.position(of: member).map { leader.followers[$0].match } ?? .zero
    }
    guard let agreed, agreed > commitIndex, log.term(at: agreed) == currentTerm else { return }
    leading.uncommittedBytes -= log.bytes(after: commitIndex, through: agreed)
    let previous = commitIndex
    commit(upTo: agreed, &output)
    concludeChange(committedSince: previous, &output)
  }

  /// Notes who else holds what this leader's disk is still writing down.
  mutating func watchOldestWrite() {
    guard isLeader else { return }
    durability.passed(by: commitIndex, at: now)
    if let end = durability.oldestUnheld, isHeldElsewhere(end) { durability.held(at: now) }
  }

  /// Whether another voter is known to hold the log durably up to there, and those who are heard
  /// could go on without this leader.
  private func isHeldElsewhere(_ index: LogIndex) -> Bool {
    let leader = leading
    let holds = leader.followers.contains { follower in
      follower.match >= index && quorum.contains(follower.member) && isHeard(follower)
    }
    return holds
      && quorum.isReached { voter in
        leader.position(of: voter).map { isHeard(leader.followers[$0]) } ?? false
      }
  }

  mutating func commit(upTo index: LogIndex, _ output: inout Output) {
    guard index > commitIndex else { return }
    demand(
      index <= lastEntry.index,
      "\(index.number) is committed, but this log ends at \(lastEntry.index.number)")
    commitIndex = index
    output.notes.append(.committed(index))
  }

  // MARK: Heartbeats

  mutating func fireLeaderTimers(_ output: inout Output) {
    if let transfer = leading.transfer, now >= transfer.deadline { endTransfer(&output) }
    guard now >= leading.heartbeatAt else { return }
    guard hearsQuorum else {
      output.notes.append(.steppedDown(.quorumLost))
      return becomeFollower(currentTerm, leader: nil, &output)
    }
    for read in leading.reads.takeExpired(at: now) { refuse(read, &output) }
    let heartbeatAt = now + settings.heartbeatInterval
    leading.heartbeatAt = heartbeatAt
    for position in leading.followers.indices { lookAfter(position, &output) }
    beginRound(&output)
  }

  /// Whether a quorum, itself included, was heard within an election timeout (Thesis §6.2).
  private var hearsQuorum: Bool {
    let leader = leading
    let heardAt = quorum.agreed { member in
      if member == id { return now }
      return leader.position(of: member).map { leader.followers[$0].heardAt } ?? .zero
    }
    guard let heardAt else { return false }
    return now < heardAt + settings.electionTimeout
  }

  /// Whether it was heard within an election timeout, or this leader is younger than that.
  func isHeard(_ follower: Progress) -> Bool { now < follower.heardAt + settings.electionTimeout }

  /// Once a heartbeat: tries again what waited, and asks after what has stood still since the last
  /// one. If it was lost, the follower rejects the question, and is probed.
  private mutating func lookAfter(_ position: Int, _ output: inout Output) {
    leading.followers[position].waitsForHeartbeat = false
    let follower = leading.followers[position]
    leading.followers[position].matchAtHeartbeat = follower.match
    guard follower.state == .replicate, !follower.inflight.isEmpty,
      follower.match == follower.matchAtHeartbeat
    else { return }
    guard let term = log.term(at: follower.next.previous) else {
      return leading.followers[position].becomeProbing(next: follower.match.next)
    }
    let question = AppendEntries(
      previous: EntryID(term: term, index: follower.next.previous), entries: [],
      commitIndex: commitIndex)
    send(.appendEntries(question), to: follower.member, &output)
  }

  /// A heartbeat to everyone. Answers to it prove that this member led when it began.
  mutating func beginRound(_ output: inout Output) {
    leading.round += 1
    if hasCommittedInTerm { leading.reads.begin(round: leading.round, at: commitIndex) }
    for position in leading.followers.indices { sendHeartbeat(to: position, &output) }
  }

  mutating func sendHeartbeat(to position: Int, _ output: inout Output) {
    let follower = leading.followers[position]
    let commit = min(follower.match, commitIndex)
    leading.followers[position].toldCommit = max(follower.toldCommit, commit)
    let heartbeat = Heartbeat(round: leading.round, commitIndex: commit)
    send(.heartbeat(heartbeat), to: follower.member, &output)
  }

  /// Answers once a round: word of a commit comes with the round that stands, and a second answer
  /// would tell the leader nothing.
  mutating func receive(
    _ heartbeat: Heartbeat, from leader: MemberID, _ output: inout Output
  ) {
    hear(leader: leader, &output)
    commit(upTo: heartbeat.commitIndex, &output)
    guard following.answeredRound != heartbeat.round else { return }
    following.answeredRound = heartbeat.round
    send(.heartbeatReply(HeartbeatReply(round: heartbeat.round)), to: leader, &output)
  }

  mutating func receive(_ reply: HeartbeatReply, from member: MemberID) {
    guard isLeader, let position = leading.position(of: member) else { return }
    demand(
      reply.round <= leading.round,
      "m\(member.number) answers round \(reply.round) of \(leading.round)")
    leading.followers[position].heardAt = now
    leading.followers[position].confirmedRound = max(
      leading.followers[position].confirmedRound, reply.round)
  }
}
