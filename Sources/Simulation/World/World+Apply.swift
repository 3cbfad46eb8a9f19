import Base
import KeyValue
import Linearizability
import Member
import Raft
import Replica
import Storage

/// The apply lane of each member, on virtual time.
extension World {
  var applySettings: ApplyLane<SimulatedApplyPorts>.Settings {
    var settings = ApplyLane<SimulatedApplyPorts>.Settings()
    settings.stride = weather.applyBatch
    settings.flushLimitBytes = 64 << 10
    settings.purgeLimitRows = 16
    return settings
  }

  /// The lanes of a member that starts with this store.
  func startLanes(
    _ member: SimulatedMember, _ store: Store, _ readers: SimulatedReaders
  ) {
    member.readers = readers
    member.view = PublishedView(store.readView)
    member.applyLane = ApplyLane(
      me: member.id, boot: member.boot, store: store, settings: applySettings)
    member.flushLane = FlushLane(settings: flushSettings)
    scheduleFlush(member, at: now)
    if weather.scrubs { scheduleScrub(member, at: now) }
  }

  func post(
    _ letter: ApplyLetter<SimulatedReaders>, from sender: LaneSender, to member: SimulatedMember
  ) {
    member.applyInbox.append(letter, from: sender)
    scheduleApply(member, at: now + weather.apply.draw(&member.laneDice))
  }

  private func scheduleApply(_ member: SimulatedMember, at instant: Instant) {
    guard instant < member.applyTurnAt else { return }
    member.applyTurnAt = instant
    queue.push(.applyTurn(member.position, member.boot), at: instant)
  }

  func applyTurn(_ member: SimulatedMember) {
    guard member.applyTurnAt <= now, !member.hasFailed, var lane = member.applyLane else { return }
    member.applyTurnAt = .distantFuture
    var ports = SimulatedApplyPorts(world: self, member: member)
    var out = ApplyOutput()
    // The store has one owner at a time, or each change would copy it.
    member.applyLane = nil
    lane.turn(member.applyInbox.drain(&member.laneDice), at: now, ports: &ports, out: &out)
    member.applyLane = lane
    deliver(out, member)
    guard member.isRunning, !member.hasFailed else { return }
    if !member.applyInbox.isEmpty || out.wakeAt <= now {
      scheduleApply(member, at: now + weather.apply.draw(&member.laneDice))
    } else if out.wakeAt < .distantFuture {
      scheduleApply(member, at: out.wakeAt)
    }
  }

  private func deliver(_ out: ApplyOutput, _ member: SimulatedMember) {
    if let fault = out.fault { return applyFails(member, fault) }
    for feed in out.feeds {
      demandShown(feed.batch.through, member, "feeds watches")
      feedWatches(feed.batch, member)
    }
    for answer in out.answers { deliver(answer, member) }
    for report in out.reports { take(report, member) }
    for answer in out.blocks { post(.answer(answer), member) }
    for order in out.flushOrders { post(.order(order), from: .apply, to: member) }
    if let base = out.opensState { post(.openState(base), member) }
    for asker in out.unopened {
      switch asker {
      case .follower(let request): opened(request, nil, member)
      case .client(let call): post(.opened(call, nil), member)
      }
    }
    guard let view = out.view else { return }
    for viewer in out.viewers {
      switch viewer {
      case .client(let id):
        guard let sought = member.seeking.removeValue(forKey: id) else { continue }
        serve(sought.request, sought.ready, member, view)
      case .watches(loop: _): post(.view(view), from: .apply, to: member)
      }
    }
  }

  /// Whoever is told of a revision finds it in every later read of this member.
  private func demandShown(_ revision: Int64, _ member: SimulatedMember, _ deed: String) {
    let shown = member.view?.meta.revision ?? 0
    check(
      revision > shown
        ? "\(member.name) \(deed) at revision \(revision) and shows \(shown)" : nil)
  }

  private func deliver(_ answer: ApplyAnswer, _ member: SimulatedMember) {
    guard let request = member.waiting.removeValue(forKey: answer.id) else { return }
    demandShown(answer.result.revision, member, "answers")
    let origin = CommandOrigin(
      member: member.id.number, boot: member.boot.number, sequence: answer.id.number)
    check(checks.requestFates.violation(acknowledged: origin, checks.committed))
    if case .command(_, let keeper, _) = request.wish {
      return reply(answer.result, keeper: keeper, to: request)
    }
    let outcome = History.Outcome(answer.result)
    reply(outcome.map(ClientAnswer.done) ?? .refused, to: request)
  }

  private func take(_ report: ApplyReport, _ member: SimulatedMember) {
    switch report {
    case .applied(through: let index, let completed, leases: let leases, upkeep: let facts):
      demandShown(facts.revision, member, "tells its replica")
      step(member, .applied(through: index, completed: completed, leases: leases, upkeep: facts))
    case .overlayFull(let isFull):
      member.isOverlayFull = isFull
      tell(member, isFull ? "has as much in memory as may be" : "has room in memory again")
      step(member, .pressure(member.pressure))
    case .restored(let base, let leases, let facts):
      member.isInstalling = false
      member.appliedConfiguration = base.configuration
      step(member, .restored(base, leases: leases, upkeep: facts))
    }
  }

  private func applyFails(_ member: SimulatedMember, _ fault: ApplyFault) {
    switch fault {
    case .world(let error): stateFails(member, error)
    case .unknownVersion(let index, _), .malformed(let index):
      fail("\(member.name) cannot read entry \(index.number): \(fault)")
    }
  }

  /// What reading rows throws has passed through the store, which knows no kind of error.
  func stateFails(_ member: SimulatedMember, _ error: any Error) {
    guard let error = error as? StorageError else {
      return fail("\(member.name)'s state fails: \(error)")
    }
    diskFails(member, error)
  }

  /// Whoever ends in order lets the lanes finish.
  func closeLanes(_ member: SimulatedMember) {
    guard !member.hasFailed, var apply = member.applyLane, var flush = member.flushLane else {
      return
    }
    var out = ApplyOutput()
    apply.close(out: &out)
    for order in out.flushOrders { member.flushInbox.append(.order(order), from: .apply) }
    var ports = SimulatedFlushPorts(world: self, member: member)
    var flushed = FlushOutput<SimulatedReaders, any SnapshotSource>()
    flush.turn(member.flushInbox.drainAll(), at: now, ports: &ports, out: &flushed)
    flush.close(at: now, ports: &ports, out: &flushed)
    for opened in flushed.opened { opened.source.take().close() }
    if let error = flushed.fault { stateFails(member, error) }
    member.readers?.close()
  }
}

/// One member's world, as its apply lane reaches it; and what must hold of each entry.
struct SimulatedApplyPorts: ApplyPorts {
  let world: World
  let member: SimulatedMember

  var rows: any RowReading {
    guard let state = member.state else { preconditionFailure("\(member.name) has no state") }
    return state
  }

  func mark(_ entry: Entry?) {
    guard let entry else { return }
    world.check(world.checks.committed.violation(member: member.id, applies: entry.id))
  }

  func skipped(_ entry: Entry, _ meta: StateMeta) {
    if case .configuration(let configuration) = entry.content {
      member.appliedConfiguration = configuration
    }
    world.check(world.checks.stateAgreement.violation(member: member.id, state: meta))
  }

  func applied(
    _ entry: Entry, _ envelope: CommandEnvelope, _ effect: Applied, _ meta: StateMeta
  ) {
    if !world.watchers.isEmpty {
      world.checks.watchGuarantees.note(effect, of: envelope.command)
    }
    world.inspect(envelope, effect)
    world.inspectUpkeep(envelope, effect, meta.alarms, member)
    // What the leader itself asks of leases comes from nobody.
    if envelope.origin.member != 0 {
      world.check(world.checks.requestFates.violation(applied: envelope.origin, in: entry.id))
    }
    world.check(world.checks.stateAgreement.violation(member: member.id, state: meta))
  }

  func hideUnusedView() -> Bool {
    _ = member.view?.takeBackUnused()
    return member.view?.isHidden ?? true
  }

  func publish(_ view: ReadView) { _ = member.view?.show(view) }

  func advance(to meta: StateMeta) { _ = member.view?.advance(to: meta) }

  func adopt(_ readers: SimulatedReaders) {
    world.post(.adopt(readers.rows), member)
    world.post(.adopt(TransferBox(readers.scrub)), member)
  }
}
