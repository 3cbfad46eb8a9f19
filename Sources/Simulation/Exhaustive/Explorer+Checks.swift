import Raft

/// What must hold in every state, and what a state need not keep.
extension Explorer {
  // MARK: Invariants

  /// What a member's step means for the world: votes, leaders, commits, logs.
  mutating func observe(
    _ step: LocalStep, of position: Int, from before: MemberView, in global: inout GlobalState
  ) -> Violation? {
    let after = cache.memberViews[Int(step.after)]
    if after.log != before.log || after.diskLog != before.diskLog {
      if let violation = checkLogs(of: position, in: global) { return violation }
    }
    let isElected =
      after.isLeader && (!before.isLeader || before.currentTerm != after.currentTerm)
    let losesVote =
      before.durable.votedFor != nil && before.durable.currentTerm == after.durable.currentTerm
      && before.durable.votedFor != after.durable.votedFor
    guard
      isElected || losesVote || !step.ballots.isEmpty || after.commitIndex > before.commitIndex
        || before.durable != after.durable || !step.readable.isEmpty || !step.unreadable.isEmpty
    else { return nil }
    var history = histories[global.history]
    let violation = record(
      step, of: position, from: before, losesVote, isElected, in: global, &history)
    history.forget(global.members.map { cache.memberViews[Int($0)].durable })
    global.history =
      histories.number(of: history, canonicalize: HistoryVariables.canonicalize).number
    return violation
  }

  private func record(
    _ step: LocalStep, of position: Int, from before: MemberView, _ losesVote: Bool,
    _ isElected: Bool, in global: GlobalState, _ history: inout HistoryVariables
  ) -> Violation? {
    let id = scope.ids[position]
    let after = cache.memberViews[Int(step.after)]
    let log = cache.logs[Int(after.log)]
    var found: [Violation] = []
    let speaks = step.ballots.contains { $0.term == before.durable.currentTerm }
    if losesVote || speaks, let candidate = before.durable.votedFor {
      // What the disk showed may have left it; then only the history variables know of that vote.
      _ = history.vote(id, for: candidate, in: before.durable.currentTerm)
    }
    for ballot in step.ballots {
      history.vote(id, for: ballot.candidate, in: ballot.term).map { found.append($0) }
    }
    if isElected {
      history.elect(id, in: after.currentTerm, log: log).map { found.append($0) }
    }
    if after.commitIndex > before.commitIndex {
      let (isNews, violation) = history.commit(
        id, upTo: after.commitIndex, in: after.currentTerm, log: log)
      violation.map { found.append($0) }
      if isNews { majorityViolation(position, in: global).map { found.append($0) } }
    }
    for read in step.readable { history.answer(read).map { found.append($0) } }
    for read in step.unreadable { history.forget(read) }
    return found.first { scope.invariants.contains($0.invariant) }
  }

  private func majorityViolation(_ position: Int, in global: GlobalState) -> Violation? {
    let member = cache.members[global.members[position]]
    let core = member.core
    let index = Int(core.commitIndex.number) - 1
    let entry = member.log[index]
    let text = MajorityDurability().violation(committed: entry.id, in: core.configuration) { id in
      let disk = cache.logs[Int(cache.memberViews[Int(global.members[Int(id.number) - 1])].diskLog)]
      return index < disk.count && disk[index].id == entry.id
    }
    return text.map { Violation(invariant: .majorityDurability, text: $0) }
  }

  /// The logs of this member, in memory and on disk, beside those of all others.
  private mutating func checkLogs(of position: Int, in global: GlobalState) -> Violation? {
    guard scope.invariants.contains(.logMatching) else { return nil }
    let own = cache.memberViews[Int(global.members[position])]
    for (other, member) in global.members.enumerated() {
      let view = cache.memberViews[Int(member)]
      for (log, otherLog) in [
        (own.log, view.log), (own.log, view.diskLog), (own.diskLog, view.log),
        (own.diskLog, view.diskLog),
      ] where !match(log, otherLog) {
        return Violation(
          invariant: .logMatching,
          text: "the logs of m\(position + 1) and m\(other + 1) share an index and term, but not "
            + "all before it")
      }
    }
    return nil
  }

  private mutating func match(_ log: UInt32, _ other: UInt32) -> Bool {
    if log == other { return true }
    let key = UInt64(min(log, other)) << 32 | UInt64(max(log, other))
    if let known = matches[key] { return known }
    let (first, second) = (cache.logs[Int(log)], cache.logs[Int(other)])
    let last = zip(first, second).enumerated().filter { $1.0.id == $1.1.id }.last?.offset
    let match = last.map { first[...$0] == second[...$0] } ?? true
    matches[key] = match
    return match
  }

  // MARK: What may be forgotten

  /// Drops the messages that can change nothing any more.
  func tidy(_ global: inout GlobalState) {
    guard global.packets.contains(where: { isDead($0, in: global) }) else { return }
    let alive = global.packets.filter { !isDead($0, in: global) }
    global.packets = alive
  }

  /// Whether the receiver would do nothing, now and for ever. Its term only grows as long as it
  /// runs, and a crash takes what is on its way to it.
  private func isDead(_ number: UInt32, in global: GlobalState) -> Bool {
    let message = cache.messageViews[Int(number)]
    let receiver = cache.memberViews[Int(global.members[message.to])]
    let isOfItsTerm = message.term == receiver.currentTerm
    let isOver = message.term < receiver.currentTerm
    switch message.kind {
    case .preVoteReply: return isOver || isOfItsTerm
    case .voteReply:
      if message.isGranted && isOfItsTerm { return receiver.kind != .candidate }
      return isOver || isOfItsTerm
    case .progressReply, .heartbeatReply: return isOver || (isOfItsTerm && !receiver.isLeader)
    case .otherReply: return isOver
    case .streamEnd: return false
    case .preVote: return scope.losesStale && (isOver || isOfItsTerm)
    case .requestVote, .heartbeat, .otherRequest: return scope.losesStale && isOver
    }
  }
}
