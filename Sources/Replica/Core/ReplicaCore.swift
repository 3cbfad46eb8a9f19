public import Base
public import KeyValue
public import Raft

/// One member without its store: what it does with what clients, peers, the disk and time bring.
///
/// It wraps a `RaftCore` and has the same shape: one door, values in, values out. In reading order:
/// `ReplicaInput` and `ReplicaEffects` are the door; `+Proposals` and `+Forwards` bring commands to
/// the leader, in batches (`+Gathering`), `+Changes` changes of the members, and `+Members` is what
/// the leader changes by itself; `+Outcomes` says what became of them; `+Reads` serves
/// reads and knows the age of the state; `+Leases` ends leases whose time is over; `+Upkeep` looks
/// after the store; `+Quorum` is the quorum rule, `+Health` what a write would meet; `+HandOver`
/// says when another had better lead, `+Leadership` hands over and shuts down;
/// `+Status` tells it all. Before there is a configuration there is no replica, but a
/// `FormationCore`; whether what a disk holds may become one is the store's to say, which has read
/// every byte of it.
///
/// Nobody needs a second one, and a copy would touch each of its arrays: so there is none.
///
/// Left out: sessions that make a repeated command safe (Thesis §6.3).
public struct ReplicaCore: ~Copyable, Sendable {
  public let id: MemberID
  public let boot: Boot
  public let settings: ReplicaSettings

  var core: RaftCore
  /// The latest instant that an input carried.
  var now: Instant
  var coreWakeAt: Instant
  /// What the state machine has reported.
  public internal(set) var appliedIndex: LogIndex
  /// What the state machine was given.
  var deliveredIndex: LogIndex
  /// The first entry of each term among what the state machine was given and has not applied.
  var termsApplying: [EntryID] = []
  /// The highest term of an entry that was given to the state machine in this boot.
  var deliveredTerm = Term.zero
  var pressure = StorePressure.none

  var monitor: QuorumMonitor
  var quorum: QuorumView
  /// What was last told to the shell.
  var toldQuorum: QuorumView?
  /// When `quorum` may have changed without an input.
  var quorumCheckAt: Instant
  /// When to ping and to ask for freshness again.
  var heartbeatAt: Instant
  var peers = PeerTable()

  var requests = RequestTable()
  /// Commands that have not left this member, oldest first; some may be answered already.
  var waiting: [RequestID] = []
  /// Nothing waiting is tried again before the next heartbeat or another leader.
  var isWaitingBlocked = false
  /// The commands that left last, while others gather behind them.
  var round = CommandRound.none
  /// Taken from other members, and not yet answered.
  var heldForwards: [HeldForward] = []
  /// Where commands of this member's clients are, as far as that is known.
  var slots = SlotTable()
  var forwardsSent: UInt64 = 0
  var proposalsMade: UInt64 = 0

  var reads = ReadBatches()
  var isReadingBlocked = false
  var freshness = Freshness()

  var leases: LeaseClock
  /// The term that this member was elected in last, as far as `leases` knows.
  var leaseTerm = Term.zero

  var upkeep: Upkeep
  var writeProbe = WriteProbe()

  /// The quorum is lost: once this entry is applied, what was sent is answered as unknown. `nil`:
  /// nothing is.
  var doubtfulBehind: LogIndex?

  /// Configuration changes that are committed but not applied here, ascending.
  var changesApplying: [SlotTable.Slot] = []
  /// Changes of members that have not left this member, oldest first; some may be answered.
  var waitingChanges: [RequestID] = []
  /// Those that were sent to a leader which has not answered yet.
  var changesSent: [(id: RequestID, change: ConfigurationChange)] = []
  /// Those by which clients of this member ask to remove it.
  var ownRemovals: [RequestID] = []
  /// Those that wait at this member, as the leader, for their turn.
  var heldChanges: [HeldChange] = []
  /// What members have said of themselves in this boot, each its last word.
  var introductions: [Introduction] = []
  /// A spare that this leader has called.
  var replacement: Replacement?
  /// Since when this member leads; `nil`: it does not.
  var ledSince: Instant?
  /// The last configuration that is known to be committed.
  var committedConfiguration: LogIndex
  /// This member's data directory, once it has introduced itself.
  var incarnation = Incarnation.unknown
  public internal(set) var isRemoved = false
  /// Requests to hand leadership over, in the order of their arrival.
  var transfers: [RequestID] = []
  /// `nil`: not shutting down.
  var shutdownAt: Instant?
  /// What a leader remembers that had better not lead.
  var handOvers = HandOvers()
  /// Leadership was handed over, or nobody could take it.
  var hasHandedOver = false
  var isDrained = false
  /// The slot of the configuration that `quorum` was counted over.
  var knownConfiguration: LogIndex
  /// The highest end that the log has had in this boot.
  private var longestLog: LogIndex
  /// Who led at the end of the last step of the core.
  var knownLeader: MemberID?

  /// What the store was formed with, for who joins it.
  public let founding: Founding

  /// Starts from what was recovered; `leases` and `upkeep` are those at its applied entry.
  /// `pressure`: as it is known by now, for it is told only when it changes. `seed` is new in each
  /// boot.
  public init(
    id: MemberID, boot: Boot, settings: ReplicaSettings, recovered: Recovered,
    leases: LeaseImage = LeaseImage(), upkeep: UpkeepFacts = UpkeepFacts(),
    pressure: StorePressure = .none, seed: UInt64, now: Instant
  ) {
    self.id = id
    self.pressure = pressure
    self.boot = boot
    self.settings = settings
    self.now = now
    founding = recovered.founding
    core = RaftCore(id: id, settings: settings.raft, recovered: recovered, seed: seed, now: now)
    knownConfiguration = core.configurationIndex
    longestLog = core.lastEntry.index
    committedConfiguration = core.committedConfigurationIndex
    coreWakeAt = now
    self.leases = LeaseClock(leases, at: now)
    self.upkeep = Upkeep(upkeep, settings, at: now)
    appliedIndex = recovered.applied
    deliveredIndex = recovered.applied
    monitor = QuorumMonitor(me: id, window: settings.raft.electionTimeout)
    quorum = monitor.view(of: core.configuration, at: now)
    quorumCheckAt = now
    heartbeatAt = now
    followMembers()
  }

  /// Moves by one event. An instant before the last one counts as the last one.
  public mutating func step(_ input: ReplicaInput) -> ReplicaEffects {
    now = max(now, input.now)
    var effects = ReplicaEffects()
    handle(input.event, &effects)
    doWhatIsDue(&effects)
    if upkeep.askedCount > 0 { effects.answers.removeAll { isOwn($0) } }
    return effects
  }

  private mutating func handle(_ event: ReplicaEvent, _ effects: inout ReplicaEffects) {
    switch event {
    case .timer: break  // What is due is done in `doWhatIsDue`, whatever moved the replica.
    case .message(let message, from: let sender): receive(message, from: sender, &effects)
    case .sessionOpened(let member, let boot): sessionOpened(member, boot, &effects)
    case .sessionLost(let member):
      peers.close(member)
      feed(.sessionLost(member), &effects)
    case .stored(let ticket): feed(.stored(ticket), &effects)
    case .fetched(let fetch, let entries): feed(.fetched(fetch, entries), &effects)
    case .applied(through: let index, completed: let completed, let changes, let facts):
      leases.take(changes, at: now)
      if let facts { follow(facts, &effects) }
      applied(through: index, completed, &effects)
    case .durableApplied(let index): feed(.durableApplied(index), &effects)
    case .snapshotReceived(let base, term: let term, from: let leader):
      let message = Message(term: term, body: .installSnapshot(InstallSnapshot(base: base)))
      feed(.message(message, from: leader), &effects)
    case .snapshotSent(let request, let outcome): feed(.snapshotSent(request, outcome), &effects)
    case .restored(let base, let image, let facts):
      leases = LeaseClock(image, at: now)
      if let facts { follow(facts, &effects) }
      restored(base, &effects)
    case .pressure(let pressure):
      guard pressure != self.pressure else { return }
      self.pressure = pressure
      effects.notes.append(.pressure(pressure))
    case .storeSize(let bytes): upkeep.usedBytes = bytes
    case .damaged(let revisions): found(revisions)
    case .probeWrites: probeWrites(&effects)
    case .watchWrites(let isWatched): watchWrites(isWatched)
    case .propose(let proposals): propose(proposals, &effects)
    case .read(let requests): read(requests, &effects)
    case .change(let id, let change, deadline: let deadline):
      self.change(id, change, deadline: deadline, &effects)
    case .reconfigure(let request): reconfigure(request, &effects)
    case .introduced(let introduction): introduced(introduction, &effects)
    case .dismissed: dismissed(&effects)
    case .transferLeadership(let id, to: let member, deadline: let deadline):
      transfer(id, to: member, deadline: deadline, &effects)
    case .shutdown(deadline: let deadline): shutdown(deadline: deadline, &effects)
    }
  }

  private mutating func receive(
    _ message: PeerMessage, from sender: MemberID, _ effects: inout ReplicaEffects
  ) {
    switch message {
    case .raft(let message):
      if case .installSnapshot = message.body {
        return effects.notes.append(.snapshotDropped(from: sender))
      }
      if case .heartbeat(let heartbeat) = message.body, message.term >= core.currentTerm,
        heartbeat.commitIndex > longestLog
      {
        // A leader tells no more than this member has acknowledged, and no entry of this boot is
        // gone: an earlier boot had what this one has not.
        return effects.notes.append(
          .forgotEntries(after: longestLog, acknowledged: heartbeat.commitIndex))
      }
      feed(.message(message, from: sender), &effects)
    case .ping(let instant):
      effects.sends.append(PeerEnvelope(to: sender, message: .pong(instant)))
    case .pong(let instant): heard(sender, pingedAt: instant)
    case .forward(let forward): receive(forward, from: sender, &effects)
    case .forwardReply(let reply): receive(reply, from: sender, &effects)
    case .changeForward(let forward): receive(forward, from: sender, &effects)
    case .changeReply(let reply): receive(reply, from: sender, &effects)
    case .digest(let report): receive(report, from: sender)
    case .diverged(let divergence): receive(divergence, from: sender)
    case .roomQuery:
      effects.sends.append(PeerEnvelope(to: sender, message: .roomReply(hasRoom: hasRoom)))
    case .roomReply(hasRoom: let hasRoom): receiveRoom(hasRoom, of: sender)
    }
  }

  /// What follows from any event: what is due, what can leave, what can be answered.
  private mutating func doWhatIsDue(_ effects: inout ReplicaEffects) {
    if now >= coreWakeAt { feed(.timer, &effects) }
    if now >= heartbeatAt { beat(&effects) }
    if now >= quorumCheckAt { checkQuorum(&effects) }
    expireRequests(&effects)
    settleUpkeep(&effects)
    settleProbe()
    sendWaiting(&effects)
    settleChanges(&effects)
    finishReplacement(&effects)
    settleLeases(&effects)
    askForReads(&effects)
    serveReads(&effects)
    settleLeadership(&effects)
    effects.isDrained = isDrained
    effects.isRemoved = isRemoved
    effects.wakeAt = min(
      coreWakeAt, heartbeatAt, quorumCheckAt, requests.nextDeadline, gatheredAt, leasesWakeAt,
      upkeepWakeAt, probeWakeAt, isDrained ? .distantFuture : shutdownAt ?? .distantFuture)
  }

  // MARK: The core inside

  /// Steps the core and takes in all that it asks for, but for the fate of proposals.
  @discardableResult
  mutating func feed(_ event: Input.Event, _ effects: inout ReplicaEffects) -> Output {
    let output = core.step(Input(now: now, event: event))
    longestLog = max(longestLog, core.lastEntry.index)
    coreWakeAt = output.wakeAt
    effects.sends += output.sends.map(PeerEnvelope.init)
    for write in output.writes {
      let released = write.releasedWhenDurable.map(PeerEnvelope.init)
      var write = write
      write.releasedWhenDurable = []
      effects.writes.append(ReplicaWrite(write: write, releasedWhenDurable: released))
    }
    effects.restore = output.restore ?? effects.restore
    effects.apply += output.committed
    effects.fetches += output.fetches
    effects.snapshots += output.snapshots
    settleSlots(output.committed, &effects)
    for readable in output.readable { confirmed(readable) }
    for read in output.unreadable { unconfirmed(read) }
    effects.notes += output.notes.map(ReplicaNote.raft)
    if core.configurationIndex != knownConfiguration {
      knownConfiguration = core.configurationIndex
      quorumCheckAt = now
      followMembers()
    }
    if core.committedConfigurationIndex != committedConfiguration {
      committedConfiguration = core.committedConfigurationIndex
      lookForRemoval(&effects)
    }
    followLeadership()
    if core.leader != knownLeader {
      knownLeader = core.leader
      isWaitingBlocked = false
      isReadingBlocked = false
    }
    return output
  }
}

extension PeerEnvelope {
  init(_ envelope: Envelope) {
    self.init(to: envelope.to, message: .raft(envelope.message))
  }
}
