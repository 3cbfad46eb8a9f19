import Base

/// What other members say, and the one gate that every message passes.
extension RaftCore {
  mutating func receive(
    _ message: Message, from sender: MemberID, _ output: inout Output
  ) {
    demand(sender != id, "m\(id.number) hears itself")
    guard passesTermGate(message, from: sender, &output) else { return }
    switch message.body {
    case .preVote(let request): answer(request, for: message.term, from: sender, &output)
    case .preVoteReply(let reply): receive(reply, preVoteFor: message.term, from: sender, &output)
    case .requestVote(let request): answer(request, from: sender, &output)
    case .voteReply(let reply): receive(reply, from: sender, &output)
    case .appendEntries(let append): receive(append, from: sender, &output)
    case .appendReply(let reply): receive(reply, from: sender, &output)
    case .heartbeat(let heartbeat): receive(heartbeat, from: sender, &output)
    case .heartbeatReply(let reply): receive(reply, from: sender)
    case .installSnapshot(let install): receive(install, from: sender, &output)
    case .timeoutNow: receiveTimeoutNow(from: sender, &output)
    case .readIndex(let request): receive(request, from: sender, &output)
    case .readIndexReply(let reply): receive(reply, from: sender, &output)
    }
  }

  /// Raft §5.1: a later term is adopted, an earlier one is told of this one. False: the message
  /// has been dealt with.
  private mutating func passesTermGate(
    _ message: Message, from sender: MemberID, _ output: inout Output
  ) -> Bool {
    if message.term < currentTerm {
      answerStale(message, from: sender, &output)
      return false
    }
    guard message.term > currentTerm else { return true }
    switch message.body {
    case .preVote:
      return true  // It names a term that nobody has begun.
    case .preVoteReply(let reply) where reply.granted:
      return true  // It repeats the term that the pre-vote named.
    case .requestVote(let request) where hearsLeader && !request.isTransfer:
      return false  // Whoever is cut off must not depose a leader that works (Thesis §4.2.3).
    case .appendEntries, .heartbeat, .installSnapshot:
      becomeFollower(message.term, leader: sender, &output)
    case .preVoteReply, .requestVote, .voteReply, .appendReply, .heartbeatReply, .timeoutNow,
      .readIndex, .readIndexReply:
      becomeFollower(message.term, leader: nil, &output)
    }
    return true
  }

  /// Lets the sender learn this term; a reply of an earlier term needs no answer.
  private mutating func answerStale(
    _ message: Message, from sender: MemberID, _ output: inout Output
  ) {
    switch message.body {
    case .preVote:
      refusePreVote(of: sender, &output)
    case .requestVote:
      send(.voteReply(VoteReply(granted: false)), to: sender, &output)
    case .appendEntries(let append):
      let result = AppendReply.Result.rejected(previous: append.previous.index, hint: .zero)
      send(.appendReply(AppendReply(result)), to: sender, &output)
    case .heartbeat:
      // Round zero: the sender may lead this very term by now, and its rounds of an earlier one
      // must confirm nothing.
      send(.heartbeatReply(HeartbeatReply(round: 0)), to: sender, &output)
    case .installSnapshot(let install):
      let result = AppendReply.Result.rejected(previous: install.base.last.index, hint: .zero)
      send(.appendReply(AppendReply(result)), to: sender, &output)
    case .readIndex(let request):
      send(.readIndexReply(ReadIndexReply(id: request.id, index: nil)), to: sender, &output)
    case .preVoteReply, .voteReply, .appendReply, .heartbeatReply, .timeoutNow, .readIndexReply:
      break
    }
  }

  /// The leader of this term has spoken: stays, or becomes, its follower.
  mutating func hear(leader: MemberID, _ output: inout Output) {
    switch role {
    case .follower(let follower) where follower.leader == leader:
      let electionAt = drawElectionInstant()
      following.heardAt = now
      following.electionAt = electionAt
      following.quickTries = 0
    case .follower(let follower):
      demand(
        follower.leader == nil,
        "m\(leader.number) and m\(follower.leader?.number ?? 0) both lead "
          + "term \(currentTerm.number)")
      becomeFollower(currentTerm, leader: leader, &output)
    case .preCandidate, .candidate:
      becomeFollower(currentTerm, leader: leader, &output)
    case .leader:
      fatalError("m\(leader.number) also leads term \(currentTerm.number)")
    }
  }

  // MARK: Two verbs

  /// Claims nothing that is not durable, except the term: in a term that is still on its way to
  /// disk it becomes a promise.
  mutating func send(_ body: Message.Body, to member: MemberID, _ output: inout Output) {
    guard durability.hardState.currentTerm == currentTerm else {
      return promise(body, to: member, &output)
    }
    output.sends.append(
      Envelope(to: member, message: Message(term: currentTerm, body: body)))
  }

  /// Leaves once everything that this member has written so far is on disk.
  mutating func promise(_ body: Message.Body, to member: MemberID, _ output: inout Output) {
    output.draft.releasedWhenDurable.append(
      Envelope(to: member, message: Message(term: currentTerm, body: body)))
  }
}

extension Output {
  /// The one write of a step, while it is being put together; it gets its ticket when sealed.
  var draft: StorageWrite {
    get { writes.first ?? StorageWrite(ticket: WriteTicket(0)) }
    _modify {
      if writes.isEmpty { writes.append(StorageWrite(ticket: WriteTicket(0))) }
      yield &writes[0]
    }
  }
}
