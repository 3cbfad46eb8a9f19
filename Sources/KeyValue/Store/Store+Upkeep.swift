/// Alarms and marks (etcd server/etcdserver/api/v3alarm).
extension Store {
  /// Alarms of one store: members and kinds are few, and a client may name any member.
  public static let alarmLimit = 256

  /// What whoever looks after the store has to know of it now.
  public var facts: UpkeepFacts {
    UpkeepFacts(
      revision: state.meta.revision, compactRevision: state.meta.compactRevision,
      alarms: state.meta.alarms, mark: lastMark)
  }

  /// Whether a command is refused because some member's store has grown to its quota: by the state
  /// alone, so alike on every member.
  func refusesGrowth(_ command: Command) -> Bool {
    command.isGrowing && state.meta.alarms.contains { $0.kind == .noSpace }
  }

  mutating func run(_ command: UpkeepCommand) -> CommandResult.Answer {
    switch command {
    case .raise(let alarm):
      if !state.meta.alarms.contains(alarm) {
        guard state.meta.alarms.count < Self.alarmLimit else { return .alarms([]) }
        state.meta.alarms.append(alarm)
        state.meta.alarms.sort()
      }
      return .alarms([alarm])
    case .lower(let alarm):
      guard let place = state.meta.alarms.firstIndex(of: alarm) else { return .alarms([]) }
      state.meta.alarms.remove(at: place)
      return .alarms([alarm])
    case .mark:
      // As of this entry, whose own effect is none.
      lastMark = DigestMark(
        index: state.meta.appliedIndex + 1, revision: state.meta.revision,
        digest: state.meta.stateDigest,
        purgedRevision: purgeWalk == nil ? state.meta.purgedRevision : 0,
        ranges: blocks.ranges(through: state.meta.lastRow, count: DigestMark.rangeCount))
      return .marked
    }
  }
}
