import Base

/// The only ways into a role (Raft Figure 4, Thesis §9.6).
extension RaftCore {
  /// What a member is when it starts: the only voter there is need not wait for anybody.
  mutating func becomeInitialFollower() {
    let isAlone = quorum.voters == [id] && !quorum.isJoint
    let electionAt = isAlone ? now : drawElectionInstant()
    role = .follower(Follower(leader: nil, heardAt: nil, electionAt: electionAt))
  }

  /// From any role. In a new term the vote is free; in the same term it stays what it was.
  mutating func becomeFollower(
    _ term: Term, leader: MemberID?, _ output: inout Output
  ) {
    demand(
      term >= currentTerm, "term \(term.number) is before \(currentTerm.number)")
    demand(leader != id, "m\(id.number) cannot follow itself")
    leaveRole(&output)
    if term > currentTerm { hardState = HardState(currentTerm: term, votedFor: nil) }
    role = .follower(
      Follower(
        leader: leader, heardAt: leader == nil ? nil : now, electionAt: drawElectionInstant()))
    output.notes.append(.becameFollower(term, leader: leader))
  }

  /// From any role but leader. Changes nothing that others could see or that must be kept.
  mutating func becomePreCandidate(quickTries: Int, _ output: inout Output) {
    demand(!isLeader, "a leader of term \(currentTerm.number) does not campaign")
    demand(mayCampaign, "m\(id.number) is no voter")
    leaveRole(&output)
    let delay = settings.connectionLossDelay
    let electionAt =
      quickTries > 0 ? now + dice.duration(in: delay..<delay * 2) : drawElectionInstant()
    role = .preCandidate(
      PreCandidate(granted: [id], electionAt: electionAt, quickTries: quickTries))
    output.notes.append(.becamePreCandidate(currentTerm))
    let request = Message(
      term: currentTerm.next, body: .preVote(PreVote(lastEntry: lastEntry)))
    for voter in otherVoters {
      output.sends.append(Envelope(to: voter, message: request))
    }
    if isElected { becomeCandidate(quickTries: quickTries, isTransfer: false, &output) }
  }

  /// From follower (told to) or pre-candidate (asked around). Its own vote counts once it is
  /// durable, like any other (Raft §5.2).
  mutating func becomeCandidate(
    quickTries: Int, isTransfer: Bool, _ output: inout Output
  ) {
    demand(!isLeader, "a leader of term \(currentTerm.number) does not campaign")
    demand(mayCampaign, "m\(id.number) is no voter")
    leaveRole(&output)
    hardState = HardState(currentTerm: currentTerm.next, votedFor: id)
    role = .candidate(Candidate(electionAt: drawElectionInstant(), quickTries: quickTries))
    output.notes.append(.becameCandidate(currentTerm))
    let request = RequestVote(lastEntry: lastEntry, isTransfer: isTransfer)
    for voter in otherVoters {
      promise(.requestVote(request), to: voter, &output)
    }
  }

  /// From candidate with a quorum of votes. Begins its term with an entry that has no effect but
  /// to be committed (Raft §8).
  mutating func becomeLeader(_ output: inout Output) {
    guard case .candidate = role else {
      fatalError("only a candidate is elected, not \(role)")
    }
    demand(
      isElected && durability.hardState == hardState,
      "term \(currentTerm.number) was won without a durable quorum")
    let firstIndex = lastEntry.index.next
    role = .leader(
      Leader(
        firstIndex: firstIndex, followers: [], heartbeatAt: now,
        uncommittedBytes: log.bytes(after: commitIndex, through: lastEntry.index)))
    updateFollowers(next: firstIndex)
    output.notes.append(.becameLeader(currentTerm))
    append(.noop, &output)
  }

  /// What a role leaves behind: every read that waited in it is answered.
  private mutating func leaveRole(_ output: inout Output) {
    switch role {
    case .follower(let follower):
      output.unreadable += follower.reads.map(\.id)
    case .preCandidate, .candidate:
      break
    case .leader:
      for read in leading.reads.takeAll() { refuse(read, &output) }
      endTransfer(&output)
    }
  }

  // MARK: The data of a role, changed in place

  /// The leader's data. While it is being changed it is taken out of `role`, so that its arrays
  /// have one owner and are not copied. *Precondition*: this member leads.
  var leading: Leader {
    get {
      guard case .leader(let leader) = role else { fatalError("\(role) does not lead") }
      return leader
    }
    _modify {
      guard case .leader(var leader) = role else { fatalError("\(role) does not lead") }
      role = Self.vacant
      defer { role = .leader(leader) }
      yield &leader
    }
  }

  /// The follower's data, as `leading`. *Precondition*: this member follows.
  var following: Follower {
    get {
      guard case .follower(let follower) = role else {
        fatalError("\(role) does not follow")
      }
      return follower
    }
    _modify {
      guard case .follower(var follower) = role else {
        fatalError("\(role) does not follow")
      }
      role = Self.vacant
      defer { role = .follower(follower) }
      yield &follower
    }
  }

  /// The pre-candidate's data, as `leading`. *Precondition*: this member asks around.
  var asking: PreCandidate {
    get {
      guard case .preCandidate(let candidate) = role else {
        fatalError("\(role) does not ask around")
      }
      return candidate
    }
    _modify {
      guard case .preCandidate(var candidate) = role else {
        fatalError("\(role) does not ask around")
      }
      role = Self.vacant
      defer { role = .preCandidate(candidate) }
      yield &candidate
    }
  }

  /// The candidate's data, as `leading`. *Precondition*: this member stands for election.
  var standing: Candidate {
    get {
      guard case .candidate(let candidate) = role else {
        fatalError("\(role) does not stand for election")
      }
      return candidate
    }
    _modify {
      guard case .candidate(var candidate) = role else {
        fatalError("\(role) does not stand for election")
      }
      role = Self.vacant
      defer { role = .candidate(candidate) }
      yield &candidate
    }
  }

  private static let vacant = Role.preCandidate(
    PreCandidate(granted: [], electionAt: .distantFuture, quickTries: 0))

  // MARK: Shared by roles

  var otherVoters: [MemberID] {
    configuration.members.map(\.id).filter { $0 != id && quorum.contains($0) }
  }

  /// Drawn once, when it is set, so that members seldom time out together (Raft §5.2).
  mutating func drawElectionInstant() -> Instant {
    now + dice.duration(in: settings.electionTimeout..<settings.electionTimeout * 2)
  }
}
