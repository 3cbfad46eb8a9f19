import Base
import Raft

/// A message on its way between two members of an explored world.
struct ExploredMessage: Hashable {
  var from: MemberID
  var to: MemberID
  var message: Message
  /// What comes with `InstallSnapshot`, or says that it has come.
  var snapshot: ExploredSnapshot?

  static func canonicalize(_ packet: ExploredMessage, _ canonical: inout CanonicalState) {
    canonical.add(packet.from)
    canonical.add(packet.to)
    canonical.add(packet.message)
    guard let snapshot = packet.snapshot else { return canonical.add(0) }
    canonical.add(snapshot.hasArrived ? 2 : 1)
    canonical.add(snapshot.request.to)
    canonical.add(snapshot.request.atLeast)
    canonical.add(snapshot.state)
  }
}

/// A state machine on its way: what it has applied, from entry one on.
struct ExploredSnapshot: Hashable {
  var request: SnapshotRequest
  var state: [Entry]
  /// It travels back: its sender learns that the stream has ended well.
  var hasArrived = false
}

/// One member: its core, its disk, its state machine, and what is on the way between them.
struct ExploredMember: Hashable {
  /// What a crash leaves.
  struct Disk: Hashable {
    var hardState = HardState()
    /// What the log begins after.
    var base: LogBase
    /// The log after its base.
    var entries: [Entry] = []
    /// What the state machine has applied that would survive, from entry one on.
    var state: [Entry] = []

    /// As if it had never been cut.
    var log: [Entry] { state.prefix(Int(base.last.index.number)) + entries }

    /// `snapshot`: the state machine that an installation moves to.
    mutating func take(_ write: StorageWrite, snapshot: [Entry]) {
      if let hardState = write.hardState { self.hardState = hardState }
      if let install = write.install {
        if holds(install.last) { cut(to: install) } else { (base, entries) = (install, []) }
        state = snapshot
      }
      if let first = write.entries.first {
        entries.removeSubrange(min(offset(of: first.index), entries.count)...)
        entries += write.entries
      }
      if let cut = write.cut { self.cut(to: cut) }
    }

    private func offset(of index: LogIndex) -> Int {
      Int(index.number) - Int(base.last.index.number) - 1
    }

    private func holds(_ id: EntryID) -> Bool {
      entries.contains { $0.id == id }
    }

    private mutating func cut(to base: LogBase) {
      entries.removeFirst(min(entries.count, offset(of: base.last.index) + 1))
      self.base = base
    }
  }

  /// What one event makes of a member.
  struct Effects {
    var sends: [ExploredMessage] = []
    /// The first thing that this member alone did wrong.
    var violation: Violation?
    /// The votes that left: whom for, and in which term.
    var ballots: [(term: Term, candidate: MemberID)] = []
    /// Reads that may be served at an index, and those that will not be.
    var readable: [Readable] = []
    var unreadable: [ReadID] = []
  }

  private(set) var core: RaftCore
  private(set) var disk: Disk
  /// What the state machine has applied, from entry one on.
  private(set) var state: [Entry] = []
  /// What the state machine is to become, from when the core has accepted a snapshot; empty:
  /// nothing.
  private(set) var arriving: [Entry] = []
  /// The installed snapshot that the state machine has yet to move to.
  private(set) var restoring: LogBase?
  /// Asked for and not yet on disk, oldest first.
  private(set) var writes: [StorageWrite] = []

  init(id: MemberID, scope: Scope) {
    disk = Disk(base: scope.base)
    core = Self.start(id: id, scope: scope, disk: disk)
  }

  private static func start(id: MemberID, scope: Scope, disk: Disk) -> RaftCore {
    let recovered = Recovered(
      hardState: disk.hardState, base: disk.base, entries: disk.entries,
      applied: LogIndex(UInt64(disk.state.count)))
    var core = RaftCore(
      id: id, settings: scope.settings, recovered: recovered, seed: 0, now: .zero)
    core.forgetTime()
    return core
  }

  /// The log in memory, as if it had never been cut.
  var log: [Entry] {
    let count = Int(core.base.last.index.number)
    return (count <= state.count ? state : arriving).prefix(count) + core.entries
  }

  /// Its state machine is ahead of what a crash would leave of it.
  var canFlush: Bool { arriving.isEmpty && state.count > disk.state.count }

  static func canonicalize(_ member: ExploredMember, _ canonical: inout CanonicalState) {
    member.core.canonicalize(&canonical)
    canonical.add(member.disk.hardState)
    canonical.add(member.disk.base)
    canonical.add(member.disk.entries)
    canonical.add(member.disk.state)
    canonical.add(member.state)
    canonical.add(member.arriving)
    canonical.add(member.restoring)
    canonical.add(member.writes.count)
    for write in member.writes {
      canonical.add(write.hardState.map { [$0.currentTerm.number] }?.first ?? .max)
      canonical.add(write.hardState?.votedFor)
      canonical.add(write.entries)
      canonical.add(write.cut)
      canonical.add(write.install)
      canonical.add(write.releasedWhenDurable.count)
      // Promises of one write leave together, so their order does not matter.
      let promises = write.releasedWhenDurable.sorted {
        canonical.name(of: $0.to) < canonical.name(of: $1.to)
      }
      for promise in promises {
        canonical.add(promise.to)
        canonical.add(promise.message)
      }
    }
  }

  // MARK: What can happen to it

  /// `after`: how far its clock has run since its last event. `snapshot`: what came with the event.
  mutating func step(
    _ event: Input.Event, after: Duration = .zero, snapshot: [Entry] = [], scope: Scope,
    _ effects: inout Effects
  ) {
    var output = core.step(Input(now: .zero + after, event: event))
    core.forgetTime()
    if scope.shell == .sendsPromisesEarly {
      for position in output.writes.indices {
        output.sends += output.writes[position].releasedWhenDurable
        output.writes[position].releasedWhenDurable = []
      }
    }
    if output.writes.contains(where: { $0.install != nil }) { arriving = snapshot }
    writes += output.writes
    renumber()
    for envelope in output.sends { depart(envelope, scope, &effects) }
    for entry in output.committed { apply(entry, scope, &effects) }
    for request in output.snapshots { stream(request, scope, &effects) }
    effects.readable += output.readable
    effects.unreadable += output.unreadable
    restoring = output.restore ?? restoring
    checkMembership(scope, &effects)
    for fetch in output.fetches { read(fetch, scope, &effects) }
    // Only who cuts logs needs to know.
    if scope.cuts > 0 && !output.committed.isEmpty {
      step(.applied(LogIndex(UInt64(state.count))), scope: scope, &effects)
    }
    guard scope.disks == .prompt else { return }
    if !writes.isEmpty { store(writes.count, scope: scope, &effects) }
    if restoring != nil && !scope.movesLater { restore(scope: scope, &effects) }
  }

  /// A message arrives, or what goes with one.
  mutating func receive(_ packet: ExploredMessage, scope: Scope, _ effects: inout Effects) {
    guard let snapshot = packet.snapshot else {
      return step(.message(packet.message, from: packet.from), scope: scope, &effects)
    }
    guard case .installSnapshot(let install) = packet.message.body else {
      preconditionFailure("a snapshot comes with InstallSnapshot, not \(packet.message.body)")
    }
    if snapshot.hasArrived {
      return step(
        .snapshotSent(snapshot.request, .delivered(install.base)), scope: scope, &effects)
    }
    step(
      .message(packet.message, from: packet.from), snapshot: snapshot.state, scope: scope,
      &effects)
    var answer = snapshot
    answer.hasArrived = true
    effects.sends.append(
      ExploredMessage(
        from: core.id, to: packet.from, message: packet.message, snapshot: answer))
  }

  /// The oldest `count` writes reach the disk.
  mutating func store(_ count: Int, scope: Scope, _ effects: inout Effects) {
    precondition(count > 0 && count <= writes.count, "\(count) of \(writes.count) writes")
    let stored = Array(writes.prefix(count))
    writes.removeFirst(count)
    for write in stored {
      disk.take(write, snapshot: arriving)
      // What rests on a write is true once that write is done, whatever comes after it.
      for envelope in write.releasedWhenDurable { depart(envelope, scope, &effects) }
    }
    checkDisk(scope, &effects)
    guard effects.violation == nil else { return }
    step(.stored(WriteTicket(UInt64(count))), scope: scope, &effects)
  }

  /// What the state machine has applied would survive from now on, so the log may be cut.
  mutating func flush(scope: Scope, _ effects: inout Effects) {
    if scope.shell != .forgetsState { disk.state = state }
    step(.durableApplied(LogIndex(UInt64(state.count))), scope: scope, &effects)
  }

  /// The state machine moves to the installed snapshot.
  mutating func restore(scope: Scope, _ effects: inout Effects) {
    guard let base = restoring else { preconditionFailure("nothing was installed") }
    (state, arriving, restoring) = (arriving, [], nil)
    step(.restored(base), scope: scope, &effects)
  }

  mutating func crash(scope: Scope) {
    if scope.shell == .forgetsVotes { disk.hardState.votedFor = nil }
    (writes, arriving, restoring) = ([], [], nil)
    state = disk.state
    core = Self.start(id: core.id, scope: scope, disk: disk)
  }

  /// As the core counts them once it has forgotten what is stored.
  private mutating func renumber() {
    for position in writes.indices { writes[position].ticket = WriteTicket(UInt64(position) + 1) }
  }

  // MARK: What it must not do

  private func depart(_ envelope: Envelope, _ scope: Scope, _ effects: inout Effects) {
    effects.sends.append(
      ExploredMessage(from: core.id, to: envelope.to, message: envelope.message))
    let message = envelope.message
    let log = ShadowLog(base: disk.base, entries: disk.entries)
    let lie = DurablePromises().violation(
      member: core.id, message: message, to: envelope.to, hardState: disk.hardState, log: log)
    note(.durablePromises, lie.map { "m" + $0 }, scope, &effects)
    switch message.body {
    case .voteReply(let reply):
      if reply.granted { effects.ballots.append((message.term, envelope.to)) }
    case .requestVote:
      effects.ballots.append((message.term, core.id))
    case .preVote, .preVoteReply, .appendEntries, .appendReply, .heartbeat, .heartbeatReply,
      .installSnapshot, .timeoutNow, .readIndex, .readIndexReply:
      break
    }
  }

  private mutating func apply(_ entry: Entry, _ scope: Scope, _ effects: inout Effects) {
    let index = Int(entry.index.number)
    let log = disk.log
    if index > log.count || log[index - 1] != entry {
      note(
        .durableDelivery,
        "m\(core.id.number) applies entry \(index) of term \(entry.term.number), which its disk "
          + "does not hold", scope, &effects)
    }
    if index != state.count + 1 || !arriving.isEmpty {
      note(
        .orderedDelivery,
        "m\(core.id.number) applies entry \(index) on a state that stands at \(state.count)"
          + (arriving.isEmpty ? "" : " and moves to \(arriving.count)"), scope, &effects)
    }
    state.append(entry)
  }

  /// The follower gets what the state machine has applied by now. One that moves itself has
  /// nothing to give.
  private func stream(_ request: SnapshotRequest, _ scope: Scope, _ effects: inout Effects) {
    guard arriving.isEmpty, let last = state.last, last.index >= request.atLeast else { return }
    var base = LogBase(last: last.id, configuration: scope.base.configuration)
    for entry in state {
      if case .configuration(let configuration) = entry.content {
        base.configuration = configuration
      }
    }
    let install = Message(
      term: core.currentTerm, body: .installSnapshot(InstallSnapshot(base: base)))
    effects.sends.append(
      ExploredMessage(
        from: core.id, to: request.to, message: install,
        snapshot: ExploredSnapshot(request: request, state: state)))
  }

  /// Entries that memory no longer holds, as far as the disk does.
  private mutating func read(_ fetch: LogFetch, _ scope: Scope, _ effects: inout Effects) {
    let entries = disk.entries.filter { $0.index >= fetch.first && $0.index <= fetch.last }
    step(.fetched(fetch, entries), scope: scope, &effects)
  }

  private func checkDisk(_ scope: Scope, _ effects: inout Effects) {
    let (base, end) = (Int(disk.base.last.index.number), disk.state.count)
    guard end < base || end > base + disk.entries.count else { return }
    note(
      .meetingState,
      "m\(core.id.number)'s disk holds the log (\(base), \(base + disk.entries.count)] and a "
        + "state at \(end)", scope, &effects)
  }

  private func checkMembership(_ scope: Scope, _ effects: inout Effects) {
    let log = ShadowLog(base: core.base, entries: core.entries)
    let stray = MembershipFold().violation(
      member: core.id, inForce: core.configuration, log: log)
    note(.membershipFold, stray.map { "m" + $0 }, scope, &effects)
  }

  private func note(
    _ invariant: Invariant, _ text: String?, _ scope: Scope, _ effects: inout Effects
  ) {
    guard let text, effects.violation == nil, scope.invariants.contains(invariant) else { return }
    effects.violation = Violation(invariant: invariant, text: text)
  }
}
