public import Base
public import Raft

/// What a client wants of the members, on its way to the leader.
public struct MemberRequest: Hashable, Sendable {
  public var id: RequestID
  public var change: ConfigurationChange
  public var deadline: Instant

  public init(id: RequestID, change: ConfigurationChange, deadline: Instant) {
    self.id = id
    self.change = change
    self.deadline = deadline
  }
}

/// A change of members on its one way from the member that was asked to the leader.
public struct ChangeForward: Hashable, Sendable {
  /// As in `Forward`.
  public var term: Term
  public var boot: Boot
  /// Counted together with the sender's forwards of commands.
  public var number: UInt64
  public var id: RequestID
  public var change: ConfigurationChange

  public init(term: Term, boot: Boot, number: UInt64, id: RequestID, change: ConfigurationChange) {
    self.term = term
    self.boot = boot
    self.number = number
    self.id = id
    self.change = change
  }
}

/// What became of a `ChangeForward`, as soon as it had a slot or was refused.
public struct ChangeReply: Hashable, Sendable {
  public enum Outcome: Hashable, Sendable {
    case appended(EntryID)
    /// Another leader, or a later moment, may do it.
    case refused(ForwardRefusal)
    /// It does not fit the members.
    case denied(MembershipRefusal)
  }

  /// The boot of the member that asked.
  public var boot: Boot
  public var id: RequestID
  public var outcome: Outcome

  public init(boot: Boot, id: RequestID, outcome: Outcome) {
    self.boot = boot
    self.id = id
    self.outcome = outcome
  }
}

/// Why a change of members is refused that a client asks for (etcd server.go, cluster.go).
public enum MembershipRefusal: Error, Hashable, Sendable {
  case configuration(ConfigurationRefusal)
  /// Too few of those who are to vote have ever come.
  case notEnoughStarted
  /// These voters do not answer, and the change would need them.
  case unreached([MemberID])
  case tooManyLearners(limit: Int)
  case tooManyVoters(limit: Int)
}

extension Configuration.Member {
  /// Whether it votes or will: what clients are told by `is_learner` (Docs/Decisions/0016).
  public var isMeantToVote: Bool {
    switch (role, prospect) {
    case (.voter, _), (.incoming, _), (.outgoing, _), (.demoting, _): true
    case (.learner, .voter), (.learner, .successor): true
    case (.learner, .none), (.learner, .spare): false
    }
  }

  /// Whether somebody has come with a data directory and said who they are.
  public var isStarted: Bool { incarnation != .unknown && !name.isEmpty }
}

/// Whether the members as they are bear a change that a client asks for: etcd's strict
/// reconfiguration check and its validation, in etcd's order, because its clients match on the
/// texts. What the log could not bear, the core refuses by itself.
public struct MembershipRule: Hashable, Sendable {
  /// Learners that nobody has promised to promote (etcd 3.5 membership/cluster.go maxLearners).
  public static let learnersLimit = 1
  public static let sparesLimit = 2
  /// As many as an initial cluster may have.
  public static let votersLimit = 7

  public var me: MemberID
  public var configuration: Configuration
  /// The voters that answer, this member included if it is one.
  public var heard: [MemberID]

  public init(me: MemberID, configuration: Configuration, heard: [MemberID]) {
    self.me = me
    self.configuration = configuration
    self.heard = heard
  }

  /// `isCaughtUp`: whether a learner could vote now. `nil`: the change may be tried.
  public func refusal(
    of change: ConfigurationChange, isCaughtUp: (MemberID) -> Bool
  ) -> MembershipRefusal? {
    switch change {
    case .addLearner(let member): refusal(adding: member)
    case .remove(let id): refusal(removing: id)
    case .promote(let id): refusal(promoting: id, isCaughtUp: isCaughtUp)
    case .update, .setVoters, .introduce, .exchange, .renew: nil
    }
  }

  // MARK: Add

  private func refusal(adding member: Configuration.Member) -> MembershipRefusal? {
    // A place for one that is to be replaced: the voters stay as many as they are.
    if case .successor(of: let old) = member.prospect { return refusal(replacing: old, by: member) }
    let meant = configuration.members.filter(\.isMeantToVote)
    let started = meant.filter(\.isStarted).count
    if member.isMeantToVote, started < Quorum.majority(of: meant.count) {
      return .notEnoughStarted
    }
    if let refusal = unreached { return refusal }
    // What the core would say, before what is counted here: in etcd's order.
    if configuration[member.id] != nil { return .configuration(.memberExists) }
    let isTaken = configuration.members.contains { other in
      other.peerURLs.contains(where: member.peerURLs.contains)
    }
    if isTaken { return .configuration(.peerURLExists) }
    return count(of: member, meant.count)
  }

  private func refusal(
    replacing old: MemberID, by member: Configuration.Member
  ) -> MembershipRefusal? {
    guard configuration[old] != nil else { return .configuration(.memberNotFound) }
    let isFollowed = configuration.members.contains { $0.prospect == .successor(of: old) }
    return isFollowed ? .configuration(.peerURLExists) : nil
  }

  private func count(of member: Configuration.Member, _ meant: Int) -> MembershipRefusal? {
    let learners = configuration.members.filter { $0.role == .learner }
    switch member.prospect {
    case .voter, .successor:
      guard meant < Self.votersLimit else { return .tooManyVoters(limit: Self.votersLimit) }
    case .none:
      guard learners.count(where: { $0.prospect == .none }) < Self.learnersLimit else {
        return .tooManyLearners(limit: Self.learnersLimit)
      }
    case .spare:
      let spares = learners.count { if case .spare = $0.prospect { true } else { false } }
      guard spares < Self.sparesLimit else { return .tooManyLearners(limit: Self.sparesLimit) }
    }
    return nil
  }

  private var voters: [Configuration.Member] {
    configuration.members.filter { configuration.isVoter($0.id) }
  }

  private var unreached: MembershipRefusal? {
    let silent = voters.map(\.id).filter { !heard.contains($0) }
    return silent.isEmpty ? nil : .unreached(silent)
  }

  // MARK: Remove, promote

  private func refusal(removing id: MemberID) -> MembershipRefusal? {
    // Who does not vote can always go: an address that was never reached above all.
    guard configuration.isVoter(id) || configuration[id] == nil else { return nil }
    let others = configuration.members.filter { $0.isMeantToVote && $0.id != id }
    guard !others.isEmpty, others.filter(\.isStarted).count >= Quorum.majority(of: others.count)
    else {
      return .notEnoughStarted
    }
    guard configuration[id] != nil else { return .configuration(.memberNotFound) }
    // Nobody waits for a voter that is down.
    guard heard.contains(id) else { return nil }
    guard heard.count - 1 >= Quorum.majority(of: voters.count - 1) else {
      return .unreached(voters.map(\.id).filter { !heard.contains($0) })
    }
    return nil
  }

  private func refusal(
    promoting id: MemberID, isCaughtUp: (MemberID) -> Bool
  ) -> MembershipRefusal? {
    guard let member = configuration[id] else { return .configuration(.memberNotFound) }
    guard !member.isMeantToVote else { return .configuration(.notALearner) }
    guard isCaughtUp(id) else { return .configuration(.learnerBehind) }
    let meant = configuration.members.filter { $0.isMeantToVote || $0.id == id }
    guard meant.filter(\.isStarted).count >= Quorum.majority(of: meant.count) else {
      return .notEnoughStarted
    }
    return nil
  }

  // MARK: By the leader itself

  /// Whether, if `learner` comes in and `voter` goes, more than half are heard before and after:
  /// then neither half of the change waits for somebody who is silent.
  public func keepsQuorum(adding learner: MemberID, removing voter: MemberID? = nil) -> Bool {
    let before = voters.map(\.id)
    let after = before.filter { $0 != voter } + [learner]
    let heardAfter = after.count { $0 == learner || heard.contains($0) }
    return before.count(where: heard.contains) >= Quorum.majority(of: before.count)
      && heardAfter >= Quorum.majority(of: after.count)
  }
}
