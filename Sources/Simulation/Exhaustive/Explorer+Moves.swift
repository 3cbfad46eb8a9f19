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
      for voters in electorates(of: position, in: scene) {
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
    if scene.budget.crashes > 0 { moves.append(Move(.crash, member: position)) }
  }

  /// The smallest sets of others, as bits by position, that are a quorum with this member.
  private func electorates(of position: Int, in scene: Scene) -> [UInt32] {
    let id = scope.ids[position]
    let quorum = book.members[scene.members[position]].core.quorum
    let all = (UInt32(1) << UInt32(scope.memberCount)) - 1
    let others = (0...all).filter { $0 & 1 << UInt32(position) == 0 }
    let reaching = others.filter { set in
      quorum.isReached { $0 == id || set & 1 << UInt32($0.number - 1) != 0 }
    }
    return reaching.filter { set in !reaching.contains { $0 != set && $0 & set == $0 } }
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
    case .crash:
      scene.budget.crashes -= 1
      let id = scope.ids[position]
      // Sessions end with the process: what is on its way is for an earlier boot, or from one.
      scene.packets.removeAll { book.packets[$0].from == id || book.packets[$0].to == id }
      if let violation = play(LocalEvent(.crash), at: position, in: &scene).violation {
        return .violation(violation)
      }
      return .moved
    }
  }

  private func outcome(of played: Played) -> Outcome {
    if let violation = played.violation { return .violation(violation) }
    return played.isIdle ? .nothing : .moved
  }

  private mutating func deliver(
    _ packet: UInt32, isKept: Bool, in scene: inout Scene
  ) -> Outcome {
    let message = book.packets[packet].message
    let position = Int(book.packets[packet].to.number) - 1
    let face = book.faces[Int(scene.members[position])]
    if !isKept { scene.remove(packet) }
    if scope.preVotes == .atOnce, face.isHearing, message.term > face.currentTerm,
      case .requestVote = message.body
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
        let voter = Int(book.packets[question].to.number) - 1
        guard case .preVote = book.packets[question].message.body,
          voters & 1 << UInt32(voter) != 0
        else { continue }
        if let violation = ask(voter, question, in: &scene) { return .violation(violation) }
      }
      switch book.faces[Int(scene.members[position])].kind {
      case .candidate, .leader: return .moved
      case .follower, .preCandidate: break
      }
    }
    return .nothing
  }

  /// One pre-vote and its answer.
  private mutating func ask(
    _ voter: Int, _ question: UInt32, in scene: inout Scene
  ) -> Violation? {
    let silence = fallSilent(voter, in: &scene)
    if let violation = silence.violation { return violation }
    let heard = play(LocalEvent(.receive, detail: question), at: voter, in: &scene)
    if let violation = heard.violation { return violation }
    for answer in heard.sends {
      guard case .preVoteReply = book.packets[answer].message.body else { continue }
      let asker = Int(book.packets[answer].to.number) - 1
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
    switch book.packets[packet].message.body {
    case .preVote, .preVoteReply: scope.preVotes == .atOnce
    case .heartbeat, .heartbeatReply: scope.losesHeartbeats
    case .requestVote, .voteReply, .appendEntries, .appendReply, .installSnapshot, .timeoutNow,
      .readIndex, .readIndexReply:
      false
    }
  }
}
