public import Base
import Raft

/// Reads, and how old the state is that they see (Docs/Consistency.md, *The age of a serializable
/// answer*).
extension ReplicaCore {
  mutating func read(_ reads: [ReadRequest], _ effects: inout ReplicaEffects) {
    for request in reads {
      switch request.consistency {
      case .linearizable:
        if let rule = linearizableRefusal {
          effects.answers.append(.refused(request.id, Refusal(rule)))
        } else {
          requests.insert(request.id, .read(confirmedAt: nil), deadline: request.deadline)
          self.reads.gather(request.id)
        }
      case .serializable(let maxStaleness):
        if let rule = serializableRefusal(maxStaleness: maxStaleness) {
          effects.answers.append(.refused(request.id, Refusal(rule)))
        } else {
          effects.answers.append(
            .ready(
              ReadReady(
                id: request.id, index: .zero, freshAsOf: freshness.asOf,
                maxStaleness: maxStaleness, committed: core.commitIndex)))
        }
      }
    }
  }

  /// As of which of this member's instants its applied state was complete; `nil`: not known.
  public var freshAsOf: Instant? { freshness.asOf }

  /// Why a linearizable read would be refused now.
  var linearizableRefusal: Refusal.Rule? {
    if shutdownAt != nil { return .shuttingDown }
    if isFenced { return corruptRule }
    if isCutOff { return .inquorate(quorum, policy: settings.quorumPolicy) }
    if requests.readCount >= settings.inflightReadLimit {
      return .tooManyRequests(
        inFlight: UInt64(requests.readCount), limit: UInt64(settings.inflightReadLimit))
    }
    return nil
  }

  /// Leave to serve serializable reads without asking; `nil`: each has to ask, and may be refused.
  ///
  /// Whoever holds an old one tells an age that is too high, never one that is too low. A policy
  /// that may refuse such reads gives no leave.
  public var serializablePass: SerializablePass? {
    guard shutdownAt == nil, settings.quorumPolicy != .halt, !isFenced else { return nil }
    return SerializablePass(freshAsOf: freshness.asOf, committed: core.commitIndex)
  }

  /// Why a serializable read would be refused now.
  func serializableRefusal(maxStaleness: Duration?) -> Refusal.Rule? {
    if shutdownAt != nil { return .shuttingDown }
    if isFenced { return corruptRule }
    if settings.quorumPolicy == .halt && !quorum.isQuorate {
      return .inquorate(quorum, policy: .halt)
    }
    guard let limit = maxStaleness else { return nil }
    let age = freshness.age(at: now)
    if let age, age <= limit { return nil }
    return .tooStale(age: age, limit: limit)
  }

  /// Asks the core for what is gathered, one batch at a time: what comes meanwhile goes together.
  mutating func askForReads(_ effects: inout ReplicaEffects) {
    guard reads.wantsBatch, !isReadingBlocked, core.leader != nil else { return }
    feed(.read(reads.begin(at: now)), &effects)
  }

  /// Whether linearizable reads had better come when the batch before them is answered.
  public var isGatheringReads: Bool { reads.isUnderWay && shutdownAt == nil }

  /// Asks anew for all that has no answer, and how fresh the state is, once a heartbeat interval.
  mutating func probeFreshness(_ effects: inout ReplicaEffects) {
    isReadingBlocked = false
    reads.retain { requests.contains($0) }
    guard core.leader != nil else { return }
    feed(.read(reads.begin(at: now)), &effects)
  }

  mutating func confirmed(_ readable: Readable) {
    guard let (askedAt, confirmed) = reads.confirm(readable.read, at: readable.index) else {
      return
    }
    freshness.confirm(askedAt: askedAt, index: readable.index, applied: appliedIndex)
    writeProbe.evidence.confirm(
      askedAt: askedAt, index: readable.index, applied: appliedIndex)
    for id in confirmed where requests.contains(id) {
      requests.update(id, .read(confirmedAt: readable.index))
    }
  }

  mutating func unconfirmed(_ read: ReadID) {
    reads.fail(read)
    isReadingBlocked = true
  }

  /// Answers the reads whose index is applied here.
  mutating func serveReads(_ effects: inout ReplicaEffects) {
    for confirmed in reads.take(applied: appliedIndex) {
      for id in confirmed.requests where requests.remove(id) != nil {
        effects.answers.append(
          .ready(
            ReadReady(
              id: id, index: confirmed.index, freshAsOf: freshness.asOf, maxStaleness: nil,
              committed: core.commitIndex)))
      }
    }
  }
}
