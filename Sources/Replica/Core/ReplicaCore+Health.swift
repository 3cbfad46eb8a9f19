public import Base
import KeyValue
import Raft

/// Whether a write would be committed now, for whoever asks (Docs/Architecture.md, *What must never
/// happen*).
public enum WriteHealth: Hashable, Sendable {
  case serves
  case refuses(Refusal)
  /// Nothing was written for long, and what is tried has not ended yet: ask again, or wait for it.
  case undecided
}

/// How somebody who asks is told the truth about writes: by a commit of late, else by one that is
/// tried now, a transaction that does nothing. Without questions nothing is tried.
///
/// ```text
///   last commit ├─ served ─ 3 election timeouts ─┤ undecided ─ asked ─▶ a probe ├─ 1 ─┤ refused
///                                   ▲ asked from 2 on: a probe at once, so nobody need wait
/// ```
struct WriteProbe: Sendable {
  var evidence = CommitEvidence()
  /// The probe that was sent last and has no result yet, and when it was sent.
  var underWay: (id: RequestID, begunAt: Instant)?
  /// When a probe was last not committed in time; `nil`: it was, or something has been since.
  var failedAt: Instant?
  /// No probe before.
  var notBefore = Instant.zero
  /// Somebody wants to be told whenever it changes.
  var isWatched = false
}

extension ReplicaCore {
  private var evidenceLimit: Duration { settings.raft.electionTimeout * 3 }

  /// What a command that is sent now would meet, at `now`.
  public func writeHealth(at now: Instant) -> WriteHealth {
    if let rule = (isFenced ? corruptRule : writeRefusal) ?? leaderless {
      return .refuses(Refusal(rule))
    }
    // Deletes pass; what most writes meet counts.
    if isSpaceShort { return .refuses(Refusal(.noSpace)) }
    let age = writeProbe.evidence.age(at: now)
    if let age, age <= evidenceLimit { return .serves }
    guard let failedAt = writeProbe.failedAt, now - failedAt <= evidenceLimit else {
      return .undecided
    }
    return .refuses(Refusal(.nothingCommitted(for: age)))
  }

  /// Requests would wait: nobody leads.
  var leaderless: Refusal.Rule? {
    core.leader == nil ? .noLeader(quorum) : nil
  }

  /// Somebody wants to be told of every change from now on, or nobody any more.
  mutating func watchWrites(_ isWatched: Bool) { writeProbe.isWatched = isWatched }

  /// Somebody wants to know: what is not known for certain for much longer is tried.
  mutating func probeWrites(_ effects: inout ReplicaEffects) {
    let timeout = settings.raft.electionTimeout
    guard now >= writeProbe.notBefore, writeProbe.underWay == nil, !isFenced,
      writeRefusal == nil, core.leader != nil
    else { return }
    if let age = writeProbe.evidence.age(at: now), age <= timeout * 2 { return }
    writeProbe.notBefore = now + timeout
    // Changes nothing, and was known to every version.
    let id = proposeOwn(.txn(TxnRequest()), within: evidenceLimit, &effects)
    writeProbe.underWay = (id, now)
  }

  /// What has become of the probe.
  mutating func settleProbe() {
    if let age = writeProbe.evidence.age(at: now), age <= evidenceLimit {
      writeProbe.failedAt = nil
    }
    guard let probe = writeProbe.underWay else { return }
    let isOver = !requests.contains(probe.id)
    guard isOver || now - probe.begunAt > settings.raft.electionTimeout else { return }
    let isProven = writeProbe.evidence.since.map { $0 >= probe.begunAt } ?? false
    if !isProven { writeProbe.failedAt = now }
    // A late one may still be committed, and counts then.
    if isOver { writeProbe.underWay = nil }
  }

  /// The state machine has answered these.
  mutating func noteResults(_ completed: [RequestID]) {
    guard let probe = writeProbe.underWay, completed.contains(probe.id) else { return }
    writeProbe.evidence.prove(since: probe.begunAt)
  }

  /// When `writeHealth` may change by time alone.
  var probeWakeAt: Instant {
    guard let probe = writeProbe.underWay, writeProbe.failedAt == nil else {
      return .distantFuture
    }
    let lateAt = probe.begunAt + settings.raft.electionTimeout + .nanoseconds(1)
    // One that is late already may be proven by what others have written.
    return lateAt > now ? lateAt : .distantFuture
  }
}
