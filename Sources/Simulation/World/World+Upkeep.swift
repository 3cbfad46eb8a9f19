import Base
import Storage
import KeyValue
import Member
import Raft
import Replica

/// Alarms, and states that are changed behind everybody's back.
extension World {
  /// Holds what an entry did to the store against the alarms in it.
  func inspectUpkeep(
    _ envelope: CommandEnvelope, _ applied: Applied, _ alarms: [Alarm], _ member: SimulatedMember
  ) {
    if case .upkeep(let command) = envelope.command {
      tell(member, "applies \(command)")
      return check(checks.fences.violation(alarms: alarms))
    }
    check(checks.quota.violation(envelope.command, applied, alarms: alarms))
  }

  /// One member's memory now holds another digest than the log has made; it goes on from there.
  func changeState(of member: SimulatedMember) {
    run(until: now + .seconds(5)) { isAtRest(member) }
    guard let state = member.state, isAtRest(member) else {
      preconditionFailure("\(member.name) has no state to change")
    }
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
      member.applyLane = ApplyLane(
        me: member.id, boot: member.boot, store: try loader.finish(), settings: applySettings)
    } catch {
      stateFails(member, error)
    }
  }

  /// Whether everything in the member's log is in its state file, and nothing is on its way.
  private func isAtRest(_ member: SimulatedMember) -> Bool {
    guard let lane = member.applyLane, member.applyInbox.isEmpty, member.flushInbox.isEmpty else {
      return false
    }
    let applied = lane.store.meta.appliedIndex
    return lane.isIdle && member.state?.meta.appliedIndex == applied
      && member.log.lastIndex.number == applied
  }

  /// Whether the member serves nothing.
  func isFenced(_ member: SimulatedMember) -> Bool { member.core?.isFenced ?? false }
}
