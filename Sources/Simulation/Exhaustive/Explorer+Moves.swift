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

  func listMoves(in scene: Scene, _ moves: inout [Move]) {
    moves.removeAll(keepingCapacity: true)
    for packet in scene.packets {
      moves.append(Move(.deliver, detail: packet))
      if scene.budget.duplicates > 0 { moves.append(Move(.deliverCopy, detail: packet)) }
    }
    for position in scene.members.indices { listMoves(of: position, in: scene, &moves) }
  }

  private func listMoves(of position: Int, in scene: Scene, _ moves: inout [Move]) {
    let face = book.faces[Int(scene.members[position])]
    let mayStand = face.currentTerm.number < scope.terms
    switch scope.preVotes {
    case .messages:
      if face.canStand && mayStand { moves.append(Move(.timeOut, member: position)) }
      if face.isHearing { moves.append(Move(.fallSilent, member: position)) }
    case .atOnce:
      guard (face.canStand || face.isLeader) && mayStand else { break }
      for voters in face.electorates {
        moves.append(Move(.standAtOnce, member: position, detail: voters))
      }
    }
    if face.writes > 0 { moves.append(Move(.store, member: position)) }
    if face.writes > 1 { moves.append(Move(.storeAll, member: position)) }
    if face.isLeader {
      let budget = scene.budget
      if budget.heartbeats > 0 { moves.append(Move(.beat, member: position)) }
      if budget.proposals > 0 { moves.append(Move(.propose, member: position)) }
      for change in 0..<(budget.changes > 0 ? book.changeCount : 0) {
        moves.append(Move(.change, member: position, detail: UInt32(change)))
      }
    }
    if face.isRestoring { moves.append(Move(.restore, member: position)) }
    if face.canFlush && scene.budget.cuts > 0 { moves.append(Move(.flush, member: position)) }
    if scene.budget.reads > 0 { moves.append(Move(.read, member: position)) }
    if scene.budget.crashes > 0 { moves.append(Move(.crash, member: position)) }
  }

  // MARK: What it makes of the state

  mutating func make(_ move: Move, in scene: inout Scene) -> Outcome {
    let position = move.member
    switch move.kind {
    case .deliver:
      return deliver(move.detail, isKept: false, in: &scene)
    case .deliverCopy:
      scene.budget.duplicates -= 1
      return deliver(move.detail, isKept: true, in: &scene)
    case .standAtOnce:
      return stand(position, askedOnly: move.detail, in: &scene)
    case .timeOut:
      return outcome(of: play(LocalEvent(.timeOut), at: position, in: &scene))
    case .fallSilent:
      return outcome(of: fallSilent(position, in: &scene))
    case .store:
      return outcome(of: play(LocalEvent(.store), at: position, in: &scene))
    case .storeAll:
      return outcome(of: play(LocalEvent(.storeAll), at: position, in: &scene))
    case .beat:
      scene.budget.heartbeats -= 1
      return outcome(of: play(LocalEvent(.beat), at: position, in: &scene))
    case .propose:
      scene.budget.proposals -= 1
      return outcome(of: play(LocalEvent(.propose), at: position, in: &scene))
    case .change:
      scene.budget.changes -= 1
      return outcome(
        of: play(LocalEvent(.change, detail: move.detail), at: position, in: &scene))
    case .read:
      scene.budget.reads -= 1
      return ask(position, in: &scene)
    case .flush:
      scene.budget.cuts -= 1
      return outcome(of: play(LocalEvent(.flush), at: position, in: &scene))
    case .restore:
      return outcome(of: play(LocalEvent(.restore), at: position, in: &scene))
    case .crash:
      scene.budget.crashes -= 1
      forgetReads(of: position, in: &scene)
      // Sessions end with the process: what is on its way is for an earlier boot, or from one.
      scene.packets.removeAll { packet in
        let face = book.messageFaces[Int(packet)]
        return face.from == position || face.to == position
      }
      if let violation = play(LocalEvent(.crash), at: position, in: &scene).violation {
        return .violation(violation)
      }
      return .moved
    }
  }

  /// A read is asked; what is committed by now it must see.
  private mutating func ask(_ position: Int, in scene: inout Scene) -> Outcome {
    let number = UInt64(scope.reads - Int(scene.budget.reads))
    var chronicle = chronicles[scene.chronicle]
    chronicle.ask(ReadID(number), at: scope.ids[position])
    scene.chronicle = chronicles.number(of: chronicle, portray: Chronicle.portray).number
    let event = LocalEvent(.read, detail: UInt32(number))
    if let violation = play(event, at: position, in: &scene).violation {
      return .violation(violation)
    }
    return .moved
  }

  /// Nobody will answer them.
  private mutating func forgetReads(of position: Int, in scene: inout Scene) {
    guard scope.reads > 0 else { return }
    var chronicle = chronicles[scene.chronicle]
    chronicle.forgetReads(of: scope.ids[position])
    scene.chronicle = chronicles.number(of: chronicle, portray: Chronicle.portray).number
  }

  private func outcome(of played: Played) -> Outcome {
    if let violation = played.violation { return .violation(violation) }
    return played.isIdle ? .nothing : .moved
  }

  private mutating func deliver(
    _ packet: UInt32, isKept: Bool, in scene: inout Scene
  ) -> Outcome {
    let message = book.messageFaces[Int(packet)]
    let position = message.to
    let face = book.faces[Int(scene.members[position])]
    if !isKept { scene.remove(packet) }
    if scope.preVotes == .atOnce && face.isHearing && message.kind == .requestVote
      && message.term > face.currentTerm
    {
      // Whoever hears a leader would not answer; then the message might as well be lost.
      let silence = fallSilent(position, in: &scene)
      if let violation = silence.violation { return .violation(violation) }
    }
    return outcome(of: play(LocalEvent(.receive, detail: packet), at: position, in: &scene))
  }

  /// A follower hears its leader no longer; a leader no quorum, and steps down.
  private mutating func fallSilent(_ position: Int, in scene: inout Scene) -> Played {
    guard book.faces[Int(scene.members[position])].isHearing else { return Played() }
    return play(LocalEvent(.fallSilent), at: position, in: &scene)
  }

  /// Stands for election once those in `voters` say that they would vote for it. Whoever knows a
  /// later term says so, and is asked again in that one.
  private mutating func stand(
    _ position: Int, askedOnly voters: UInt32, in scene: inout Scene
  ) -> Outcome {
    for _ in 0..<2 {
      if book.faces[Int(scene.members[position])].isLeader {
        let silence = fallSilent(position, in: &scene)
        if let violation = silence.violation { return .violation(violation) }
      }
      guard book.faces[Int(scene.members[position])].canStand,
        book.faces[Int(scene.members[position])].currentTerm.number < scope.terms
      else { return .nothing }
      let asked = play(LocalEvent(.timeOut), at: position, in: &scene)
      if let violation = asked.violation { return .violation(violation) }
      for question in asked.sends {
        let message = book.messageFaces[Int(question)]
        let voter = message.to
        guard message.kind == .preVote, voters & 1 << UInt32(voter) != 0 else { continue }
        if let violation = askVoter(voter, question, in: &scene) { return .violation(violation) }
      }
      switch book.faces[Int(scene.members[position])].kind {
      case .candidate, .leader: return .moved
      case .follower, .preCandidate: break
      }
    }
    return .nothing
  }

  /// One pre-vote and its answer.
  private mutating func askVoter(
    _ voter: Int, _ question: UInt32, in scene: inout Scene
  ) -> Violation? {
    let silence = fallSilent(voter, in: &scene)
    if let violation = silence.violation { return violation }
    let heard = play(LocalEvent(.receive, detail: question), at: voter, in: &scene)
    if let violation = heard.violation { return violation }
    for answer in heard.sends {
      guard book.messageFaces[Int(answer)].kind == .preVoteReply else { continue }
      let asker = book.messageFaces[Int(answer)].to
      let told = play(LocalEvent(.receive, detail: answer), at: asker, in: &scene)
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
    _ event: LocalEvent, at position: Int, in scene: inout Scene
  ) -> Played {
    let before = scene.members[position]
    let step = step(event, of: before)
    scene.members[position] = step.after
    for packet in step.sends where !isLostAtOnce(packet) { scene.send(packet) }
    let violation =
      step.violation
      ?? observe(step, of: position, from: book.faces[Int(before)], in: &scene)
    return Played(
      isIdle: step.after == before && step.sends.isEmpty, sends: step.sends, violation: violation)
  }

  private func isLostAtOnce(_ packet: UInt32) -> Bool {
    switch book.messageFaces[Int(packet)].kind {
    case .preVote, .preVoteReply: scope.preVotes == .atOnce
    case .heartbeat, .heartbeatReply: scope.losesHeartbeats
    case .requestVote, .voteReply, .progressReply, .otherRequest, .otherReply, .streamEnd: false
    }
  }
}
