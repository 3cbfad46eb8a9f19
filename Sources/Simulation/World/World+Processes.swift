import Base
import KeyValue
import Member
import Raft
import Replica
import Storage

/// Starting, stopping and pausing members.
extension World {
  /// Boots a member from what its disk holds.
  func start(_ member: SimulatedMember) {
    precondition(!member.isUp, "\(member.name) is up")
    member.boot = Boot(member.boot.number + 1)
    member.undisturbedSince = now
    let opened: (any StateStore, Recovered?)? = attempt(member, .boot) { () throws(StorageError) in
      try member.disk.open()
      let state = try member.disk.store.openState()
      return (state, try member.disk.store.recover(with: state))
    }
    guard let (state, recovered) = opened else { return }
    member.state = state
    after(weather.flushInterval, .spaceTurn(member.position, member.boot))
    if let recovered {
      guard recognize(recovered, member) else { return }
      run(member, recovered, state)
    } else if member.durable.isFormed {
      fail("\(member.name) has forgotten that its cluster was formed")
    } else {
      member.inDoubt = []
      beginLog(member, state)
    }
  }

  /// Whether the disk gives back what it held, or of a commit that was cut short what it may have.
  private func recognize(_ recovered: Recovered, _ member: SimulatedMember) -> Bool {
    let found = DiskImage(
      hardState: recovered.hardState,
      log: ShadowLog(base: recovered.base, entries: recovered.entries),
      founding: recovered.founding)
    if let step = member.inDoubt.last(where: found.isEqual) { member.durable = step }
    member.inDoubt = []
    check(
      checks.logMatching.violation(entries: recovered.entries, after: recovered.base.last))
    check(
      checks.neverBack.violation(
        member: member.id, durable: member.durable.hardState.currentTerm))
    guard found.isEqual(member.durable) else {
      fail("\(member.name) finds another log than its disk held")
      return false
    }
    member.log = member.durable.log
    return violation == nil
  }

  /// Starts the core of a formed member.
  func run(_ member: SimulatedMember, _ recovered: Recovered, _ state: any StateStore) {
    let opened = attempt(member, .boot) { () throws(StorageError) in
      (try state.load(), try SimulatedReaders(of: state))
    }
    guard let (loaded, readers) = opened else { return }
    startLanes(member, loaded, readers)
    check(checks.stateAgreement.violation(member: member.id, state: loaded.meta))
    check(secondStore(beside: member))
    member.appliedConfiguration = recovered.configurationAtApplied
    let seed = member.dice.next()
    member.core = ReplicaCore(
      id: member.id, boot: member.boot, settings: weather.settings, recovered: recovered,
      leases: loaded.leaseImage, upkeep: loaded.facts, pressure: member.pressure, seed: seed,
      now: member.clock.local(at: now))
    member.phase = .running
    // A founder's process may be much older than its replica, which pings from now on.
    member.undisturbedSince = now
    if member.admission == nil {
      member.admission = Admission(formed: handshakeRule(member), founding: recovered.founding)
    }
    member.hasLostPower = false
    watch?(.life(member.position, at: now, isUp: true))
    if !member.isSuspect { member.mayFail = false }
    let (term, last) = (recovered.hardState.currentTerm.number, member.log.lastIndex.number)
    tell(
      member,
      "boot \(member.boot.number): term \(term), log "
        + "(\(recovered.base.last.index.number), \(last)], applied \(recovered.applied.number)")
    if weather.introducesMembers { step(member, .introduced(introduction(of: member))) }
    for (position, boot) in member.sessions.enumerated() {
      guard let boot else { continue }
      breakMisfit(member, position)
      guard member.sessions[position] != nil else { continue }
      step(member, .sessionOpened(members[position].id, boot))
      introduce(members[position], to: member)
    }
    step(member, .timer)
  }

  /// The process ends. `power`: what the system had not written is lost as well, and nobody is
  /// told.
  func crash(_ member: SimulatedMember, power: Bool) {
    guard member.isUp else { return }
    counts.crashes += 1
    // With the power a disk that has turned a bit over could lose what tells of it.
    let power = power && !member.isSuspect
    tell(member, power ? "loses power" : "is killed")
    workSome(member)
    endProcess(member, power: power)
  }

  func endProcess(_ member: SimulatedMember, power: Bool) {
    if !power { resetSessions(of: member) }
    breakClientConnections(of: member)
    breakWatches(of: member)
    // First the disk: what is closed from here on must not reach it.
    member.disk.lose(power: power, &member.dice)
    if power { member.hasLostPower = true }
    breakConnections(of: member, power: power)
    member.forgetMemory()
    watch?(.life(member.position, at: now, isUp: false))
    member.undisturbedSince = now
  }

  /// The disk has refused something, so the process ends (Docs/Storage.md, *Errors are kept*).
  func stop(_ member: SimulatedMember, because error: StorageError) {
    counts.diskStops += 1
    tell(member, "stops: \(error)")
    let isHealthy: Bool
    switch error {
    case .damaged, .unknownFormat, .inUse, .otherCluster, .otherMember, .snapshotRefused,
      .stopped:
      isHealthy = false
    case .unwritable, .full, .failed: isHealthy = true
    }
    // After an error the system may have dropped what it had not written.
    endProcess(member, power: isHealthy && !member.isSuspect)
    if isHealthy {
      after(weather.faultLength.draw(&member.dice), .restart(member.position))
    } else {
      giveUp(member)
    }
  }

  /// The member cannot come back with this disk: an operator will replace it.
  func giveUp(_ member: SimulatedMember) {
    guard !member.isBroken else { return }
    (member.isBroken, member.isSuspect) = (true, true)
    after(weather.settings.raft.electionTimeout * 4, .replaceTurn(member.position))
  }

  /// All machines lose power at once, and come back one after the other.
  func losePowerEverywhere() {
    tell(nil, "the power fails")
    for member in members {
      if member.isUp {
        crash(member, power: true)
      } else if member.boot.number > 0 {
        member.disk.lose(power: !member.isSuspect, &member.dice)
        if !member.isSuspect { member.hasLostPower = true }
        member.forgetMemory()
      }
      if member.boot.number > 0 {
        after(weather.faultLength.draw(&weatherDice), .restart(member.position))
      }
    }
  }

  func restart(_ member: SimulatedMember) {
    guard !member.isUp, !member.isRetired, !member.isBroken else { return }
    start(member)
  }

  // MARK: An end in order

  /// SIGTERM: the member hands its leadership over and answers what it can.
  func terminate(_ member: SimulatedMember, within limit: Duration) {
    guard member.isRunning, !member.isPaused, !member.isTerminating, !member.hasFailed else {
      return
    }
    tell(member, "is told to end")
    member.isTerminating = true
    let deadline = member.clock.local(at: now) + limit
    after(limit * 2 + .milliseconds(10), .terminated(member.position, member.boot))
    step(member, .shutdown(deadline: deadline))
  }

  /// It is drained, or has had its time: what is written stays, and the files are closed.
  func endInOrder(_ member: SimulatedMember) {
    guard member.isTerminating, member.isRunning else { return }
    workOff((member.logBatch + member.logInbox)[...], member)
    guard !member.hasFailed else { return }
    (member.logBatch, member.logInbox) = ([], [])
    closeLanes(member)
    var ports = SimulatedSnapshotPorts(world: self, member: member)
    member.snapshotLane.close(ports: &ports)
    let closed: Void? = attempt(member, .close) { () throws(StorageError) in
      try member.state?.sync()
      try member.state?.close()
      try member.disk.close()
    }
    guard closed != nil else { return }
    counts.drains += 1
    tell(member, "ends in order")
    endProcess(member, power: false)
    after(weather.faultLength.draw(&member.dice), .restart(member.position))
  }

  // MARK: Pauses

  /// SIGSTOP.
  func pause(_ member: SimulatedMember) {
    guard member.isUp, !member.isPaused else { return }
    tell(member, "is paused")
    member.isPaused = true
    member.undisturbedSince = now
  }

  /// SIGCONT: what has happened meanwhile is noticed now, in order.
  func resume(_ member: SimulatedMember) {
    guard member.isPaused else { return }
    tell(member, "goes on")
    member.isPaused = false
    member.undisturbedSince = now
    let backlog = member.backlog
    member.backlog = []
    for event in backlog {
      guard member.isUp, !member.isPaused else { return }
      happen(event, to: member)
    }
  }

  // MARK: Another disk

  /// The disk is lost; the member comes back with an empty one.
  func wipe(_ member: SimulatedMember) {
    precondition(!member.isUp, "\(member.name) is up")
    tell(member, "loses its disk")
    var identity = member.disk.identity
    identity.incarnation = Incarnation(member.dice.next() | 1)
    member.disk = World.disk(for: identity, weather)
    member.durable = .empty
    (member.inDoubt, member.mayFail) = ([], false)
    checks.neverBack.forget(member.id)
  }

  /// The operator's part: out of the configuration, and back with an empty disk as a learner.
  func replaceTurn(_ member: SimulatedMember) {
    guard member.isBroken, violation == nil else { return }
    after(weather.settings.raft.electionTimeout * 2, .replaceTurn(member.position))
    guard let leader = members.first(where: { $0.isLeader && !$0.isPaused }),
      let configuration = leader.core?.configuration
    else { return }
    guard let entry = configuration.members.first(where: { $0.id == member.id }) else {
      if member.isUp { crash(member, power: false) }
      if member.durable.isFormed { wipe(member) }
      member.isInitial = false
      return add(member, leader)
    }
    guard entry.incarnation == member.incarnation, member.isRunning else {
      return change(leader, .remove(member.id))
    }
    counts.replacements += 1
    tell(member, "is replaced")
    (member.isBroken, member.isSuspect) = (false, false)
  }
}

extension Recovered {
  /// The last configuration up to the applied entry.
  fileprivate var configurationAtApplied: Configuration {
    var configuration = base.configuration
    for entry in entries where entry.index <= applied {
      if case .configuration(let next) = entry.content { configuration = next }
    }
    return configuration
  }
}
