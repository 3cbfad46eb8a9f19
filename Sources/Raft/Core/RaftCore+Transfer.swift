import Base

/// Handing leadership over (Thesis §3.10).
extension RaftCore {
  mutating func transferLeadership(to member: MemberID?, _ output: inout Output) {
    guard isLeader, let target = member ?? bestSuccessor, target != id,
      configuration[target]?.role.votesInNewHalf == true
    else { return }
    guard leading.transfer?.to != target else { return }
    endTransfer(&output)
    let deadline = now + settings.electionTimeout
    leading.transfer = Leader.Transfer(to: target, deadline: deadline)
    output.notes.append(.transferStarted(to: target))
    continueTransfer(&output)
  }

  /// Tells the target to stand once it holds everything; no proposal can get in between.
  mutating func continueTransfer(_ output: inout Output) {
    guard case .leader(let leader) = role, let transfer = leader.transfer, !transfer.isSent,
      isUpToDate(transfer.to)
    else { return }
    leading.transfer?.isSent = true
    send(.timeoutNow, to: transfer.to, &output)
  }

  mutating func endTransfer(_ output: inout Output) {
    guard leading.transfer != nil else { return }
    leading.transfer = nil
    output.notes.append(.transferEnded)
  }

  /// The other voter whose log is furthest; of equals, the one with the lowest id.
  var bestSuccessor: MemberID? {
    var best: Progress?
    for follower in leading.followers
    where configuration[follower.member]?.role.votesInNewHalf == true {
      if let best, best.match >= follower.match { continue }
      best = follower
    }
    return best?.member
  }

  func isUpToDate(_ member: MemberID) -> Bool {
    guard let position = leading.position(of: member) else { return false }
    return leading.followers[position].match == lastEntry.index
  }
}
