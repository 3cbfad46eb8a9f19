import Base
import KeyValue
import Member
import Raft
import Replica
import Storage
import Wire

/// Snapshots: the product's own exchange and lane on virtual time.
extension World {
  // MARK: The exchange

  /// One step of a member's exchange, and what it wants.
  func exchange(_ member: SimulatedMember, _ input: SnapshotInput) {
    guard violation == nil, member.isUp, !member.hasFailed else { return }
    var effects: [SnapshotEffect] = []
    member.exchange.step(
      input, at: member.clock.local(at: now), member.core?.snapshotStanding ?? .absent,
      &effects)
    scheduleExchange(member)
    let boot = member.boot
    for effect in effects {
      guard member.boot == boot, member.isUp, !member.hasFailed else { return }
      carryOut(effect, member)
    }
  }

  private func carryOut(_ effect: SnapshotEffect, _ member: SimulatedMember) {
    switch effect {
    case .openSource(let request): openSource(request, member)
    case .dial(let stream, to: let peer, attempt: let attempt):
      dial(stream, to: peer, attempt: attempt, from: member)
    case .send(let frame, on: let stream):
      let hasRoom = sendSnapshot(frame, on: stream, from: member)
      if case .chunk = frame, hasRoom { exchange(member, .writable(stream)) }
    case .close(let stream): closeConnection(stream, member)
    case .took(let stream): tookChunk(stream, member)
    case .order(let order): post(.order(order), member)
    case .sent(let request, let outcome): step(member, .snapshotSent(request, outcome))
    case .received(let stream, let base, term: let term, from: let leader):
      step(member, .snapshotReceived(base, term: term, from: leader))
      exchange(member, .judged(stream))
    case .note(let note): tell(member, note)
    }
  }

  private func tell(_ member: SimulatedMember, _ note: SnapshotNote) {
    switch note {
    case .sends(to: let peer): tell(member, "streams a snapshot to \(name(of: peer))")
    case .receives(from: let peer):
      counts.snapshots += 1
      tell(member, "receives a snapshot from \(name(of: peer))")
    case .sendingEnded(to: let peer, let end):
      tell(member, "has not delivered a snapshot to \(name(of: peer)): \(end)")
    case .receivingEnded(from: let peer, let end):
      tell(member, "has not received a snapshot from \(name(of: peer)): \(end)")
    }
  }

  private func name(of member: MemberID) -> String {
    positionOf[member].map { members[$0].name } ?? "nobody"
  }

  private func scheduleExchange(_ member: SimulatedMember) {
    let wakeAt = member.clock.world(when: member.exchange.wakeAt)
    guard wakeAt < member.exchangeScheduled else { return }
    member.exchangeScheduled = max(wakeAt, now)
    queue.push(.exchangeTurn(member.position, member.boot), at: member.exchangeScheduled)
  }

  func exchangeTurn(_ member: SimulatedMember) {
    member.exchangeScheduled = .distantFuture
    if member.exchange.wakeAt <= member.clock.local(at: now) {
      exchange(member, .timer)
    } else {
      scheduleExchange(member)
    }
  }

  // MARK: The state that is sent

  private func openSource(_ request: SnapshotRequest, _ member: SimulatedMember) {
    post(.openSnapshot(.follower(request)), from: .replica, to: member)
  }

  /// The member's lanes have opened the state, or there is none to be had just now.
  func opened(
    _ request: SnapshotRequest, _ source: TransferBox<any SnapshotSource>?,
    _ member: SimulatedMember
  ) {
    guard let source else { return report(.opened(request, nil), to: member) }
    post(.opened(request, source), member)
  }

  // MARK: The lane

  private func post(_ letter: SnapshotLetter<any SnapshotSource>, _ member: SimulatedMember) {
    member.snapshotLetters.append(letter)
    guard !member.isLaneTurnDue else { return }
    member.isLaneTurnDue = true
    var delay = weather.apply.draw(&streamDice) * member.diskSlowness
    if case .order(.finish) = letter { delay = weather.sync.draw(&streamDice) }
    if member.stalledUntil > now { delay = delay + (member.stalledUntil - now) }
    after(delay, .laneTurn(member.position, member.boot))
  }

  func laneTurn(_ member: SimulatedMember) {
    member.isLaneTurnDue = false
    let letters = member.snapshotLetters
    member.snapshotLetters = []
    var ports = SimulatedSnapshotPorts(world: self, member: member)
    var out = SnapshotLaneOutput()
    member.snapshotLane.turn(letters, ports: &ports, out: &out)
    for told in out.reports { report(told, to: member) }
    for _ in 0..<out.closedSources { post(.snapshotClosed, from: .snapshots, to: member) }
  }

  /// Brings a report to the member's loop a moment later.
  private func report(_ report: SnapshotReport, to member: SimulatedMember) {
    member.snapshotReports.append(report)
    guard member.snapshotReports.count == 1 else { return }
    after(.microseconds(10), .laneReports(member.position, member.boot))
  }

  func takeReports(_ member: SimulatedMember) {
    let reports = member.snapshotReports
    member.snapshotReports = []
    for report in reports {
      guard case .opened(let request, let head) = report else {
        exchange(member, .report(report))
        continue
      }
      let base = head.flatMap { member.core?.snapshotBase(at: $0.applied) }
      let addresses = weather.hasDeadAddresses ? 2 : 1
      exchange(member, .opened(request, head, base: base, addresses: addresses))
    }
  }
}

/// A simulated disk, as the snapshot lane reaches it.
struct SimulatedSnapshotPorts: SnapshotPorts {
  let world: World
  let member: SimulatedMember

  func applied(by source: any SnapshotSource) -> EntryID { source.meta.applied }

  func next(
    of source: any SnapshotSource, limitBytes: Int
  ) throws(SnapshotFault) -> [UInt8]? {
    let chunk: [UInt8]?? = world.attempt(member, nil) { () throws(StorageError) in
      try source.next(limitBytes: limitBytes)
    }
    guard let chunk else { throw .disk }
    return chunk
  }

  func close(_ source: any SnapshotSource) { source.close() }

  func makeArrival() throws(SnapshotFault) -> any SnapshotSink {
    try arriving(.receive) { () throws(StorageError) in
      try member.disk.store.receiveSnapshot()
    }
  }

  func write(_ chunk: [UInt8], to arrival: any SnapshotSink) throws(SnapshotFault) {
    try arriving(.receive) { () throws(StorageError) in try arrival.receive(chunk) }
  }

  func finish(_ arrival: any SnapshotSink) throws(SnapshotFault) -> EntryID {
    try arriving(.finish) { () throws(StorageError) in try arrival.finish().applied }
  }

  func abandon(_ arrival: any SnapshotSink) { arrival.abandon() }

  /// What only the arrival suffers from ends the arrival; anything else ends the member.
  private func arriving<Result>(
    _ point: DiskPoint, _ body: () throws(StorageError) -> Result
  ) throws(SnapshotFault) -> Result {
    guard !member.hasFailed else { throw .disk }
    do throws(StorageError) { return try world.using(member, point, body) } catch {
      switch error {
      case .snapshotRefused(let reason):
        if !world.members.contains(where: \.mayFail) {
          world.fail("\(member.name) refuses a snapshot of healthy members: \(reason)")
        }
        throw .refused(.damaged)
      case .full:
        if !member.isFull { world.fail("\(member.name) has no room, and its disk is large") }
        throw .refused(.noSpace)
      case .inUse, .unwritable, .otherCluster, .otherMember, .unknownFormat, .damaged, .failed,
        .stopped:
        world.diskFails(member, error)
        throw .disk
      }
    }
  }
}

extension StateMeta {
  fileprivate var applied: EntryID {
    EntryID(term: Term(appliedTerm), index: LogIndex(appliedIndex))
  }
}
