import Raft

/// No message rests on what a crash could take back (Raft Figure 2; failures V2, S5).
struct DurablePromises {
  /// `message` leaves the member, whose disk holds `hardState` and `log`. `earlier`: the log when
  /// the message was allowed to leave; a candidate of then may by now follow a leader of the same
  /// term, who has replaced its last entry, and nobody's vote counts for it any more.
  func violation(
    member: MemberID, message: Message, to: MemberID, hardState: HardState, log: ShadowLog,
    asOf earlier: ShadowLog? = nil
  ) -> String? {
    switch message.body {
    case .voteReply(VoteReply(granted: true)):
      let isDurable =
        hardState.currentTerm > message.term
        || hardState == HardState(currentTerm: message.term, votedFor: to)
      return isDurable
        ? nil : "\(name(member)) grants a vote in term \(message.term.number) that is not on disk"
    case .requestVote(let request):
      if hardState.currentTerm < message.term
        || (hardState.currentTerm == message.term && hardState.votedFor != member)
      {
        return "\(name(member)) asks for votes in term \(message.term.number) without its own on "
          + "disk"
      }
      return (earlier ?? log).covers(request.lastEntry) || hardState.currentTerm > message.term
        ? nil : "\(name(member)) names an entry as its last that is not on disk"
    case .appendReply(let reply):
      guard case .accepted(let match) = reply.result else { return termIsDurable() }
      return log.covers(match) || hardState.currentTerm > message.term
        ? termIsDurable()
        : "\(name(member)) acknowledges entry \(match.index.number) of term "
          + "\(match.term.number) that is not on disk"
    case .appendEntries, .heartbeat, .heartbeatReply, .timeoutNow, .readIndex, .readIndexReply,
      .voteReply:
      return termIsDurable()
    case .preVote, .preVoteReply, .installSnapshot:
      return nil
    }

    func termIsDurable() -> String? {
      hardState.currentTerm >= message.term
        ? nil : "\(name(member)) speaks in term \(message.term.number) that is not on disk"
    }
  }
}
