import Base
public import Raft

/// What the leader changes by itself: it writes down what members say of themselves, lets learners
/// vote that were promised to, and calls a spare when a voter has been silent for too long. All of
/// it comes from the configuration, so the next leader goes on where this one stops.
extension ReplicaCore {
  /// A member has said who it is: in its handshake, or this member of itself.
  mutating func introduced(
    _ introduction: Introduction, _ effects: inout ReplicaEffects
  ) {
    if introduction.id == id {
      incarnation = introduction.incarnation
      lookForRemoval(&effects)
    }
    introductions.removeAll { $0.id == introduction.id }
    // Strangers are not admitted; the bound is for the day on which they are.
    if introductions.count >= Self.introductionsLimit { introductions.removeFirst() }
    introductions.append(introduction)
  }

  private static let introductionsLimit = 32

  /// What happens once a heartbeat interval, at the leader.
  mutating func tendMembers(_ effects: inout ReplicaEffects) {
    guard core.isLeader, core.canChangeMembers, heldChanges.isEmpty, !isCutOff, shutdownAt == nil
    else { return }
    guard let change = dueIntroduction ?? duePromotion ?? dueSpare else { return }
    if takesLeaderOut(change) { return handOverBeforeLeaving(&effects) }
    proposalsMade += 1
    let output = feed(.change(change, ProposalID(proposalsMade)), &effects)
    guard let entry = output.appended.first?.entry else { return }
    effects.notes.append(.changedMembers(change))
    if case .exchange(voter: let voter, learner: let spare, stays: _?) = change {
      effects.notes.append(.calledSpare(spare, for: voter, silentFor: silence(of: voter)))
      replacement = Replacement(spare: spare, voter: voter, entry: entry, begunAt: now)
    }
  }

  private mutating func handOverBeforeLeaving(_ effects: inout ReplicaEffects) {
    feed(.transferLeadership(to: nil), &effects)
  }

  private var dueIntroduction: ConfigurationChange? {
    let configuration = core.configuration
    let news = introductions.filter { introduction in
      configuration[introduction.id].map(introduction.isNews(to:)) ?? false
    }
    return news.isEmpty ? nil : .introduce(news.sorted { $0.id < $1.id })
  }

  private var duePromotion: ConfigurationChange? {
    let configuration = core.configuration
    for member in configuration.members where member.role == .learner {
      switch member.prospect {
      case .none, .spare: continue
      case .voter:
        guard isReady(member.id) else { continue }
        return .promote(member.id)
      case .successor(of: let old):
        guard isReady(member.id, insteadOf: old) else { continue }
        guard let predecessor = configuration[old] else { return .promote(member.id) }
        // A spare took its place meanwhile: the voters are as many as they were without it.
        guard predecessor.role == .voter else { return member.inheriting(from: predecessor) }
        return .exchange(voter: old, learner: member.id, stays: nil)
      }
    }
    return nil
  }

  /// Whether the learner could vote now without endangering the quorum.
  private func isReady(_ learner: MemberID, insteadOf voter: MemberID? = nil) -> Bool {
    mayVote(learner) && membershipRule.keepsQuorum(adding: learner, removing: voter)
  }

  /// It has caught up, and answers pings: as a voter it would be counted at once.
  func mayVote(_ learner: MemberID) -> Bool {
    core.isCaughtUp(learner) && (learner == id || monitor.hears(learner, at: now))
  }

  // MARK: The hot spare

  /// A spare on its way into a voter's place.
  struct Replacement: Sendable {
    var spare: MemberID
    var voter: MemberID
    /// The joint configuration.
    var entry: EntryID
    var begunAt: Instant
  }

  /// The voter that has been silent longest, beyond what its spare waits for.
  private var dueSpare: ConfigurationChange? {
    let configuration = core.configuration
    for spare in configuration.members {
      guard spare.role == .learner, case .spare(after: let delay) = spare.prospect else { continue }
      var longest: (voter: MemberID, silence: Duration)?
      for voter in configuration.members where configuration.isVoter(voter.id) {
        let silence = silence(of: voter.id)
        if silence > delay, silence > longest?.silence ?? .zero { longest = (voter.id, silence) }
      }
      guard let longest, mayVote(spare.id) else { continue }
      // Whoever is as silent as that is no help, even if the quorum rule still counts him.
      var rule = membershipRule
      rule.heard.removeAll { self.silence(of: $0) > delay }
      guard rule.keepsQuorum(adding: spare.id, removing: longest.voter) else { continue }
      return .exchange(
        voter: longest.voter, learner: spare.id, stays: .spare(after: delay))
    }
    return nil
  }

  /// How long this leader has not heard the voter, counted from its election at most: what was
  /// before, it does not know.
  func silence(of voter: MemberID) -> Duration {
    guard voter != id else { return .zero }
    let sinceElection = now - (ledSince ?? now)
    return monitor.silence(of: voter, at: now).map { min($0, sinceElection) } ?? sinceElection
  }

  /// Notes when a spare has taken over: the new voters stand alone.
  mutating func finishReplacement(_ effects: inout ReplicaEffects) {
    guard let current = replacement else { return }
    guard core.isLeader else {
      replacement = nil
      return
    }
    guard core.committedConfigurationIndex > current.entry.index else { return }
    replacement = nil
    effects.notes.append(
      .spareTookOver(current.spare, for: current.voter, took: now - current.begunAt))
  }

  // MARK: What is known of the membership itself

  /// Where this member stands in the log, for handshakes: the slot of the last committed
  /// configuration, and whether it has this member, with its data directory, in it.
  public var membership: (index: LogIndex, isMember: Bool) {
    let (configuration, index) = core.committedConfiguration
    let isMember = incarnation != .unknown && configuration[id]?.incarnation == incarnation
    return (index, isMember)
  }

  /// What is committed may say that this member is none any more.
  mutating func lookForRemoval(_ effects: inout ReplicaEffects) {
    guard incarnation != .unknown, core.wasRemoved(incarnation) else { return }
    dismissed(&effects)
  }

  /// The answer to somebody who asks who it is to this store; only what is committed counts.
  public func answer(to joinQuery: JoinQuery, in cluster: ClusterID) -> JoinAnswer {
    joinQuery.answer(by: core.committedConfiguration.configuration, in: cluster, founding)
  }
}
