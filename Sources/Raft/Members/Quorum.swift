/// Which members decide: one majority, or two while a change of voters is under way (Raft §6).
///
/// Small enough that counting pair by pair beats sorting, and nothing is allocated.
public struct Quorum: Hashable, Sendable {
  /// Voters of the configuration that is, or will be, alone in force; ascending.
  public let voters: [MemberID]
  /// Joint consensus only: the voters of the old half, ascending; otherwise empty.
  public let outgoingVoters: [MemberID]

  public init(_ configuration: Configuration) {
    voters = configuration.members.filter { $0.role.votesInNewHalf }.map(\.id)
    outgoingVoters =
      configuration.isJoint
      ? configuration.members.filter { $0.role.votesInOldHalf }.map(\.id) : []
  }

  public var isJoint: Bool { !outgoingVoters.isEmpty }

  /// Whether the member counts in either half.
  public func contains(_ member: MemberID) -> Bool {
    voters.contains(member) || outgoingVoters.contains(member)
  }

  /// Whether a majority, in both halves of a joint configuration, satisfies the condition.
  public func isReached(where holds: (MemberID) -> Bool) -> Bool {
    Self.isMajority(of: voters, where: holds)
      && (outgoingVoters.isEmpty || Self.isMajority(of: outgoingVoters, where: holds))
  }

  /// The highest value that a majority has reached, in both halves of a joint configuration;
  /// `nil`: there is no voter.
  public func agreed<Value: Comparable>(_ value: (MemberID) -> Value) -> Value? {
    guard let new = Self.agreed(among: voters, value) else { return nil }
    guard let old = Self.agreed(among: outgoingVoters, value) else { return new }
    return min(new, old)
  }

  /// How many of `count` voters are a majority.
  public static func majority(of count: Int) -> Int { count / 2 + 1 }

  private static func isMajority(of voters: [MemberID], where holds: (MemberID) -> Bool) -> Bool {
    var count = 0
    for voter in voters where holds(voter) { count += 1 }
    return count >= majority(of: voters.count)
  }

  private static func agreed<Value: Comparable>(
    among voters: [MemberID], _ value: (MemberID) -> Value
  ) -> Value? {
    var best: Value?
    for candidate in voters {
      let bound = value(candidate)
      if let best, bound <= best { continue }
      if isMajority(of: voters, where: { value($0) >= bound }) { best = bound }
    }
    return best
  }
}

extension Configuration.Role {
  /// Counts in the majority that stands alone once a change is complete.
  var votesInNewHalf: Bool {
    switch self {
    case .voter, .incoming: true
    case .learner, .outgoing, .demoting: false
    }
  }

  /// Counts in the majority that stood alone before the change.
  var votesInOldHalf: Bool {
    switch self {
    case .voter, .outgoing, .demoting: true
    case .learner, .incoming: false
    }
  }
}

extension Configuration {
  /// Whether two majorities must agree (Raft §6).
  public var isJoint: Bool {
    members.contains { member in
      switch member.role {
      case .incoming, .outgoing, .demoting: true
      case .learner, .voter: false
      }
    }
  }

  public subscript(id: MemberID) -> Member? { members.first { $0.id == id } }

  /// Whether the member votes in either half.
  public func isVoter(_ id: MemberID) -> Bool {
    guard let role = self[id]?.role else { return false }
    return role.votesInNewHalf || role.votesInOldHalf
  }

  /// What a joint configuration leads to; any other is its own outcome.
  public var completed: Configuration {
    Configuration(
      members: members.compactMap { member in
        var member = member
        switch member.role {
        case .learner, .voter: break
        case .incoming: member.role = .voter
        case .demoting: member.role = .learner
        case .outgoing: return nil
        }
        return member
      })
  }
}
