import Base

/// Connections that open and break: a better sign of life and death than silence, but only a sign.
extension RaftCore {
  /// A leader shows itself at once, and begins again where the new session's follower stands.
  mutating func sessionOpened(with member: MemberID, _ output: inout Output) {
    forgetReads(of: member)
    if case .follower(let follower) = role, follower.leader == member {
      // The answer may be lost with the session before.
      following.answeredRound = nil
    }
    guard isLeader, let position = leading.position(of: member) else { return }
    restart(position)
    sendHeartbeat(to: position, &output)
  }

  /// What was on its way is lost. A follower that loses its leader's session no longer takes the
  /// leader for alive until it hears it again, and asks around shortly; a flapping link is believed
  /// once in an election timeout.
  mutating func sessionLost(with member: MemberID, _ output: inout Output) {
    forgetReads(of: member)
    switch role {
    case .leader(let leader):
      guard let position = leader.position(of: member) else { return }
      restart(position)
      leading.followers[position].waitsForHeartbeat = true
    case .follower(let follower):
      guard follower.leader == member else { return }
      if let lossHonouredAt, now < lossHonouredAt + settings.electionTimeout { return }
      lossHonouredAt = now
      let electionAt = now + dice.duration(in: .zero..<settings.connectionLossDelay)
      following.heardAt = nil
      following.electionAt = min(follower.electionAt, electionAt)
      following.quickTries = settings.connectionLossTries
    case .preCandidate, .candidate:
      break
    }
  }

  /// A read's id is good for one boot. An answer to the member's earlier boot would reach its next
  /// one over the new session, and confirm a read that came after the answer's round had begun.
  private mutating func forgetReads(of member: MemberID) {
    if isLeader { leading.reads.forget(from: member) }
  }

  private mutating func restart(_ position: Int) {
    switch leading.followers[position].state {
    case .probe, .replicate:
      let match = leading.followers[position].match
      // A follower that never answered is asked at the end of the log first.
      let next = match == .zero ? leading.followers[position].next : match.next
      leading.followers[position].becomeProbing(next: next)
    case .snapshot:
      break  // How the stream ended is told by `snapshotSent`.
    }
  }
}
