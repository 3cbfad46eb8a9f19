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

  /// One member's memory now holds another digest than the log has made; it goes on from there.
  func changeState(of member: SimulatedMember) {
    flush(member)
    guard let state = member.state, state.meta.appliedIndex == member.keyValue?.meta.appliedIndex
    else { preconditionFailure("\(member.name) has no state to change") }
    tell(member, "holds another state from now on")
    checks.fences.changed.insert(member.id.number)
    checks.stateAgreement.leaveOut(member.id)
    var meta = state.meta
    meta.digest = meta.digest + StateDigest(lanes: (1, 0, 0, 0))
    do {
      var loader = StoreLoader(meta: meta, generation: state.generation)
      for lease in try state.leases() { loader.add(lease) }
      try state.scan { head, key, _, digest throws(StoreDamage) in
        try loader.add(head, key: key, digest: digest)
      }
      member.keyValue = try loader.finish()
    } catch {
      stateFails(member, error)
    }
  }

  /// Whether the member serves nothing.
  func isFenced(_ member: SimulatedMember) -> Bool { member.core?.isFenced ?? false }
}
