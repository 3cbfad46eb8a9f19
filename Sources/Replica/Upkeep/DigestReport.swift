import Base
public import KeyValue
public import Raft

/// What a member says of its state at a mark: the leader compares (Docs/Decisions/0018).
public struct DigestReport: Hashable, Sendable {
  public var mark: DigestMark
  /// The member has found its own files changed: whatever it says of its memory, it is not sound.
  public var isDamaged: Bool

  public init(mark: DigestMark, isDamaged: Bool) {
    self.mark = mark
    self.isDamaged = isDamaged
  }
}

/// Where a member's state is not that of the others.
public struct Divergence: Hashable, Sendable {
  public var member: MemberID
  /// The entry at which they were compared.
  public var index: LogIndex
  /// Changes of these revisions differ, or are missing on one side.
  public var revisions: ClosedRange<Int64>

  public init(member: MemberID, index: LogIndex, revisions: ClosedRange<Int64>) {
    self.member = member
    self.index = index
    self.revisions = revisions
  }
}

/// The leader's account of what members say of their states.
struct DigestBook: Sendable {
  /// The last word of each member, whatever mark it is about.
  private var reports: [MemberID: DigestReport] = [:]
  /// Of this member, at the last mark that it has applied in this boot.
  private(set) var own: DigestReport?
  /// Own reports that no leader was told yet.
  var untold: DigestReport?
  /// When to mark the log again, at the leader.
  var markAt = Instant.zero
  /// From one mark to the next, in intervals: more while somebody has not spoken about the last.
  var patience = 1
  /// A member that lags by more is not compared while it does.
  static let patienceLimit = 16

  mutating func note(own report: DigestReport, of member: MemberID) {
    own = report
    untold = report
    reports[member] = report
  }

  mutating func note(_ report: DigestReport, of member: MemberID) {
    // An older word that comes late tells nothing new.
    if let before = reports[member], before.mark.index > report.mark.index { return }
    reports[member] = report
  }

  mutating func forget(_ member: MemberID) { reports[member] = nil }

  /// Whether this member has said what its state was at the last mark.
  func hasReported(_ member: MemberID) -> Bool {
    guard let own else { return false }
    return reports[member]?.mark.index ?? 0 >= own.mark.index
  }

  /// What the reports at the last mark prove.
  struct Verdict: Equatable {
    /// Their states are that of more than half of the voters.
    var sound: [MemberID] = []
    /// Their states are another one.
    var diverging: [Divergence] = []
    /// Voters differ, and no state is that of more than half of them.
    var isUndecided = false
  }

  /// `nil`: too few have spoken.
  func verdict(_ configuration: Configuration) -> Verdict? {
    guard let index = own?.mark.index else { return nil }
    let voters = configuration.members.filter { $0.role != .learner }.map(\.id)
    let spoken = configuration.members.compactMap { member in
      reports[member.id].flatMap { $0.mark.index == index ? (member.id, $0) : nil }
    }
    var counts: [(digest: StateDigest, voters: Int)] = []
    for (member, report) in spoken where voters.contains(member) && !report.isDamaged {
      if let place = counts.firstIndex(where: { $0.digest == report.mark.digest }) {
        counts[place].voters += 1
      } else {
        counts.append((report.mark.digest, 1))
      }
    }
    guard let majority = counts.first(where: { $0.voters > voters.count / 2 }) else {
      let isOver = voters.allSatisfy { voter in spoken.contains { $0.0 == voter } }
      return isOver ? Verdict(isUndecided: true) : nil
    }
    var verdict = Verdict()
    let model = spoken.first { $0.1.mark.digest == majority.digest && !$0.1.isDamaged }?.1.mark
    for (member, report) in spoken {
      if report.mark.digest == majority.digest && !report.isDamaged {
        verdict.sound.append(member)
      } else {
        verdict.diverging.append(
          Divergence(
            member: member, index: LogIndex(index),
            revisions: report.mark.revisions(differingFrom: model ?? report.mark)))
      }
    }
    return verdict
  }
}
