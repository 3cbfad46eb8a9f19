import KeyValue
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
    do throws(StorageError) {
      let state = try member.store.openState()
      member.state = state
      if let recovered = try member.store.recover(with: state) {
        try run(member, recovered, state)
      } else if member.isInitial {
        tell(member, "boot \(member.boot.number): forming")
        let formation = FormationCore(rule: greetingRule(member), initial: cluster)
        member.phase = .forming(formation)
        try formIfComplete(member, formation)
      } else {
        // Who joins is given what the log began after, and learns the rest from the log.
        let initial = members.filter(\.isInitial)
        let known = initial.map { KnownMember(id: $0.id, incarnation: $0.incarnation) }
        try form(member, cluster.firstBase(incarnations: known), state)
      }
    } catch {
      fail("\(member.name) does not start: \(error)")
    }
  }

  /// A forming member that has met everybody starts.
  func formIfComplete(
    _ member: SimulatedMember, _ formation: FormationCore
  ) throws(StorageError) {
    guard let base = formation.base, let state = member.state, !member.isRunning else { return }
    tell(member, "forms the cluster")
    try form(member, base, state)
  }

  /// Stores the first base and starts the core.
  func form(
    _ member: SimulatedMember, _ base: LogBase, _ state: any StateStore
  ) throws(StorageError) {
    try member.store.log.form(base)
    member.durableLog = ShadowLog(base: base)
    member.log = member.durableLog
    guard let recovered = try member.store.recover(with: state) else {
      return fail("\(member.name) forgets its first configuration")
    }
    try run(member, recovered, state)
  }

  /// Starts the core of a formed member.
  private func run(
    _ member: SimulatedMember, _ recovered: Recovered, _ state: any StateStore
  ) throws(StorageError) {
    let found = ShadowLog(base: recovered.base, entries: recovered.entries)
    if recovered.hardState != member.durableState || !found.isEqual(member.durableLog) {
      return fail("\(member.name) finds another log than its disk held")
    }
    member.log = member.durableLog
    member.keyValue = try state.load()
    member.appliedConfiguration = recovered.configurationAtApplied
    let seed = member.dice.next()
    member.core = ReplicaCore(
      id: member.id, boot: member.boot, settings: weather.settings, recovered: recovered,
      seed: seed, now: member.clock.local(at: now))
    member.phase = .running
    let (term, last) = (recovered.hardState.currentTerm.number, found.lastIndex.number)
    tell(
      member,
      "boot \(member.boot.number): term \(term), log "
        + "(\(recovered.base.last.index.number), \(last)], applied \(recovered.applied.number)")
    after(weather.flushInterval, .flushTurn(member.position, member.boot))
    for (position, boot) in member.sessions.enumerated() {
      if let boot { step(member, .sessionOpened(members[position].id, boot)) }
    }
    step(member, .timer)
  }

  /// The process ends. `power`: what the system had not written is lost as well, and nobody is
  /// told.
  func crash(_ member: SimulatedMember, power: Bool) {
    guard member.isUp else { return }
    counts.crashes += 1
    tell(member, power ? "loses power" : "is killed")
    // What was on its way to the disk may have arrived, from the front.
    let survivors = member.dice.index(below: member.flyingWrites.count + 1)
    if survivors > 0 { commit(Array(member.flyingWrites.prefix(survivors)), member) }
    let unsynced = member.store.unsyncedFlushes
    member.store.crash(
      keepingFlushes: power ? member.dice.index(below: unsynced + 1) : unsynced)
    if !power { resetSessions(of: member) }
    breakClientConnections(of: member)
    member.forgetMemory()
    member.undisturbedSince = now
  }

  func restart(_ member: SimulatedMember) {
    guard !member.isUp, !member.isRetired else { return }
    start(member)
  }

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

  /// The disk is lost; the member comes back with an empty one.
  func wipe(_ member: SimulatedMember) {
    precondition(!member.isUp, "\(member.name) is up")
    tell(member, "loses its disk")
    var identity = member.store.identity
    identity.incarnation = Incarnation(member.dice.next() | 1)
    member.store = MemoryStore(identity: identity)
    member.durableState = HardState()
    member.durableLog = ShadowLog(
      base: LogBase(last: .zero, configuration: Configuration(members: [])))
    checks.neverBack.forget(member.id)
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
