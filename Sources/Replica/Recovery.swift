public import Raft

/// What a member finds when it opens its data directory, before it believes any of it.
public struct Found: Sendable {
  /// Format versions as written; zero: the file has none.
  public var logVersion: UInt32
  public var stateVersion: UInt32
  public var clusterID: ClusterID
  public var member: MemberID
  /// `nil`: no base was ever stored, so the cluster has not formed here.
  public var base: LogBase?
  public var hardState: HardState
  /// The whole log after the base.
  public var entries: [Entry]
  /// The last entry that the state file contains; `nil`: there is no file.
  public var applied: EntryID?

  public init(
    logVersion: UInt32, stateVersion: UInt32, clusterID: ClusterID, member: MemberID,
    base: LogBase?, hardState: HardState, entries: [Entry], applied: EntryID?
  ) {
    self.logVersion = logVersion
    self.stateVersion = stateVersion
    self.clusterID = clusterID
    self.member = member
    self.base = base
    self.hardState = hardState
    self.entries = entries
    self.applied = applied
  }
}

/// How a member starts.
public enum Recovery: Sendable {
  /// Nothing was promised yet: greet the initial members.
  case form
  case start(Recovered)
  case refuse(RecoveryRefusal)
}

/// Why a member does not start: it would forget a promise or serve a hole.
public enum RecoveryRefusal: Error, Hashable, Sendable {
  case unknownLogVersion(UInt32)
  case unknownStateVersion(UInt32)
  case otherCluster(found: ClusterID, expected: ClusterID)
  case otherMember(found: MemberID, expected: MemberID)
  /// There is a term, a vote, a log or a state without the base they follow.
  case baseMissing
  /// An entry is not the successor of the one before it.
  case logBroken(after: EntryID, found: EntryID)
  /// The term of the last entry is above the current term.
  case termBehindLog(Term, last: EntryID)
  /// The state was made from entries that the log has lost.
  case appliedBeyondLog(applied: LogIndex, last: LogIndex)
  /// The entries between the state and the log are gone.
  case gap(applied: LogIndex, base: LogIndex)
  /// The state was made from another entry than the log holds.
  case appliedAnother(applied: EntryID, log: EntryID)
}

extension Recovery {
  /// The versions of the files that this build reads and writes.
  public static let logVersion: UInt32 = 1
  public static let stateVersion: UInt32 = 1

  /// Decides from what was found; the first thing that is wrong is the verdict.
  public static func decide(_ found: Found, member: MemberID, cluster: ClusterID) -> Recovery {
    do throws(RecoveryRefusal) {
      return try found.recovered(member: member, cluster: cluster)
    } catch {
      return .refuse(error)
    }
  }
}

extension Found {
  fileprivate func recovered(
    member: MemberID, cluster: ClusterID
  ) throws(RecoveryRefusal) -> Recovery {
    guard logVersion == Recovery.logVersion else { throw .unknownLogVersion(logVersion) }
    guard stateVersion == Recovery.stateVersion || (stateVersion == 0 && applied == nil) else {
      throw .unknownStateVersion(stateVersion)
    }
    guard clusterID == cluster else { throw .otherCluster(found: clusterID, expected: cluster) }
    guard self.member == member else { throw .otherMember(found: self.member, expected: member) }
    guard let base else {
      let isFresh =
        hardState == HardState() && entries.isEmpty && (applied ?? .zero) == .zero
      guard isFresh else { throw .baseMissing }
      return .form
    }
    let last = try checkedLog(after: base)
    let applied = try checkedApplied(base: base, last: last)
    return .start(
      Recovered(hardState: hardState, base: base, entries: entries, applied: applied))
  }

  /// The last entry of a log without holes.
  private func checkedLog(after base: LogBase) throws(RecoveryRefusal) -> EntryID {
    var last = base.last
    for entry in entries {
      guard entry.index == last.index.next, entry.term >= last.term, entry.term > .zero else {
        throw .logBroken(after: last, found: entry.id)
      }
      last = entry.id
    }
    guard last.term <= hardState.currentTerm else {
      throw .termBehindLog(hardState.currentTerm, last: last)
    }
    return last
  }

  /// A state lies between the base and the end of the log, and was made from that very log.
  private func checkedApplied(
    base: LogBase, last: EntryID
  ) throws(RecoveryRefusal) -> LogIndex {
    let applied = self.applied ?? .zero
    guard applied.index <= last.index else {
      throw .appliedBeyondLog(applied: applied.index, last: last.index)
    }
    guard applied.index >= base.last.index else {
      throw .gap(applied: applied.index, base: base.last.index)
    }
    let position = applied.index.number - base.last.index.number
    let held = position == 0 ? base.last : entries[Int(position) - 1].id
    guard applied == held else { throw .appliedAnother(applied: applied, log: held) }
    return applied.index
  }
}

extension RecoveryRefusal {
  /// One sentence: what is wrong, and what helps.
  public var sentence: String {
    switch self {
    case .unknownLogVersion(let version):
      "raft.db has format version \(version), which this build does not know"
    case .unknownStateVersion(let version):
      "the state file has format version \(version), which this build does not know"
    case .otherCluster(let found, let expected):
      "the data directory belongs to cluster \(hexadecimal(found.number)), not to "
        + hexadecimal(expected.number)
    case .otherMember(let found, let expected):
      "the data directory belongs to member \(hexadecimal(found.number)), not to "
        + hexadecimal(expected.number)
    case .baseMissing: "raft.db holds promises but no first configuration: it is damaged"
    case .logBroken(let after, let found):
      "raft.db is damaged: entry \(found.index.number) of term \(found.term.number) cannot follow "
        + "entry \(after.index.number) of term \(after.term.number)"
    case .termBehindLog(let term, let last):
      "raft.db is damaged: its term is \(term.number), its last entry's \(last.term.number)"
    case .appliedBeyondLog(let applied, let last):
      "the state file contains entry \(applied.number), but the log ends at \(last.number): "
        + "raft.db has lost entries"
    case .gap(let applied, let base):
      "the state file ends at entry \(applied.number), but the log begins after \(base.number): "
        + "the state file is too old for this raft.db"
    case .appliedAnother(let applied, _):
      "the state file was made from another entry \(applied.index.number) than raft.db holds"
    }
  }
}
