extension Configuration {
  /// The configuration that the change leads to, joint if more than one voter changes at once.
  ///
  /// `isCaughtUp` says whether a learner may vote. *Throws* why the change is refused.
  func applying(
    _ change: ConfigurationChange, isCaughtUp: (MemberID) -> Bool
  ) throws(ConfigurationRefusal) -> Configuration {
    switch change {
    case .addLearner(let member): return try adding(member)
    case .promote(let id):
      guard let member = self[id] else { throw .memberNotFound }
      guard member.role == .learner else { throw .notALearner }
      guard isCaughtUp(id) else { throw .learnerBehind }
      return replacing(id) { ($0.role, $0.prospect) = (.voter, .none) }
    case .remove(let id):
      guard let old = self[id] else { throw .memberNotFound }
      let rest = Configuration(members: members.filter { $0.id != id }.map { $0.outliving(old) })
      guard !Quorum(rest).voters.isEmpty else { throw .noVoters }
      return rest
    case .update(let id, peerURLs: let peerURLs):
      guard var member = self[id] else { throw .memberNotFound }
      member.peerURLs = peerURLs
      try checkAddresses(of: member)
      return replacing(id) { $0.peerURLs = peerURLs }
    case .setVoters(let voters):
      return try joint(voters: voters, isCaughtUp: isCaughtUp)
    case .introduce(let introductions): return try introducing(introductions)
    case .exchange(voter: let voter, learner: let learner, stays: let prospect):
      return try exchanging(voter, learner, stays: prospect, isCaughtUp: isCaughtUp)
    case .renew(let id, as: let member):
      guard let old = self[id] else { throw .memberNotFound }
      guard old.role == .learner else { throw .notALearner }
      let rest = members.filter { $0.id != id && !$0.follows(on: id, as: member.id) }
      return try Configuration(members: rest).adding(member)
    }
  }

  private func adding(_ member: Member) throws(ConfigurationRefusal) -> Configuration {
    guard self[member.id] == nil else { throw .memberExists }
    try checkAddresses(of: member)
    var member = member
    member.role = .learner
    return Configuration(members: members + [member])
  }

  /// Two members do not share an address, unless one is to follow on the other.
  private func checkAddresses(of member: Member) throws(ConfigurationRefusal) {
    for other in members where other.id != member.id {
      if member.prospect == .successor(of: other.id) { continue }
      if other.prospect == .successor(of: member.id) { continue }
      guard !other.peerURLs.contains(where: member.peerURLs.contains) else {
        throw .peerURLExists
      }
    }
  }

  private func introducing(
    _ introductions: [Introduction]
  ) throws(ConfigurationRefusal) -> Configuration {
    var members = members
    for introduction in introductions {
      guard let place = members.firstIndex(where: { $0.id == introduction.id }) else {
        throw .memberNotFound
      }
      guard introduction.isNews(to: members[place]) else { continue }
      members[place].incarnation = introduction.incarnation
      members[place].name = introduction.name
      members[place].clientURLs = introduction.clientURLs
    }
    return Configuration(members: members)
  }

  private func exchanging(
    _ voter: MemberID, _ learner: MemberID, stays prospect: Prospect?,
    isCaughtUp: (MemberID) -> Bool
  ) throws(ConfigurationRefusal) -> Configuration {
    guard let old = self[voter], let new = self[learner] else { throw .memberNotFound }
    guard old.role == .voter else { throw .notAVoter }
    guard new.role == .learner else { throw .notALearner }
    guard isCaughtUp(learner) else { throw .learnerBehind }
    return replacing(voter) {
      $0.role = prospect == nil ? .outgoing : .demoting
      $0.prospect = prospect ?? .none
    }.replacing(learner) { ($0.role, $0.prospect) = (.incoming, .none) }
  }

  private func replacing(_ id: MemberID, _ change: (inout Member) -> Void) -> Configuration {
    Configuration(
      members: members.map { member in
        var member = member
        if member.id == id { change(&member) }
        return member
      })
  }

  private func joint(
    voters: [MemberID], isCaughtUp: (MemberID) -> Bool
  ) throws(ConfigurationRefusal) -> Configuration {
    guard !voters.isEmpty else { throw .noVoters }
    for voter in voters where self[voter] == nil { throw .memberNotFound }
    var next: [Member] = []
    for var member in members {
      switch (member.role, voters.contains(member.id)) {
      case (.voter, true), (.learner, false): break
      case (.voter, false): member.role = .demoting
      case (.learner, true):
        guard isCaughtUp(member.id) else { throw .learnerBehind }
        (member.role, member.prospect) = (.incoming, .none)
      case (.incoming, _), (.outgoing, _), (.demoting, _): throw .changeInProgress
      }
      next.append(member)
    }
    return Configuration(members: next)
  }
}

extension Configuration.Member {
  /// Whether it is the member `heir`, which was to follow on `old`.
  fileprivate func follows(on old: MemberID, as heir: MemberID) -> Bool {
    id == heir && role == .learner && prospect == .successor(of: old)
  }

  /// What it is without `old`: of a learner the successor inherits the prospect, of a voter the
  /// vote, which is still to come.
  fileprivate func outliving(_ old: Configuration.Member) -> Configuration.Member {
    guard old.role == .learner, prospect == .successor(of: old.id) else { return self }
    var heir = self
    heir.prospect = old.prospect
    return heir
  }
}
