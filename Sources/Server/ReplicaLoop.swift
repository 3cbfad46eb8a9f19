import EtcdAPI
import KeyValue
import Logging
import Member
import NIOCore
import RPC
import Raft
import Replica
import Services
import Storage
import Transport
import Wire

/// Where the member's replica lives: one event loop owns it, the sockets of the peers and the
/// timer. It takes an input, steps, starts the effects; what it waits for comes back as an input.
///
/// In reading order: this file is the way in and out; `+Formation` is the time before the first
/// configuration; `+Peers` what the transport brings; `+Members` changes of the members;
/// `+Snapshots` snapshots out and in; `+Status` what people are shown.
final class ReplicaLoop {
  /// The other threads, as the loop sees them.
  struct Outlets: Sendable {
    var log: @Sendable (LogLetter) -> Void
    var flush: @Sendable (Flusher.Job) -> Void
    var apply: @Sendable (Applier.Job) -> Void
    var snapshots: @Sendable (SnapshotThread.Job) -> Void
    /// Serves a read that is ready on the loop of its client.
    var serve: @Sendable (ReadReady) -> Void
    /// Whether the member serves, when that has changed; `nil`: it is not known any more.
    var showHealth: @Sendable (Bool?) -> Void
  }

  /// Which of the inboxes wake this loop for everything.
  fileprivate struct Alarms: Equatable {
    var forApply: Bool
    var forCommands: Bool
    var forReads: Bool

    /// Without a replica everything is refused, and at once.
    static let ofNobody = Alarms(forApply: false, forCommands: true, forReads: true)
  }

  let settings: MemberSettings
  let identity: Identity
  let boot: Boot
  let loop: any EventLoop
  let door: ReplicaDoor
  let board: Board
  let waiters: WaiterTable
  let metrics: Metrics
  let fate: Fate
  let logger: Logger
  let out: Outlets
  /// Whom this member lets in, and how it comes to have formed.
  var admission: Admission
  /// Applying this entry ended the process twice: no replica, no peers, only reads of what is
  /// there. `nil`: it did not.
  let poisoned: LogIndex?
  var replica: ReplicaCore?
  var transport: PeerTransport!
  /// Standing sessions, so that a replica that begins hears of them.
  var sessions: [MemberID: Boot] = [:]
  var clientURLs: [MemberID: [String]] = [:]
  /// Snapshots on their way, out and in.
  var snapshots: SnapshotExchange
  var refusals: [MemberID: GreetingRefusal] = [:]
  /// Who each peer said it was in its last greeting that was admitted.
  var introductions: [MemberID: (boot: Boot, introduction: Introduction)] = [:]
  /// The slot of the configuration that clients are shown.
  var shownConfiguration: LogIndex?
  /// Whom the transport talks to may be more than who the members are: a removal is not committed.
  var hasDeparting = false
  var recovery: RecoveryReport
  /// When the next member that was wiped may be helped.
  var nextReplacement = Instant.zero
  /// Of the state that the member started with.
  let firstLeases: LeaseImage
  let firstFacts: UpkeepFacts
  private var promises = PromiseQueue()
  private var writes: [StorageWrite] = []
  private var committed: [Entry] = []
  /// What would survive a power loss, as the flusher told it last.
  private(set) var durableApplied = LogIndex.zero
  private var isOverlayFull = false
  private var isSpaceShort = false
  private var timer: Scheduled<Void>?
  private var timerAt = Instant.distantFuture
  private var wakeAt = Instant.distantFuture
  private var spaceWatch: RepeatedTask?
  private var shownPass: SerializablePass?
  /// Whether watches are served, as the board shows it.
  private var standing = WatchStanding()
  private var wasServing: Bool? = false
  /// Somebody is told of every change of the member's health.
  var isHealthWatched = false
  private var knowsOfWatchers = false
  /// Who waits until it is known whether writes pass.
  var healthWaiters: [() -> Void] = []
  private var alarms = Alarms.ofNobody
  private var drained: [() -> Void] = []
  private(set) var isShuttingDown = false
  private var isLeaving = false
  private(set) var hasDrained = false
  /// Nothing moves any more: without a replica nobody would say when to wake next.
  private var isStopped = false

  /// *Precondition*: called on `loop`.
  init(
    settings: MemberSettings, identity: Identity, boot: Boot, recovered: Recovered?,
    leases: LeaseImage, upkeep: UpkeepFacts, poisoned: LogIndex?, startedAt: Instant,
    loop: any EventLoop,
    door: ReplicaDoor, board: Board,
    waiters: WaiterTable,
    metrics: Metrics,
    fate: Fate, logger: Logger, out: Outlets
  ) {
    loop.preconditionInEventLoop()
    self.settings = settings
    self.identity = identity
    self.boot = boot
    self.loop = loop
    self.door = door
    self.board = board
    self.waiters = waiters
    self.metrics = metrics
    self.fate = fate
    self.logger = logger
    self.out = out
    snapshots = SnapshotExchange(
      settings: SnapshotExchange.Settings(
        electionTimeout: settings.replica.raft.electionTimeout))
    recovery = RecoveryReport(recovered, startedAt: startedAt)
    firstLeases = leases
    firstFacts = upkeep
    self.poisoned = poisoned
    let rule = ReplicaLoop.rule(identity, boot, settings)
    guard let recovered else {
      admission = Admission(
        forming: rule, initial: settings.initialCluster, origin: identity.origin)
      return
    }
    admission = Admission(formed: rule, founding: recovered.founding)
    if poisoned == nil { replica = makeReplica(recovered, leases) }
  }

  /// Begins to talk to peers.
  func start(_ transport: PeerTransport) {
    self.transport = transport
    showMembers()
    if poisoned == nil { talkToMembers() }
    let (log, flush) = (out.log, out.flush)
    spaceWatch = loop.scheduleRepeatedTask(initialDelay: .zero, delay: .seconds(1)) { _ in
      log(.lookAtSpace)
      flush(.rest)
    }
    if let formation = admission.begin() { store(formation) }
    step(.introduced(ownIntroduction))
    endBatch()
  }

  func makeReplica(_ recovered: Recovered, _ leases: LeaseImage) -> ReplicaCore {
    ReplicaCore(
      id: identity.member, boot: boot, settings: settings.replica, recovered: recovered,
      leases: leases, upkeep: firstFacts, pressure: pressure,
      seed: boot.number ^ identity.incarnation.number, now: MonotonicClock.now())
  }

  // MARK: In

  /// Takes everything that waits: completions first, for they make room.
  func drain() {
    guard !isStopped else { return }
    for completion in door.completions.drain() { take(completion) }
    for errand in door.errands.drain() {
      switch errand {
      case .visit(let visit): visit(self)
      case .shutdown: shutDown()
      }
    }
    let commands = door.commands.drain()
    if !commands.isEmpty { propose(commands) }
    let reads = door.reads.drain()
    if !reads.isEmpty { read(reads) }
    endBatch()
  }

  private func take(_ completion: Completion) {
    switch completion {
    case .log(let report): take(report)
    case .apply(.applied(let index, let completed, let leases, let facts)):
      step(.applied(through: index, completed: completed, leases: leases, upkeep: facts))
    case .flush(.storeSize(let bytes)): step(.storeSize(bytes))
    case .damaged(let revisions):
      logger.critical(
        "rows of the state file are not what was written; this member serves nothing any more",
        metadata: ["revisions": "\(revisions.lowerBound) to \(revisions.upperBound)"])
      step(.damaged(revisions))
    case .flush(.durableApplied(let index)):
      durableApplied = index
      step(.durableApplied(index))
    case .apply(.overlayFull(let isFull)):
      isOverlayFull = isFull
      step(.pressure(pressure))
    case .apply(.restored(let base, let leases, let facts)):
      step(.restored(base, leases: leases, upkeep: facts))
    case .snapshot(let report): take(report)
    }
  }

  private func take(_ report: LogReport) {
    switch report {
    case .stored(let ticket): stored(ticket)
    case .fetched(let wish, let entries): step(.fetched(wish, entries))
    case .formed(let formation): formed(formation)
    case .spaceShort(let isShort):
      isSpaceShort = isShort
      step(.pressure(pressure))
    case .retired:
      fate.seal(.removed(name: settings.name, directory: settings.dataDirectory))
    }
  }

  /// What refuses more comes first.
  private var pressure: StorePressure {
    isOverlayFull ? .overlayFull : isSpaceShort ? .noSpace : .none
  }

  /// Lets the promises go that rested on writes up to this one, then tells the replica.
  private func stored(_ ticket: WriteTicket) {
    while let released = promises.releaseFirst(through: ticket) {
      for envelope in released.envelopes { transport.send(envelope.message, to: envelope.to) }
    }
    step(.stored(ticket))
  }

  private func propose(_ requests: [ProposalRequest]) {
    guard replica == nil else { return step(.propose(requests)) }
    for request in requests { refuse(request.id, idle) }
  }

  private func read(_ requests: [ReadRequest]) {
    guard replica == nil else { return step(.read(requests)) }
    for request in requests {
      guard let entry = poisoned, !isShuttingDown,
        case .serializable(let maxStaleness) = request.consistency
      else {
        refuse(request.id, idle)
        continue
      }
      // How old the state is, nobody has told this process.
      if let maxStaleness {
        refuse(request.id, Refusal(.tooStale(age: nil, limit: maxStaleness)))
      } else {
        out.serve(
          ReadReady(
            id: request.id, index: .zero, freshAsOf: nil, maxStaleness: nil, committed: entry))
      }
    }
  }

  /// Why a member without a replica refuses.
  var idle: Refusal {
    if isShuttingDown { return Refusal(.shuttingDown) }
    return poisoned.map { Refusal(.poisoned($0)) } ?? Refusal(.notFormed(admission.gaps))
  }

  // MARK: Step

  func step(_ event: ReplicaEvent) {
    guard replica != nil else { return }
    perform(replica!.step(ReplicaInput(now: MonotonicClock.now(), event: event)))
  }

  private func perform(_ effects: ReplicaEffects) {
    // Before anybody is answered who might look.
    showChanges()
    for envelope in effects.sends { transport.send(envelope.message, to: envelope.to) }
    for write in effects.writes {
      writes.append(write.write)
      promises.hold(write.releasedWhenDurable, until: write.write.ticket)
    }
    if let base = effects.restore {
      handOverCommitted()
      out.apply(.restore(base))
    }
    committed += effects.apply
    for wish in effects.fetches {
      handOverWrites()
      out.log(.fetch(wish))
    }
    for request in effects.snapshots { exchange(.requested(request)) }
    for answer in effects.answers { deliver(answer) }
    for note in effects.notes { take(note) }
    if effects.isRemoved { leave() }
    if effects.isDrained && !hasDrained {
      hasDrained = true
      for tell in drained { tell() }
      drained = []
    }
    wakeAt = effects.wakeAt
  }

  private func deliver(_ answer: Answer) {
    switch answer {
    case .ready(let ready): out.serve(ready)
    case .refused(let id, let refusal): refuse(id, refusal)
    case .lost(let id): waiters.take(id)?.call.fail(FailedAnswer.lost)
    case .outcomeUnknown(let id, let doubt):
      metrics.proposalsUnknown.add()
      waiters.take(id)?.call.fail(FailedAnswer(doubt, members: board.view.members))
    case .changed(let id): changed(id)
    case .transferred(let id, to: _):
      waiters.take(id)?.call.answer(ClusterService.leaderMoved.encodedBytes)
    }
  }

  func refuse(_ id: RequestID, _ refusal: Refusal) {
    guard let waiter = waiters.take(id) else { return }
    metrics.refused(refusal)
    waiter.call.fail(FailedAnswer(refusal, members: board.view.members))
  }

  // MARK: Out, once a batch

  /// Hands over what the batch has brought: one wake-up for each thread, one write a socket.
  func endBatch() {
    guard !isStopped else { return }
    if replica != nil, isHealthWatched != knowsOfWatchers {
      knowsOfWatchers = isHealthWatched
      step(.watchWrites(isHealthWatched))
    }
    handOverWrites()
    handOverCommitted()
    transport.flush()
    showPass()
    showFooting()
    reportRecovery()
    setTimer()
    setAlarms()
  }

  /// Says what this loop is to be woken for. Completions of apply come with the next input, unless
  /// something waits for them; commands and reads come with the end of the round before them.
  private func setAlarms() {
    let alarms = replica?.alarms ?? .ofNobody
    guard alarms != self.alarms else { return }
    self.alarms = alarms
    let isMissed = [
      door.completions.hurry(alarms.forApply), door.commands.hurry(alarms.forCommands),
      door.reads.hurry(alarms.forReads),
    ].contains(true)
    guard isMissed else { return }
    let bound = NIOLoopBound(self, eventLoop: loop)
    loop.execute { bound.value.drain() }
  }

  /// For watches, which ask nobody: whether somebody leads, and whether the rule ends them.
  private func showFooting() {
    let before = standing
    standing.follow(
      leader: replica?.leader, isQuorate: replica?.isQuorate,
      isFenced: replica?.isFenced ?? false, settings.replica.quorumPolicy,
      now: MonotonicClock.now)
    if standing != before { board.standing = standing }
    let isServing = isShuttingDown || standing.isFenced ? false : servesWrites
    if isServing != wasServing {
      wasServing = isServing
      out.showHealth(isServing)
    }
    tellHealth()
  }

  /// The first time that the age of the state is known, it is as of this start.
  private func reportRecovery() {
    guard !recovery.isTold, replica?.freshAsOf != nil else { return }
    let now = MonotonicClock.now()
    guard let status = replica?.status(at: now) else { return }
    recovery.tell(appliedNow: status.appliedIndex, at: now, metrics, logger)
  }

  private func showPass() {
    let pass = replica?.serializablePass
    guard pass != shownPass else { return }
    shownPass = pass
    board.serializablePass = pass
  }

  private func handOverWrites() {
    for write in writes { out.log(.write(write)) }
    writes.removeAll(keepingCapacity: true)
  }

  private func handOverCommitted() {
    guard !committed.isEmpty else { return }
    out.apply(.entries(committed))
    committed = []
  }

  /// A timer that rings early is harmless, so it is only moved forward.
  private func setTimer() {
    let wakeAt = min(self.wakeAt, snapshots.wakeAt)
    guard !isStopped, wakeAt < timerAt else { return }
    timer?.cancel()
    timerAt = wakeAt
    let wait = max(wakeAt - MonotonicClock.now(), .zero)
    let bound = NIOLoopBound(self, eventLoop: loop)
    timer = loop.scheduleTask(in: TimeAmount(wait)) {
      let home = bound.value
      home.timerAt = .distantFuture
      home.step(.timer)
      home.exchangeIfDue()
      home.drain()
    }
  }

  // MARK: The end

  /// This member was removed: the directory is marked, so that no process starts on it again, and
  /// then the process ends.
  func leave() {
    guard !isLeaving else { return }
    isLeaving = true
    logger.notice("removed from the cluster")
    out.log(.retire)
  }

  /// Hands leadership over, refuses what is new, and finishes what is under way.
  private func shutDown() {
    guard !isShuttingDown else { return }
    isShuttingDown = true
    logger.info("shutting down")
    guard replica != nil else {
      hasDrained = true
      for tell in drained { tell() }
      drained = []
      return
    }
    step(.shutdown(deadline: MonotonicClock.now() + settings.shutdownTimeout))
  }

  /// Calls `tell` when nothing is in flight any more.
  func whenDrained(_ tell: @escaping () -> Void) {
    if hasDrained { tell() } else { drained.append(tell) }
  }

  /// Stops moving: no timer, no peer.
  func stop() {
    isStopped = true
    timer?.cancel()
    spaceWatch?.cancel()
    transport.stop()
    replica = nil
    showPass()
    tellHealth()
  }
}

extension ReplicaCore {
  fileprivate var alarms: ReplicaLoop.Alarms {
    ReplicaLoop.Alarms(
      forApply: awaitsApply, forCommands: !isGathering, forReads: !isGatheringReads)
  }
}
