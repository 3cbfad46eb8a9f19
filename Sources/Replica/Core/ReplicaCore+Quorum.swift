import Base
import Raft

/// The quorum rule: ping all voters, count R, and while R ≤ ⌊N/2⌋ refuse what cannot succeed
/// (Docs/Consistency.md, *The quorum rule*).
extension ReplicaCore {
  /// Inquorate under a policy that refuses at once.
  var isCutOff: Bool {
    switch settings.quorumPolicy {
    case .readOnly, .halt: !quorum.isQuorate
    case .wait: false
    }
  }

  mutating func sessionOpened(
    _ member: MemberID, _ boot: Boot, _ effects: inout ReplicaEffects
  ) {
    peers.open(member, boot)
    forgetReport(of: member)
    ping(member, &effects)
    feed(.sessionOpened(member), &effects)
  }

  mutating func heard(_ member: MemberID, pingedAt: Instant) {
    monitor.heard(member, pingedAt: pingedAt, now: now)
    quorumCheckAt = now
  }

  /// What happens once a heartbeat interval.
  mutating func beat(_ effects: inout ReplicaEffects) {
    heartbeatAt = now + settings.raft.heartbeatInterval
    monitor.retain(core.configuration)
    for member in core.configuration.members { ping(member.id, &effects) }
    quorumCheckAt = now
    isWaitingBlocked = false
    slots.retain { requests.contains($0) }
    waiting.removeAll { !requests.contains($0) }
    refuseUnreached(&effects)
    ownRemovals.removeAll { !requests.contains($0) }
    changesSent.removeAll { !requests.contains($0.id) }
    waitingChanges.removeAll { !requests.contains($0) }
    tendMembers(&effects)
    considerHandOver(&effects)
    probeFreshness(&effects)
    if writeProbe.isWatched { probeWrites(&effects) }
  }

  /// Asks a member whether it hears this one. The instant is taken before the ping leaves.
  ///
  /// Learners are asked as well: one that becomes a voter counts from that moment on, and must not
  /// be missed until its first answer.
  private func ping(_ member: MemberID, _ effects: inout ReplicaEffects) {
    guard member != id, let known = core.configuration[member], known.incarnation != .unknown
    else { return }
    effects.sends.append(PeerEnvelope(to: member, message: .ping(now)))
  }

  mutating func checkQuorum(_ effects: inout ReplicaEffects) {
    quorum = monitor.view(of: core.configuration, at: now)
    quorumCheckAt = monitor.nextSilence(after: now)
    guard quorum != toldQuorum else { return }
    toldQuorum = quorum
    effects.quorum = quorum
    effects.notes.append(.quorum(quorum))
    guard isCutOff else {
      doubtfulBehind = nil
      return
    }
    refuseUnsent(&effects)
    doubtfulBehind = deliveredIndex
    doubtSent(&effects)
  }

  /// Nothing that waits can succeed now.
  private mutating func refuseUnsent(_ effects: inout ReplicaEffects) {
    let rule = Refusal.Rule.inquorate(quorum, policy: settings.quorumPolicy)
    for id in waiting + waitingChanges { refuse(id, rule, &effects) }
    (waiting, waitingChanges) = ([], [])
    let unserved = settings.quorumPolicy == .halt ? reads.takeAll() : reads.takeUnconfirmed()
    for id in unserved { refuse(id, rule, &effects) }
  }
}
