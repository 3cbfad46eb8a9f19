import Base
public import EtcdAPI
import Raft
public import Replica

/// How a call ends that has no message to answer with: etcd's code and text, and beside them the
/// reason for the trailer `quorate-why-bin`.
public struct FailedAnswer: Error, Hashable, Sendable {
  public var status: EtcdStatus
  /// `nil`: the text says it all.
  public var why: Why?

  public init(_ status: EtcdStatus, why: Why? = nil) {
    self.status = status
    self.why = why
  }
}

extension FailedAnswer {
  /// The command went to a leader that was replaced before it was committed.
  public static let lost = FailedAnswer(
    .timedOutLeaderFailed,
    why: Why(
      rule: .leaderChanged, hasNoEffect: true,
      evidence: "the log went on under a new leader, without this command",
      stillWorks: "everything", nextStep: "send it again"))

  /// The command may be in a log, and nobody here can say what became of it.
  public init(_ doubt: Doubt, members: MemberDirectory) {
    let account = Account(members: members)
    self.init(
      .timedOut,
      why: Why(
        rule: .outcomeUnknown, hasNoEffect: false, evidence: account.evidence(doubt),
        stillWorks: "reading: a linearizable read that succeeds shows what became of it",
        nextStep: "read the key before sending the command again" + account.where(doubt)))
  }

  /// A refusal, told with the names and addresses of `members`.
  public init(_ refusal: Refusal, members: MemberDirectory) {
    let account = Account(members: members)
    let (evidence, stillWorks) = account.evidence(refusal.rule)
    self.init(
      Self.status(refusal.rule),
      why: Why(
        rule: Self.rule(refusal.rule), hasNoEffect: refusal.nothingWasAppended,
        evidence: evidence, stillWorks: stillWorks, nextStep: account.advice(refusal)))
  }

  private static func status(_ rule: Refusal.Rule) -> EtcdStatus {
    switch rule {
    case .inquorate, .noLeader, .leaderInquorate: .noLeader
    case .leaderUnreachable: .timedOutConnectionLost
    case .nothingCommitted: .timedOut
    case .applyBehind: .timedOutWaitingForApply
    case .poisoned: .unhealthy
    case .corrupt: .corrupt
    case .transferFailed: .timedOutLeaderTransfer
    case .notLeader: .notLeader
    case .leaderChanging: .leaderChanged
    case .tooManyRequests, .overlayFull: .tooManyRequests
    case .noSpace: .noSpace
    case .requestTooLarge: .requestTooLarge
    case .tooStale:
      EtcdStatus(.unavailable, "quorate: the state here is older than the request accepts")
    case .shuttingDown: .stopped
    case .notFormed: .unhealthy
    case .transferTarget: .badLeaderTransferee
    case .configuration(let refusal), .membership(.configuration(let refusal)): status(refusal)
    case .membership(.notEnoughStarted): .notEnoughStarted
    case .membership(.unreached): .unhealthy
    case .membership(.tooManyLearners): .tooManyLearners
    case .membership(.tooManyVoters):
      EtcdStatus(.failedPrecondition, "quorate: too many voting members in cluster")
    }
  }

  private static func status(_ refusal: ConfigurationRefusal) -> EtcdStatus {
    switch refusal {
    case .changeInProgress, .termNotCommitted: .unhealthy
    case .memberExists: .memberExists
    case .memberNotFound: .memberNotFound
    case .peerURLExists: .peerURLExists
    case .notALearner: .memberNotLearner
    case .notAVoter:
      EtcdStatus(.failedPrecondition, "quorate: only the place of a voting member can be taken")
    case .learnerBehind: .learnerNotReady
    case .noVoters: .notEnoughStarted
    }
  }

  private static func rule(_ rule: Refusal.Rule) -> Why.Rule {
    switch rule {
    case .inquorate, .leaderInquorate: .inquorate
    case .noLeader: .noLeader
    case .leaderUnreachable, .transferFailed: .leaderUnreachable
    case .applyBehind, .nothingCommitted: .applyBehind
    case .poisoned: .poisoned
    case .corrupt: .corrupt
    case .notLeader: .notLeader
    case .leaderChanging: .leaderChanged
    case .tooManyRequests, .overlayFull: .overloaded
    case .noSpace: .noSpace
    case .requestTooLarge: .tooLarge
    case .tooStale: .tooStale
    case .shuttingDown: .stopping
    case .notFormed: .forming
    case .configuration, .membership, .transferTarget: .membership
    }
  }
}

/// Puts a refusal into sentences.
private struct Account {
  let members: MemberDirectory

  func evidence(_ rule: Refusal.Rule) -> (evidence: String, stillWorks: String) {
    switch rule {
    case .inquorate(let view, let policy):
      (describe(view), Self.served(whenInquorate: policy))
    case .noLeader(let view):
      ("no leader was found in time; " + describe(view), "serializable reads")
    case .leaderUnreachable(let leader):
      ("the leader, \(members.name(of: leader)), did not confirm in time", "serializable reads")
    case .leaderInquorate(let leader):
      (
        "the leader, \(members.name(of: leader)), hears no majority of the voters",
        "serializable reads"
      )
    case .corrupt(let revisions):
      (
        "this member's state is not that of the others"
          + (revisions.map { ", in revisions \($0.lowerBound) to \($0.upperBound)" } ?? ""),
        "status, health and alarms; everything, at the other members"
      )
    case .poisoned(let entry):
      (
        "applying entry \(entry.number) ended this member's process twice, so it stays outside "
          + "the quorum",
        "serializable reads, of the state before that entry"
      )
    case .applyBehind(let applied, let needed):
      (
        "this member has applied the log up to \(applied.number), and \(needed.number) is needed",
        "serializable reads"
      )
    case .nothingCommitted(for: let time):
      (Self.describe(idleFor: time), "serializable reads")
    case .transferFailed(let target):
      (
        target.map { "\(members.name(of: $0)) did not take over in time" }
          ?? "nobody could take over",
        "reads and writes"
      )
    case .notLeader(let leader):
      (
        "only the leader does this"
          + (leader.map { ", which is \(members.name(of: $0))" } ?? ", and none is known"),
        "reads and writes"
      )
    case .leaderChanging:
      ("the leader is handing over", "serializable reads")
    case .tooManyRequests(let inFlight, let limit):
      ("\(inFlight) requests are under way, and \(limit) may be", "everything, in a moment")
    case .noSpace:
      ("the disk or the quota is full", "reads, deletes and compaction")
    case .overlayFull:
      ("writes to the disk lag behind", "reads; writes in a moment")
    case .requestTooLarge(let bytes, let limit):
      ("the request has \(bytes) bytes, and \(limit) are allowed", "smaller requests")
    case .tooStale(let age, let limit):
      (
        "the state here is "
          + (age.map { "\(Self.text($0)) old" } ?? "of unknown age")
          + ", and the request accepts \(Self.text(limit))",
        "serializable reads that accept an older state"
      )
    case .shuttingDown:
      ("the member is shutting down", "the other members")
    case .notFormed(let gaps):
      (describe(gaps), "nothing yet")
    case .configuration(let refusal), .membership(.configuration(let refusal)):
      (Self.sentence(refusal), "reads and writes")
    case .membership(.notEnoughStarted):
      ("most of the members that are to vote have never been started", "reads and writes")
    case .membership(.unreached(let silent)):
      ("not all voters answer: \(list(silent)) missing", "reads and writes")
    case .membership(.tooManyLearners(let limit)):
      ("there are \(limit) such learners already", "reads and writes")
    case .membership(.tooManyVoters(let limit)):
      ("\(limit) members vote or are to, and no more may", "reads and writes")
    case .transferTarget(let target):
      ("\(members.name(of: target)) cannot lead", "reads and writes")
    }
  }

  func evidence(_ doubt: Doubt) -> String {
    switch doubt {
    case .late: "the command was sent to be appended, and no majority confirmed it in time"
    case .inquorate(let view):
      "the quorum was lost while the command was under way: " + describe(view)
    case .insideSnapshot:
      "this member has moved to a snapshot that may hold the command, and no longer sees which"
    }
  }

  /// Where the answer is to be had.
  func `where`(_ doubt: Doubt) -> String {
    switch doubt {
    case .late, .insideSnapshot: ""
    case .inquorate(let view):
      ", at another member, or here when " + missing(.inquorate(view, policy: .readOnly))
        + " can be reached again"
    }
  }

  private static func describe(idleFor time: Duration?) -> String {
    guard let time else { return "it is not known yet that anything is committed" }
    return "nothing was committed and applied here for \(text(time))"
  }

  func advice(_ refusal: Refusal) -> String {
    switch refusal.nextStep {
    case .askLeader(let leader): "ask the leader\(address(of: leader))"
    case .askAnotherMember: "ask another member"
    case .retryLater: "send it again in a moment"
    case .reachMissingMembers: "restore the links to \(missing(refusal.rule)), or restart them"
    case .freeSpace: "delete and compact, or give the member more space"
    case .sendLess: "split the request"
    case .acceptOlder: "accept an older state, or ask another member"
    case .correctRequest: "quorate member list shows who is who"
    }
  }

  /// R of N, as the quorum rule counts (Docs/Consistency.md).
  private func describe(_ view: QuorumView) -> String {
    var text = "\(view.current.heard) of \(view.current.voters) voters heard"
    if let old = view.outgoing {
      text += ", and \(old.heard) of \(old.voters) of the old configuration"
    }
    let needed = view.current.voters / 2 + 1
    text += ", \(needed) needed"
    return view.missing.isEmpty ? text : text + "; missing: \(list(view.missing))"
  }

  /// Why a store has not formed: whom this founder waits for, and what for.
  private func describe(_ gaps: [FormationGap]) -> String {
    guard !gaps.isEmpty else { return "the members have met, and the store is about to form" }
    let reasons = gaps.map { gap in
      let name = members.name(of: gap.member)
      return switch gap.reason {
      case .silent: "\(name) has not greeted this member"
      case .lacks(let others): "\(name) has not met \(list(others))"
      case .differs(let others): "\(name) knows another data directory of \(list(others))"
      }
    }
    return "the members have not all met: " + reasons.sorted().joined(separator: "; ")
  }

  private func missing(_ rule: Refusal.Rule) -> String {
    switch rule {
    case .inquorate(let view, _), .noLeader(let view):
      view.missing.isEmpty ? "the other members" : list(view.missing)
    case .notFormed(let gaps):
      gaps.isEmpty ? "the other members" : list(gaps.map(\.member))
    case .membership(.unreached(let missing)): list(missing)
    case .leaderUnreachable, .leaderInquorate, .applyBehind, .nothingCommitted, .poisoned,
      .corrupt, .notLeader, .leaderChanging,
      .tooManyRequests, .noSpace, .overlayFull, .requestTooLarge, .tooStale, .shuttingDown,
      .configuration, .membership, .transferTarget, .transferFailed:
      "the other members"
    }
  }

  private func address(of member: MemberID) -> String {
    let name = members.name(of: member)
    guard let url = members.clientURLs(of: member).first else { return ", \(name)" }
    return ", \(name): --endpoints \(url)"
  }

  /// By name: ids are in no order that means anything to people.
  private func list(_ ids: [MemberID]) -> String {
    ids.map { members.name(of: $0) }.sorted().joined(separator: ", ")
  }

  private static func served(whenInquorate policy: QuorumPolicy) -> String {
    switch policy {
    case .readOnly, .wait: "serializable reads (--consistency serializable), with their age"
    case .halt: "status and health only (--on-quorum-loss halt)"
    }
  }

  private static func sentence(_ refusal: ConfigurationRefusal) -> String {
    switch refusal {
    case .changeInProgress: "the last change of the members is not committed yet"
    case .termNotCommitted: "the new leader has not committed an entry yet"
    case .memberExists: "the member is there already"
    case .memberNotFound: "there is no such member"
    case .peerURLExists: "another member has that peer URL"
    case .notAVoter: "the member does not vote"
    case .notALearner: "the member is no learner"
    case .learnerBehind: "the learner's log is too far behind"
    case .noVoters: "no voter would be left"
    }
  }

  /// Whole milliseconds, rounded up: an age is never told smaller than it is.
  private static func text(_ duration: Duration) -> String { "\(duration.milliseconds) ms" }
}

extension Duration {
  /// Whole milliseconds, rounded up. *Precondition*: not negative.
  public var milliseconds: Int64 {
    precondition(self >= .zero, "a negative duration \(self)")
    return (nanoseconds + 999_999) / 1_000_000
  }
}
