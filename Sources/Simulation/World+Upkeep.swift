import Storage
import KeyValue
import Raft
import Replica

/// Alarms, and states that are changed behind everybody's back.
extension World {
  /// Holds what an entry did to the store against the alarms in it.
  func inspectUpkeep(
    _ envelope: CommandEnvelope, _ applied: Applied, _ member: SimulatedMember
  ) {
    guard let alarms = member.keyValue?.meta.alarms else { return }
    if case .upkeep(let command) = envelope.command {
      tell(member, "applies \(command)")
      return check(checks.fences.violation(alarms: alarms))
    }
    check(checks.quota.violation(envelope.command, applied, alarms: alarms))
  }

  /// One member's memory now holds another state than the log has made; it goes on from there.
  func changeState(of member: SimulatedMember) {
    guard let meta = member.keyValue?.meta, let generation = member.state?.generation else {
      preconditionFailure("\(member.name) has no state to change")
    }
    tell(member, "holds another state from now on")
    checks.fences.changed.insert(member.id.number)
    checks.stateAgreement.leaveOut(member.id)
    var other = Store(generation: generation)
    // The same entry, and a lease that nobody has granted: no read of its rows fails.
    for index in 1..<meta.appliedIndex { other.skip(index: index, term: meta.appliedTerm) }
    _ = try? other.apply(
      index: meta.appliedIndex, term: meta.appliedTerm,
      .lease(.grant(id: .max, ttl: 1 << 20)), reading: NoTable())
    member.keyValue = other
  }

  /// Whether the member serves nothing.
  func isFenced(_ member: SimulatedMember) -> Bool { member.core?.isFenced ?? false }
}

/// A state that was made up has no rows.
private struct NoTable: RowReading {
  struct Asked: Error {}

  func rows(numbered numbers: [RowNumber]) throws -> [Row] { throw Asked() }
}
