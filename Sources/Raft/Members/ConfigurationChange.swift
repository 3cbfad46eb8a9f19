/// A wish for other members (Raft §6, Thesis §4).
public enum ConfigurationChange: Hashable, Sendable {
  /// One member more, as a learner.
  case addLearner(Configuration.Member)
  /// A learner becomes a voter. Goes through joint consensus only if others change as well.
  case promote(MemberID)
  /// A member leaves.
  case remove(MemberID)
  /// A member's peer URLs change.
  case update(MemberID, peerURLs: [String])
  /// The voters become exactly these, by joint consensus (Raft §6). All must be members.
  case setVoters([MemberID])
  /// What members have said of themselves. A data directory is bound to its member by this.
  case introduce([Introduction])
  /// A learner takes a voter's place, by joint consensus. The voter becomes a learner with this
  /// prospect; `nil`: it leaves.
  case exchange(voter: MemberID, learner: MemberID, stays: Configuration.Prospect?)
  /// A learner leaves, and another one takes its place: it comes now, or was to follow on it.
  case renew(MemberID, as: Configuration.Member)
}

/// What a member says of itself when it comes: part of the configuration from then on.
public struct Introduction: Hashable, Sendable {
  public var id: MemberID
  /// Its data directory.
  public var incarnation: Incarnation
  public var name: String
  public var clientURLs: [String]

  public init(id: MemberID, incarnation: Incarnation, name: String, clientURLs: [String]) {
    self.id = id
    self.incarnation = incarnation
    self.name = name
    self.clientURLs = clientURLs
  }

  /// Whether this says something that the member's record does not. Whoever comes with another
  /// data directory than the one that is bound says nothing.
  public func isNews(to member: Configuration.Member) -> Bool {
    guard id == member.id, incarnation != .unknown else { return false }
    guard member.incarnation != .unknown else { return true }
    return incarnation == member.incarnation
      && (name != member.name || clientURLs != member.clientURLs)
  }
}
