public import Raft

/// Why a request was refused before anything of it was appended: the rule, its evidence, and what
/// the client can do. Retrying it anywhere is always safe.
public struct Refusal: Error, Hashable, Sendable {
  public enum Rule: Hashable, Sendable {
    /// At most half of the voters answer (Docs/Consistency.md, *The quorum rule*).
    case inquorate(QuorumView, policy: QuorumPolicy)
    /// The deadline came before a leader was found.
    case noLeader(QuorumView)
    /// The deadline came before the leader, which this member knows, took the request.
    case leaderUnreachable(MemberID)
    /// The leader does not hear a majority.
    case leaderInquorate(MemberID)
    /// The deadline came before this member had applied what the read must see.
    case applyBehind(applied: LogIndex, needed: LogIndex)
    /// Only the leader may do this. `leader`: the one this member believes in.
    case notLeader(leader: MemberID?)
    /// The leader is handing over.
    case leaderChanging
    case tooManyRequests(inFlight: UInt64, limit: UInt64)
    /// Nothing was committed and applied here for so long, though it was tried; `nil`: not in this
    /// boot. Only said of writes in general: none is refused for it.
    case nothingCommitted(for: Duration?)
    /// The disk or the quota is full, and the request would grow the store.
    case noSpace
    /// Writes to disk lag behind; passes by itself.
    case overlayFull
    case requestTooLarge(bytes: Int, limitBytes: Int)
    /// The state here is older than the client accepts. `age` `nil`: not known.
    case tooStale(age: Duration?, limit: Duration)
    case shuttingDown
    /// The store has not formed: what this founder waits for. Empty: for its own disk.
    case notFormed([FormationGap])
    case configuration(ConfigurationRefusal)
    /// The members as they are do not bear the change.
    case membership(MembershipRefusal)
    /// This member's state differs from the others', or its files from what was written: it serves
    /// nothing. `revisions`: where; `nil`: nobody has said.
    case corrupt(revisions: ClosedRange<Int64>?)
    /// Applying this entry has ended this member's process twice: it stays outside the quorum.
    case poisoned(LogIndex)
    /// No such member, or not one that may lead.
    case transferTarget(MemberID)
    /// The other member did not take over in time; `nil`: nobody could.
    case transferFailed(to: MemberID?)
  }

  /// What is most likely to help.
  public enum NextStep: Hashable, Sendable {
    case askLeader(MemberID)
    case askAnotherMember
    case retryLater
    /// Restore the links to, or restart, the members the rule names; or ask the other side.
    case reachMissingMembers
    case freeSpace
    case sendLess
    case acceptOlder
    case correctRequest
  }

  public var rule: Rule

  public init(_ rule: Rule) { self.rule = rule }

  public var nextStep: NextStep {
    switch rule {
    case .inquorate, .notFormed: .reachMissingMembers
    case .noLeader, .leaderChanging, .tooManyRequests, .overlayFull, .transferFailed: .retryLater
    case .leaderUnreachable, .leaderInquorate, .applyBehind, .nothingCommitted, .shuttingDown,
      .poisoned, .corrupt:
      .askAnotherMember
    case .notLeader(let leader): leader.map(NextStep.askLeader) ?? .retryLater
    case .noSpace: .freeSpace
    case .requestTooLarge: .sendLess
    case .tooStale: .acceptOlder
    case .transferTarget: .correctRequest
    case .configuration(let refusal), .membership(.configuration(let refusal)):
      Self.nextStep(refusal)
    case .membership(.notEnoughStarted), .membership(.tooManyLearners),
      .membership(.tooManyVoters):
      .correctRequest
    case .membership(.unreached): .reachMissingMembers
    }
  }

  private static func nextStep(_ refusal: ConfigurationRefusal) -> NextStep {
    switch refusal {
    case .changeInProgress, .termNotCommitted, .learnerBehind: .retryLater
    case .memberExists, .memberNotFound, .peerURLExists, .notALearner, .notAVoter, .noVoters:
      .correctRequest
    }
  }

  /// Whether the log holds nothing of the request: always so, or it would not be a refusal.
  public var nothingWasAppended: Bool { true }
}
