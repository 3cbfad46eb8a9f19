public import Base
import KeyValue
import Raft

/// Leases end by an entry of the log that the leader writes (Docs/Consistency.md, *Leases*). What
/// clients ask of them are commands as any other: a keep-alive is answered when it is applied, so a
/// majority has confirmed the leader after it arrived, and it comes before or after a revocation in
/// the log.
extension ReplicaCore {
  /// How many leases there are.
  public var leaseCount: Int { leases.count }

  /// Seconds that were granted, and what is left of them, as this member sees it; `nil`: there is
  /// no such lease. A follower counts from when it heard of the leader's clock.
  public func remaining(ofLease id: Int64, at now: Instant) -> (granted: Int64, left: Duration)? {
    leases.remaining(of: id, at: max(now, self.now))
  }

  /// The lease that ends first before the others.
  public var leasesByDeadline: [Int64] { leases.byDeadline }

  /// Notes the instant of an election, and the end of a leadership.
  mutating func followLeadership() {
    guard core.isLeader else {
      ledSince = nil
      if leases.isLeading { leases.stepDown() }
      return
    }
    if ledSince == nil { ledSince = now }
    guard leaseTerm != core.currentTerm else { return }
    leaseTerm = core.currentTerm
    leases.elected(at: now)
  }

  var leasesWakeAt: Instant {
    leases.wakeAt < .distantFuture && mayWriteLeases ? leases.wakeAt : .distantFuture
  }

  /// Whether the log would take a command now, as far as this member knows.
  private var mayWriteLeases: Bool {
    core.isLeader && !isCutOff && pressure != .overlayFull && applyRefusal == nil && !isFenced
  }

  /// Ends the leases whose time is over, and writes down how far the clock has come.
  mutating func settleLeases(_ effects: inout ReplicaEffects) {
    guard core.isLeader else { return }
    if !leases.isLeading {
      guard hasAppliedElection else { return }
      leases.lead()
    }
    guard now >= leases.wakeAt, mayWriteLeases else { return }
    let commands = leases.due(at: now, asOf: appliedIndex, settings)
    let outcomes = offer(
      commands.map { CommandEnvelope(origin: .nobody, command: .lease($0)).encoded() }, &effects)
    for (command, outcome) in zip(commands, outcomes) {
      if case .refused = outcome { leases.refused(command, at: now, settings) }
    }
  }

  /// Whether the first entry of this term, and so everything before the election, is applied here.
  var hasAppliedElection: Bool {
    deliveredTerm == core.currentTerm && !termsApplying.contains { $0.term == core.currentTerm }
  }
}
