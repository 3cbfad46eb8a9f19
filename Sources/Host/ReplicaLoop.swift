import Base
import KeyValue
package import Logging
import Member
import NIOCore
import Raft
import Replica
import Storage
package import Transport
import Wire

/// Where the member's replica lives: one event loop owns it, the sockets of the peers and the
/// timer. It takes an input, steps, starts the effects; what it waits for comes back as an input.
///
/// In reading order: this file is the way in and out; `+Formation` is the time before the first
/// configuration; `+Peers` what the transport brings; `+Members` changes of the members;
/// `+Snapshots` snapshots out and in; `+Status` what people are shown.
package final class ReplicaLoop: LoopConsumer {
  /// Which of the inboxes wake this loop for everything.
  fileprivate struct Alarms: Equatable {
    var forApply: Bool
    var forCommands: Bool
    var forReads: Bool

    /// Without a replica everything is refused, and at once.
    static let ofNobody = Alarms(forApply: false, forCommands: true, forReads: true)
  }

  let settings: HostSettings
  let start: Start
  let member: MemberContext
  let logger: Logger
  private let wakeUp: LoopWakeUp
  let inboxes: MemberInboxes
  /// Whom this member lets in, and how it comes to have formed.
  var admission: Admission
  var replica: ReplicaCore?
  var transport: PeerTransport!
  /// Standing sessions, so that a replica that begins hears of them.
  var sessions: [MemberID: Boot] = [:]
  var clientURLs: [MemberID: [String]] = [:]
  /// Snapshots on their way, out and in.
  var snapshots: SnapshotExchange
  var refusals: [MemberID: HandshakeRefusal] = [:]
  /// Who each peer said it was in its last handshake that was admitted.
  var introductions: [MemberID: (boot: Boot, introduction: Introduction)] = [:]
  /// The slot of the configuration that clients are shown.
  var shownConfiguration: LogIndex?
  /// Whom the transport talks to may be more than who the members are: a removal is not committed.
  var hasDeparting = false
  var recovery: RecoveryReport
  /// When the next member that was wiped may be helped.
  var nextReplacement = Instant.zero
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
  /// Whether watches are served, as the published state shows it.
  private var standing = WatchStanding()
  private var wasServing: Bool? = false
  /// The client loops where somebody is told of every change of the member's health.
  private var healthWatchers: Set<Int> = []
  private var knowsOfWatchers = false
  /// Who waits for a report until it is known whether writes pass.
  var healthWaiters: [RequestID] = []
  /// Requests of the member itself.
  private var ownRequests: UInt64 = 0
  /// For each client loop: what it is told at the end of the batch.
  private var letters: [[ClientLetter]]
  private var alarms = Alarms.ofNobody
  /// Who waits until nothing is in flight any more.
  private var drained: [CheckedContinuation<Void, Never>] = []
  private(set) var isShuttingDown = false
  private var isLeaving = false
  private(set) var hasDrained = false
  /// Nothing moves any more: without a replica nobody would say when to wake next.
  private var isStopped = false

  /// `wakeUp`: of the loop that it lives on. *Precondition*: called on that loop.
  package init(
    _ start: Start, settings: HostSettings, on wakeUp: LoopWakeUp, _ member: MemberContext,
    _ logger: Logger
  ) {
    wakeUp.loop.preconditionInEventLoop()
    self.start = start
    self.settings = settings
    self.wakeUp = wakeUp
    self.member = member
    self.logger = logger
    inboxes = member.inboxes
    letters = Array(repeating: [], count: member.inboxes.clients.count)
    snapshots = SnapshotExchange(
      settings: SnapshotExchange.Settings(
        electionTimeout: settings.replica.raft.electionTimeout))
    recovery = RecoveryReport(start.recovered, startedAt: start.startedAt)
    let rule = ReplicaLoop.rule(start.identity, start.boot, settings)
    guard let recovered = start.recovered else {
      admission = Admission(
        forming: rule, initial: settings.initialCluster, origin: start.identity.origin)
      return
    }
    admission = Admission(formed: rule, founding: recovered.founding)
    if poisoned == nil { replica = makeReplica(recovered) }
  }

  var loop: any EventLoop { wakeUp.loop }
  var identity: Identity { start.identity }
  var boot: Boot { start.boot }
  var poisoned: LogIndex? { start.poisoned }
  var published: PublishedState { member.published }
  var metrics: Metrics { member.metrics }
  var exitLatch: ExitLatch { member.exitLatch }

  /// Begins to talk to peers, and to drain what has come.
  package func start(_ transport: PeerTransport) {
    self.transport = transport
    wakeUp.serve(self)
    showMembers()
    if poisoned == nil { talkToMembers() }
    let log = inboxes.log
    spaceWatch = loop.scheduleRepeatedTask(initialDelay: .zero, delay: .seconds(1)) { _ in
      log.post(.lookAtSpace)
    }
    if let formation = admission.begin() { store(formation) }
    step(.introduced(ownIntroduction))
    drain()
  }

  func makeReplica(_ recovered: Recovered) -> ReplicaCore {
    ReplicaCore(
      id: identity.member, boot: boot, settings: settings.replica, recovered: recovered,
      leases: start.leases, upkeep: start.upkeep, pressure: pressure,
      seed: boot.number ^ identity.incarnation.number, now: MonotonicClock.now())
  }

  // MARK: In

  /// Takes everything that waits: completions first, for they make room.
  package func drain() {
    guard !isStopped else { return }
    for completion in inboxes.replica.completions.drain() { take(completion) }
    for letter in inboxes.replica.control.drain() { take(letter) }
    let commands = inboxes.replica.commands.drain()
    if !commands.isEmpty { propose(commands) }
    let reads = inboxes.replica.reads.drain()
    if !reads.isEmpty { read(reads) }
    endBatch()
  }

  private func take(_ letter: ControlLetter) {
    switch letter {
    case .report(let id, knowing: let isKnowing):
      if isKnowing { reportWhenHealthIsKnown(to: id) } else { report(to: id) }
    case .leaseTime(let lease, let id):
      guard replica != nil else { return refuse(id, idle) }
      let time = replica?.remaining(ofLease: lease, at: MonotonicClock.now())
      post(.leaseTime(id, time.map { LeaseTime(granted: $0.granted, left: $0.left) }), for: id)
    case .leases(let id):
      guard let leases = replica?.leasesByDeadline else { return refuse(id, idle) }
      post(.leases(id, leases), for: id)
    case .change(let request): reconfigure(request)
    case .moveLeader(let id, to: let target, deadline: let deadline):
      transferLeadership(id, to: target, deadline: deadline)
    case .setLinks(let order, let id): post(.links(id, throwSwitch(order)), for: id)
    case .probeWrites: step(.probeWrites)
    case .watchHealth(loop: let loop, let isWatching):
      if isWatching { healthWatchers.insert(loop) } else { healthWatchers.remove(loop) }
    case .shutDown(let whoWaits):
      shutDown()
      if hasDrained { whoWaits.resume() } else { drained.append(whoWaits) }
    }
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
      exitLatch.seal(.removed(name: settings.name, directory: settings.dataDirectory))
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
        deliver(
          .ready(
            ReadReady(
              id: request.id, index: .zero, freshAsOf: nil, maxStaleness: nil, committed: entry)))
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
      inboxes.apply.post(.restore(base))
    }
    committed += effects.apply
    for wish in effects.fetches {
      handOverWrites()
      inboxes.log.post(.fetch(wish))
    }
    for request in effects.snapshots { exchange(.requested(request)) }
    for answer in effects.answers { deliver(answer) }
    for note in effects.notes { take(note) }
    if effects.isRemoved { leave() }
    if effects.isDrained && !hasDrained {
      hasDrained = true
      resumeDrained()
    }
    wakeAt = effects.wakeAt
  }

  private func deliver(_ answer: Answer) {
    switch answer {
    case .ready(let ready): post(.ready(ready), for: ready.id)
    case .outcomeUnknown:
      metrics.proposalsUnknown.add()
      post(.answered(answer), for: answer.id)
    case .changed(let id):
      // Who was removed may not have heard of it in the log.
      if replica?.isRemoved == true { showMembers() }
      post(.answered(answer), for: id)
    case .refused, .lost, .transferred: post(.answered(answer), for: answer.id)
    }
  }

  func refuse(_ id: RequestID, _ refusal: Refusal) { deliver(.refused(id, refusal)) }

  /// Tells a client's loop something, at the end of the batch.
  func post(_ letter: ClientLetter, for id: RequestID) {
    if let loop = inboxes.numbers.loop(of: id) { letters[loop].append(letter) }
  }

  /// A number for a request that no client waits for.
  func ownRequest() -> RequestID {
    ownRequests += 1
    return inboxes.numbers.ownID(ownRequests)
  }

  // MARK: Out, once a batch

  /// Hands over what the batch has brought: one wake-up for each thread, one write a socket.
  func endBatch() {
    guard !isStopped else { return }
    if replica != nil, healthWatchers.isEmpty == knowsOfWatchers {
      knowsOfWatchers.toggle()
      step(.watchWrites(knowsOfWatchers))
    }
    handOverLetters()
    handOverWrites()
    handOverCommitted()
    transport.flush()
    showPass()
    showFooting()
    handOverLetters()
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
      inboxes.replica.completions.hurry(alarms.forApply),
      inboxes.replica.commands.hurry(alarms.forCommands),
      inboxes.replica.reads.hurry(alarms.forReads),
    ].contains(true)
    guard isMissed else { return }
    wakeUp.wake()
  }

  /// For watches, which ask nobody: whether somebody leads, and whether the rule ends them.
  private func showFooting() {
    let before = standing
    standing.follow(
      leader: replica?.leader, isQuorate: replica?.isQuorate,
      isFenced: replica?.isFenced ?? false, settings.replica.quorumPolicy,
      now: MonotonicClock.now)
    if standing != before { published.standing = standing }
    let isServing = isShuttingDown || standing.isFenced ? false : servesWrites
    if isServing != wasServing {
      wasServing = isServing
      for loop in letters.indices { letters[loop].append(.serving(isServing)) }
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
    published.serializablePass = pass
  }

  private func handOverWrites() {
    for write in writes { inboxes.log.post(.write(write)) }
    writes.removeAll(keepingCapacity: true)
  }

  private func handOverCommitted() {
    guard !committed.isEmpty else { return }
    inboxes.apply.post(.entries(committed))
    committed = []
  }

  private func handOverLetters() {
    for loop in letters.indices where !letters[loop].isEmpty {
      inboxes.clients[loop].post(contentsOf: letters[loop])
      letters[loop].removeAll(keepingCapacity: true)
    }
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
    inboxes.log.post(.retire)
  }

  /// Hands leadership over, refuses what is new, and finishes what is under way.
  private func shutDown() {
    guard !isShuttingDown else { return }
    isShuttingDown = true
    logger.info("shutting down")
    guard replica != nil else {
      hasDrained = true
      return resumeDrained()
    }
    step(.shutdown(deadline: MonotonicClock.now() + settings.shutdownTimeout))
  }

  private func resumeDrained() {
    for whoWaits in drained { whoWaits.resume() }
    drained = []
  }

  /// Stops moving: no timer, no peer.
  package func stop() {
    isStopped = true
    timer?.cancel()
    spaceWatch?.cancel()
    transport.stop()
    replica = nil
    showPass()
    tellHealth()
    handOverLetters()
    resumeDrained()
    wakeUp.serve(nil)
  }
}

extension ReplicaCore {
  fileprivate var alarms: ReplicaLoop.Alarms {
    ReplicaLoop.Alarms(
      forApply: awaitsApply, forCommands: !isGathering, forReads: !isGatheringReads)
  }
}
