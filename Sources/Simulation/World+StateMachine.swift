import KeyValue
import Linearizability
import Member
import Raft
import Replica
import Storage

/// The applier and the flusher of each member.
extension World {
  func scheduleApply(_ member: SimulatedMember) {
    guard !member.isApplying, !member.isRestoring, !member.applyQueue.isEmpty else { return }
    member.isApplying = true
    after(weather.apply.draw(&member.dice), .applyTurn(member.position, member.boot))
  }

  func applyTurn(_ member: SimulatedMember) {
    member.isApplying = false
    guard !member.isRestoring else { return }
    if member.keyValue?.isFull == true { flush(member) }
    guard !member.hasFailed else { return }
    let batch = member.applyQueue.prefix(weather.applyBatch)
    guard let last = batch.last else { return }
    member.applyQueue.removeFirst(batch.count)
    var completed: [RequestID] = []
    var leases: [LeaseChange] = []
    var changes: [RowChange] = []
    let before = member.keyValue?.meta.revision ?? 0
    for entry in batch {
      apply(entry, member, &completed, &leases, &changes)
      guard violation == nil, !member.hasFailed else { return }
    }
    feedWatches(member, changes, since: before)
    step(
      member,
      .applied(
        through: last.index, completed: completed, leases: leases,
        upkeep: member.keyValue?.facts))
    scheduleApply(member)
  }

  private func apply(
    _ entry: Entry, _ member: SimulatedMember, _ completed: inout [RequestID],
    _ leases: inout [LeaseChange], _ changes: inout [RowChange]
  ) {
    check(checks.committed.violation(member: member.id, applies: entry.id))
    guard let state = member.state else { preconditionFailure("\(member.name) has no state") }
    switch entry.content {
    case .noop:
      member.keyValue?.skip(index: entry.index.number, term: entry.term.number)
    case .configuration(let configuration):
      member.keyValue?.skip(index: entry.index.number, term: entry.term.number)
      member.appliedConfiguration = configuration
    case .command(let bytes):
      let envelope: CommandEnvelope
      do throws(EnvelopeError) {
        envelope = try CommandEnvelope(decoding: bytes)
      } catch {
        return fail("\(member.name) cannot read entry \(entry.index.number): \(error)")
      }
      do {
        let applied = try member.keyValue?.apply(
          index: entry.index.number, term: entry.term.number, envelope.command, reading: state)
        if let applied {
          leases += applied.leases
          if !watchers.isEmpty {
            changes += applied.changes
            checks.watchGuarantees.note(applied, of: envelope.command)
          }
          inspect(envelope, applied)
          inspectUpkeep(envelope, applied, member)
          complete(envelope, applied, entry.id, member, &completed)
        }
      } catch {
        return stateFails(member, error)
      }
    }
    if let meta = member.keyValue?.meta {
      check(checks.stateAgreement.violation(member: member.id, state: meta))
    }
  }

  private func complete(
    _ envelope: CommandEnvelope, _ applied: Applied, _ entry: EntryID, _ member: SimulatedMember,
    _ completed: inout [RequestID]
  ) {
    let origin = envelope.origin
    // What the leader itself asks of leases comes from nobody.
    guard origin.member != 0 else { return }
    check(checks.requestFates.violation(applied: origin, in: entry))
    guard origin.member == member.id.number, origin.boot == member.boot.number else { return }
    let id = RequestID(origin.sequence)
    completed.append(id)
    guard let request = member.waiting.removeValue(forKey: id) else { return }
    check(checks.requestFates.violation(acknowledged: origin, checks.committed))
    if case .command(_, let keeper, _) = request.wish {
      return reply(applied.result, keeper: keeper, to: request)
    }
    let outcome = History.Outcome(applied.result)
    reply(outcome.map(ClientAnswer.done) ?? .refused, to: request)
  }

  // MARK: The table

  func flushTurn(_ member: SimulatedMember) {
    after(weather.flushInterval, .flushTurn(member.position, member.boot))
    guard !member.isRestoring, !member.isInstalling, member.stalledUntil <= now else { return }
    flush(member)
    watchSpace(member)
    if member.dice.chance(weather.tendPerThousand, in: 1_000) { tend(member) }
  }

  /// Writes what the store has for its table.
  func flush(_ member: SimulatedMember) {
    guard let state = member.state else { return }
    do {
      if !state.isCompactionHeld { _ = try member.keyValue?.scrub(limitRows: 16, reading: state) }
      while let batch = member.keyValue?.takeFlushBatch(limitBytes: 64 << 10) {
        check(checks.appliedDurable.violation(member.id, batch.meta, member.durable.log))
        try using(member, .flush) { () throws(StorageError) in try state.flush(batch) }
        member.keyValue?.flushed(through: batch.meta.appliedIndex)
        // In calm everything must be taken.
        if !isCalm { step(member, .storeSize(state.usedBytes)) }
      }
      tellDurable(member)
    } catch {
      stateFails(member, error)
    }
  }

  /// What reading rows throws has passed through the store, which knows no kind of error.
  func stateFails(_ member: SimulatedMember, _ error: any Error) {
    guard let error = error as? StorageError else {
      return fail("\(member.name)'s state fails: \(error)")
    }
    diskFails(member, error)
  }

  private func tend(_ member: SimulatedMember) {
    guard let state = member.state, !member.hasFailed else { return }
    let done: Void? = attempt(member, .checkpoint) { () throws(StorageError) in try state.tend() }
    guard done != nil else { return }
    tellDurable(member)
  }

  /// Tells the core how far a power loss can take nothing any more.
  private func tellDurable(_ member: SimulatedMember) {
    guard member.isRunning, let durable = member.state?.durableApplied,
      durable > member.toldDurable
    else { return }
    member.toldDurable = durable
    step(member, .durableApplied(durable))
  }

  /// Lets the log look now and then how much space is left.
  private func watchSpace(_ member: SimulatedMember) {
    guard member.disk.files != nil, !member.hasFailed, member.nextSpaceLook <= now else { return }
    member.nextSpaceLook = now + World.spaceInterval
    post(.lookAtSpace, member)
  }

  private static let spaceInterval = Duration.milliseconds(50)

  // MARK: An installed snapshot

  func restore(_ member: SimulatedMember, _ base: LogBase) {
    tell(member, "moves to the snapshot at \(base.last.index.number)")
    member.isRestoring = true
    member.applyQueue = []
    post(.openState(base), member)
  }

  /// The state of the installed snapshot takes the place of the one before it.
  func move(_ member: SimulatedMember, to opened: OpenedState<any StateStore>) {
    let (base, state) = (opened.base, opened.state.take())
    let loaded = attempt(member, .move) { () throws(StorageError) in try state.load() }
    guard let store = loaded else { return }
    // The old generation's file may only go with the last that has it open.
    member.state = state
    member.keyValue = store
    post(.removeOldGenerations, member)
    member.isRestoring = false
    member.isInstalling = false
    member.appliedConfiguration = base.configuration
    if let meta = member.keyValue?.meta {
      let found = EntryID(term: Term(meta.appliedTerm), index: LogIndex(meta.appliedIndex))
      check(found == base.last ? nil : "\(member.name) installs another state than its log names")
      check(checks.stateAgreement.violation(member: member.id, state: meta))
    }
    refeedWatches(member)
    step(member, .restored(base, leases: store.leaseImage, upkeep: store.facts))
    scheduleApply(member)
  }
}
