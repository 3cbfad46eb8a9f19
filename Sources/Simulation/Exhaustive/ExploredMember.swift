import Raft

/// A message on its way between two members of an explored world.
struct ExploredMessage: Hashable {
  var from: MemberID
  var to: MemberID
  var message: Message

  static func portray(_ packet: ExploredMessage, _ portrait: inout Portrait) {
    portrait.add(packet.from)
    portrait.add(packet.to)
    portrait.add(packet.message)
  }
}

/// One member: its core, its disk, and what is on the way from one to the other.
struct ExploredMember: Hashable {
  /// What a crash leaves.
  struct Disk: Hashable {
    var hardState = HardState()
    /// The whole log; it is never cut.
    var entries: [Entry] = []

    mutating func take(_ write: StorageWrite) {
      precondition(write.cut == nil && write.install == nil, "no log is cut in a small scope")
      if let hardState = write.hardState { self.hardState = hardState }
      guard let first = write.entries.first else { return }
      entries.removeSubrange(min(Int(first.index.number) - 1, entries.count)...)
      entries += write.entries
    }
  }

  /// What one event makes of a member.
  struct Effects {
    var sends: [Envelope] = []
    /// The first thing that this member alone did wrong.
    var violation: Violation?
    /// The votes that left: whom for, and in which term.
    var ballots: [(term: Term, candidate: MemberID)] = []
  }

  private(set) var core: RaftCore
  private(set) var disk: Disk
  /// Asked for and not yet on disk, oldest first.
  private(set) var writes: [StorageWrite] = []

  init(id: MemberID, scope: Scope, disk: Disk = Disk()) {
    self.disk = disk
    core = Self.start(id: id, scope: scope, disk: disk)
  }

  private static func start(id: MemberID, scope: Scope, disk: Disk) -> RaftCore {
    // The state machine starts over: nothing is known to be committed.
    let recovered = Recovered(
      hardState: disk.hardState, base: scope.base, entries: disk.entries, applied: .zero)
    var core = RaftCore(
      id: id, settings: scope.settings, recovered: recovered, seed: 0, now: .zero)
    core.forgetTime()
    return core
  }

  static func portray(_ member: ExploredMember, _ portrait: inout Portrait) {
    member.core.portray(&portrait)
    portrait.add(member.disk.hardState)
    portrait.add(member.disk.entries)
    portrait.add(member.writes.count)
    for write in member.writes {
      portrait.add(write.hardState.map { [$0.currentTerm.number] }?.first ?? .max)
      portrait.add(write.hardState?.votedFor)
      portrait.add(write.entries)
      portrait.add(write.releasedWhenDurable.count)
      // Promises of one write leave together, so their order does not matter.
      let promises = write.releasedWhenDurable.sorted {
        portrait.name(of: $0.to) < portrait.name(of: $1.to)
      }
      for promise in promises {
        portrait.add(promise.to)
        portrait.add(promise.message)
      }
    }
  }

  // MARK: What can happen to it

  /// `after`: how far its clock has run since its last event.
  mutating func step(
    _ event: Input.Event, after: Duration = .zero, scope: Scope, _ effects: inout Effects
  ) {
    var output = core.step(Input(now: .zero + after, event: event))
    core.forgetTime()
    if scope.shell == .sendsPromisesEarly {
      for position in output.writes.indices {
        output.sends += output.writes[position].releasedWhenDurable
        output.writes[position].releasedWhenDurable = []
      }
    }
    writes += output.writes
    renumber()
    for envelope in output.sends { depart(envelope, scope, &effects) }
    for entry in output.committed { deliver(entry, scope, &effects) }
    checkMembership(scope, &effects)
    if scope.disks == .prompt && !writes.isEmpty {
      store(writes.count, scope: scope, &effects)
    }
  }

  /// The oldest `count` writes reach the disk.
  mutating func store(_ count: Int, scope: Scope, _ effects: inout Effects) {
    precondition(count > 0 && count <= writes.count, "\(count) of \(writes.count) writes")
    let stored = Array(writes.prefix(count))
    writes.removeFirst(count)
    for write in stored {
      disk.take(write)
      // What rests on a write is true once that write is done, whatever comes after it.
      for envelope in write.releasedWhenDurable { depart(envelope, scope, &effects) }
    }
    step(.stored(WriteTicket(UInt64(count))), scope: scope, &effects)
  }

  mutating func crash(scope: Scope) {
    if scope.shell == .forgetsVotes { disk.hardState.votedFor = nil }
    writes = []
    core = Self.start(id: core.id, scope: scope, disk: disk)
  }

  /// As the core counts them once it has forgotten what is stored.
  private mutating func renumber() {
    for position in writes.indices { writes[position].ticket = WriteTicket(UInt64(position) + 1) }
  }

  // MARK: What it must not do

  private func depart(_ envelope: Envelope, _ scope: Scope, _ effects: inout Effects) {
    effects.sends.append(envelope)
    let message = envelope.message
    let log = ShadowLog(base: scope.base, entries: disk.entries)
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

  private func deliver(_ entry: Entry, _ scope: Scope, _ effects: inout Effects) {
    let offset = Int(entry.index.number) - 1
    guard offset >= disk.entries.count || disk.entries[offset] != entry else { return }
    note(
      .durableDelivery,
      "m\(core.id.number) applies entry \(entry.index.number) of term \(entry.term.number), "
        + "which its disk does not hold", scope, &effects)
  }

  private func checkMembership(_ scope: Scope, _ effects: inout Effects) {
    let log = ShadowLog(base: scope.base, entries: core.entries)
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
