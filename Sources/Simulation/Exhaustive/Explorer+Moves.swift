import Raft

/// What can happen in a state, and what it makes of it.
extension Explorer {
  enum Outcome {
    /// As if it had not happened.
    case nothing
    case moved
    case violation(Violation)
  }

  // MARK: What can happen

  func listMoves(in global: GlobalState, _ moves: inout [Move]) {
    moves.removeAll(keepingCapacity: true)
    for packet in global.packets {
      moves.append(Move(.deliver, detail: packet))
      if global.budget.duplicates > 0 { moves.append(Move(.deliverCopy, detail: packet)) }
    }
    for position in global.members.indices { listMoves(of: position, in: global, &moves) }
  }

  private func listMoves(of position: Int, in global: GlobalState, _ moves: inout [Move]) {
    let view = cache.memberViews[Int(global.members[position])]
    let mayStand = view.currentTerm.number < scope.terms
    switch scope.preVotes {
    case .messages:
      if view.canStand && mayStand { moves.append(Move(.timeOut, member: position)) }
      if view.isHearing { moves.append(Move(.fallSilent, member: position)) }
    case .atOnce:
      guard (view.canStand || view.isLeader) && mayStand else { break }
      for voters in view.electorates {
        moves.append(Move(.standAtOnce, member: position, detail: voters))
      }
    }
    if view.writes > 0 { moves.append(Move(.store, member: position)) }
    if view.writes > 1 { moves.append(Move(.storeAll, member: position)) }
    if view.isLeader {
      let budget = global.budget
      if budget.heartbeats > 0 { moves.append(Move(.beat, member: position)) }
      if budget.proposals > 0 { moves.append(Move(.propose, member: position)) }
      for change in 0..<(budget.changes > 0 ? cache.changeCount : 0) {
        moves.append(Move(.change, member: position, detail: UInt32(change)))
      }
    }
    if view.isRestoring { moves.append(Move(.restore, member: position)) }
    if view.canFlush && global.budget.cuts > 0 { moves.append(Move(.flush, member: position)) }
    if global.budget.reads > 0 { moves.append(Move(.read, member: position)) }
    if global.budget.crashes > 0 { moves.append(Move(.crash, member: position)) }
  }

  // MARK: What it makes of the state

  mutating func make(_ move: Move, in global: inout GlobalState) -> Outcome {
    let position = move.member
    switch move.kind {
    case .deliver:
      return deliver(move.detail, isKept: false, in: &global)
    case .deliverCopy:
      global.budget.duplicates -= 1
      return deliver(move.detail, isKept: true, in: &global)
    case .standAtOnce:
      return stand(position, askedOnly: move.detail, in: &global)
    case .timeOut:
      return outcome(of: play(LocalEvent(.timeOut), at: position, in: &global))
    case .fallSilent:
      return outcome(of: fallSilent(position, in: &global))
    case .store:
      return outcome(of: play(LocalEvent(.store), at: position, in: &global))
    case .storeAll:
      return outcome(of: play(LocalEvent(.storeAll), at: position, in: &global))
    case .beat:
      global.budget.heartbeats -= 1
      return outcome(of: play(LocalEvent(.beat), at: position, in: &global))
    case .propose:
      global.budget.proposals -= 1
      return outcome(of: play(LocalEvent(.propose), at: position, in: &global))
    case .change:
      global.budget.changes -= 1
      return outcome(
        of: play(LocalEvent(.change, detail: move.detail), at: position, in: &global))
    case .read:
      global.budget.reads -= 1
      return ask(position, in: &global)
    case .flush:
      global.budget.cuts -= 1
      return outcome(of: play(LocalEvent(.flush), at: position, in: &global))
    case .restore:
      return outcome(of: play(LocalEvent(.restore), at: position, in: &global))
    case .crash:
      global.budget.crashes -= 1
      forgetReads(of: position, in: &global)
      // Sessions end with the process: what is on its way is for an earlier boot, or from one.
      global.packets.removeAll { packet in
        let view = cache.messageViews[Int(packet)]
        return view.from == position || view.to == position
      }
      if let violation = play(LocalEvent(.crash), at: position, in: &global).violation {
        return .violation(violation)
      }
      return .moved
    }
  }

  /// A read is asked; what is committed by now it must see.
  private mutating func ask(_ position: Int, in global: inout GlobalState) -> Outcome {
    let number = UInt64(scope.reads - Int(global.budget.reads))
    var history = histories[global.history]
    history.ask(ReadID(number), at: scope.ids[position])
    global.history =
      histories.number(of: history, canonicalize: HistoryVariables.canonicalize).number
    let event = LocalEvent(.read, detail: UInt32(number))
    if let violation = play(event, at: position, in: &global).violation {
      return .violation(violation)
    }
    return .moved
  }

  /// Nobody will answer them.
  private mutating func forgetReads(of position: Int, in global: inout GlobalState) {
    guard scope.reads > 0 else { return }
    var history = histories[global.history]
    history.forgetReads(of: scope.ids[position])
    global.history =
      histories.number(of: history, canonicalize: HistoryVariables.canonicalize).number
  }

  private func outcome(of played: Played) -> Outcome {
    if let violation = played.violation { return .violation(violation) }
    return played.isIdle ? .nothing : .moved
  }

  private mutating func deliver(
    _ packet: UInt32, isKept: Bool, in global: inout GlobalState
  ) -> Outcome {
    let message = cache.messageViews[Int(packet)]
    let position = message.to
    let view = cache.memberViews[Int(global.members[position])]
    if !isKept { global.remove(packet) }
    if scope.preVotes == .atOnce && view.isHearing && message.kind == .requestVote
      && message.term > view.currentTerm
    {
      // Whoever hears a leader would not answer; then the message might as well be lost.
      let silence = fallSilent(position, in: &global)
      if let violation = silence.violation { return .violation(violation) }
    }
    return outcome(of: play(LocalEvent(.receive, detail: packet), at: position, in: &global))
  }

  /// A follower hears its leader no longer; a leader no quorum, and steps down.
  private mutating func fallSilent(_ position: Int, in global: inout GlobalState) -> Played {
    guard cache.memberViews[Int(global.members[position])].isHearing else { return Played() }
    return play(LocalEvent(.fallSilent), at: position, in: &global)
  }

  /// Stands for election once those in `voters` say that they would vote for it. Whoever knows a
  /// later term says so, and is asked again in that one.
  private mutating func stand(
    _ position: Int, askedOnly voters: UInt32, in global: inout GlobalState
  ) -> Outcome {
    for _ in 0..<2 {
      if cache.memberViews[Int(global.members[position])].isLeader {
        let silence = fallSilent(position, in: &global)
        if let violation = silence.violation { return .violation(violation) }
      }
      guard cache.memberViews[Int(global.members[position])].canStand,
        cache.memberViews[Int(global.members[position])].currentTerm.number < scope.terms
      else { return .nothing }
      let asked = play(LocalEvent(.timeOut), at: position, in: &global)
      if let violation = asked.violation { return .violation(violation) }
      for question in asked.sends {
        let message = cache.messageViews[Int(question)]
        let voter = message.to
        guard message.kind == .preVote, voters & 1 << UInt32(voter) != 0 else { continue }
        if let violation = askVoter(voter, question, in: &global) { return .violation(violation) }
      }
      switch cache.memberViews[Int(global.members[position])].kind {
      case .candidate, .leader: return .moved
      case .follower, .preCandidate: break
      }
    }
    return .nothing
  }

  /// One pre-vote and its answer.
  private mutating func askVoter(
    _ voter: Int, _ question: UInt32, in global: inout GlobalState
  ) -> Violation? {
    let silence = fallSilent(voter, in: &global)
    if let violation = silence.violation { return violation }
    let heard = play(LocalEvent(.receive, detail: question), at: voter, in: &global)
    if let violation = heard.violation { return violation }
    for answer in heard.sends {
      guard cache.messageViews[Int(answer)].kind == .preVoteReply else { continue }
      let asker = cache.messageViews[Int(answer)].to
      let told = play(LocalEvent(.receive, detail: answer), at: asker, in: &global)
      if let violation = told.violation { return violation }
    }
    return nil
  }

  // MARK: One member's part

  struct Played {
    /// Nothing changed and nothing left.
    var isIdle = true
    var sends: [UInt32] = []
    var violation: Violation?
  }

  /// One event of one member, with what follows for everyone.
  private mutating func play(
    _ event: LocalEvent, at position: Int, in global: inout GlobalState
  ) -> Played {
    let before = global.members[position]
    let step = step(event, of: before)
    global.members[position] = step.after
    for packet in step.sends where !isLostAtOnce(packet) { global.send(packet) }
    let violation =
      step.violation
      ?? observe(step, of: position, from: cache.memberViews[Int(before)], in: &global)
    return Played(
      isIdle: step.after == before && step.sends.isEmpty, sends: step.sends, violation: violation)
  }

  private func isLostAtOnce(_ packet: UInt32) -> Bool {
    switch cache.messageViews[Int(packet)].kind {
    case .preVote, .preVoteReply: scope.preVotes == .atOnce
    case .heartbeat, .heartbeatReply: scope.losesHeartbeats
    case .requestVote, .voteReply, .progressReply, .otherRequest, .otherReply, .streamEnd: false
    }
  }
}
