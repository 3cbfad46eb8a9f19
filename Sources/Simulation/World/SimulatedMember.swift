import Base
import KeyValue
import Member
import Raft
import Replica
import Storage
import Wire

/// One member: the product's own replica, store and log in a process and on a disk that the world
/// can stop at any moment.
final class SimulatedMember {
  /// Its position in the world.
  let position: Int
  let id: MemberID
  let name: String
  let peerURL: String
  /// Whether the first configuration names it; others join later.
  var isInitial: Bool
  var disk: any MemberDisk
  var clock: MemberClock
  var dice: SplitMix64

  // MARK: The process

  var phase = Phase.down
  /// Counts its runs; zero: never started.
  var boot = Boot(0)
  /// Stopped by SIGSTOP: what happens to it waits in `backlog`.
  var isPaused = false
  var backlog: [Event] = []
  /// Not to be started again: it was removed from the cluster for good.
  var isRetired = false
  /// A client has asked for a place for it: it is asked for once.
  var hasPlace = false
  /// It knows that it was removed.
  var isLeaving = false
  /// SIGTERM was sent: it hands over, answers what it can and ends.
  var isTerminating = false

  /// Where a process is on its way.
  enum Phase {
    case down
    /// Shakes hands with the others until the first configuration is on its disk
    /// (Docs/Decisions/0023).
    case forming
    case running
  }

  /// Whom the process lets in, and how it comes to have formed; `nil`: it is down.
  var admission: Admission?
  /// The data directory of each member with which a session is open, by position.
  var sessionIncarnations: [Incarnation]

  /// `nil` unless running.
  var core: ReplicaCore?
  /// What the core stands at.
  var standing: Standing {
    Standing(
      term: core?.currentTerm ?? .zero, commitIndex: core?.commitIndex ?? .zero,
      isLeader: core?.isLeader ?? false, leader: core?.leader)
  }

  struct Standing {
    var term = Term.zero
    var commitIndex = LogIndex.zero
    var isLeader = false
    var leader: MemberID?
  }
  /// When the core wants to be woken, in the world's time, and when it will be.
  var wakeAt = Instant.distantFuture
  var wakeScheduled = Instant.distantFuture
  /// The boot of each member with which a session is open, by position.
  var sessions: [Boot?]
  var sessionSince: [Instant]
  /// The beginning of the present undisturbed run: no start and no pause since.
  var undisturbedSince = Instant.zero
  /// Its last word on the quorum rule.
  var quorumView: QuorumView?

  // MARK: The disk

  var logLane = LogLane<SimulatedLog>()
  /// What the log has been told and has not taken up, and the batch that it has.
  var logInbox: [LogLetter] = []
  var logBatch: [LogLetter] = []
  var promises = PromiseQueue()
  /// The writes of a commit whose promises are about to leave, and the log before it.
  var lastCommit: (before: ShadowLog, writes: [StorageWrite])?
  /// When it looks next how much space is left.
  var nextSpaceLook = Instant.zero
  /// Makes every sync this many times as slow; one: as the weather has it.
  var diskSlowness = 1
  /// Until when the disk does nothing at all.
  var stalledUntil = Instant.zero
  /// What the disk holds for certain, and what the core believes that its log holds.
  var durable = DiskImage.empty
  var log: ShadowLog
  /// What the disk may hold instead, for a commit was cut short.
  var inDoubt: [DiskImage] = []
  /// The disk has refused something: the process ends with this event.
  var hasFailed = false
  /// A fault was done to the disk, so it may refuse something.
  var mayFail = false
  /// Its disk has next to no room.
  var isFull = false
  /// A bit was turned over, or all was lost: only a minority may be so at a time, and with the
  /// power it would lose what tells of it.
  var isSuspect = false
  /// It has lost power and not started since: what tells of damage is gone until it does.
  var hasLostPower = false
  /// It must not come back with this disk: an operator replaces it.
  var isBroken = false
  /// It knows that little is left on its disk.
  var isSpaceShort = false
  /// It has as many rows in memory as may be.
  var isOverlayFull = false
  /// What refuses more comes first.
  var pressure: StorePressure {
    isOverlayFull ? .overlayFull : isSpaceShort ? .noSpace : .none
  }

  // MARK: The state machine

  var applyLane: ApplyLane<SimulatedApplyPorts>?
  var applyInbox = LaneInbox<ApplyLetter<SimulatedReaders>>()
  /// When the lane's next turn is.
  var applyTurnAt = Instant.distantFuture
  var flushLane: FlushLane<SimulatedFlushPorts>?
  var flushInbox = LaneInbox<FlushLetter<any StateStore>>()
  var flushTurnAt = Instant.distantFuture
  /// What the flush lane has open.
  var state: (any StateStore)?
  /// The last house-keeping was left out: a reader held it up.
  var isTendingHeldUp = false
  /// What reads are served from.
  var view: PublishedView?
  /// Of the store in memory, served or not; `nil` while the lane's turn goes on.
  var keyValue: Store? { applyLane?.store }
  /// What the row reader and others have open; behind it the letters that the row reader has not
  /// worked off.
  var readers: SimulatedReaders?
  var readerLetters: [ReaderLetter] = []
  var rowCache = RowCache(limitBytes: 64 << 10)
  /// How the lanes' inboxes are emptied, and how long their turns take: apart from the others.
  var laneDice: SplitMix64
  /// An installed snapshot is on its way from the log to the state machine.
  var isInstalling = false
  /// The configuration at the last applied entry.
  var appliedConfiguration: Configuration

  // MARK: Its snapshots

  var exchange: SnapshotExchange
  var exchangeScheduled = Instant.distantFuture
  var snapshotLane: SnapshotLane<SimulatedSnapshotPorts>
  var snapshotLetters: [SnapshotLetter<any SnapshotSource>] = []
  var snapshotReports: [SnapshotReport] = []
  var isLaneTurnDue = false
  /// Connections for snapshots that this boot has accepted.
  var lastAcceptedStream: UInt64 = 0
  private let pieceBytes: Int
  private let electionTimeout: Duration
  private let exchangeSettings: SnapshotExchange.Settings

  // MARK: Its scrub

  var scrubLane = ScrubLane<SimulatedScrubPorts>(pace: World.scrubPace)
  var scrubLetters: [ScrubLetter<any StateReader>] = []
  var scrubTurnAt = Instant.distantFuture

  // MARK: Its backups

  var backupLane = BackupLane<SimulatedBackupPorts>(settings: World.backupSettings)
  var backupLetters: [BackupLetter<any SnapshotSource>] = []
  var backupTurnAt = Instant.distantFuture
  /// Who is at the other end of each call.
  var backupReaders: [UInt64: BackupReader] = [:]
  var lastBackup: UInt64 = 0

  // MARK: Its clients

  var nextRequest: UInt64 = 0
  var inbox: [ClientRequest] = []
  var isDraining = false
  var waiting: [RequestID: ClientRequest] = [:]
  /// Reads that are ready, and wait for the state to be shown.
  var seeking: [RequestID: (request: ClientRequest, ready: ReadReady)] = [:]

  // MARK: Its watches

  var watchLane: WatchLane<SimulatedWatchPorts>
  var watchInbox = LaneInbox<WatchLetter>()
  var watchFeed = World.newWatchFeed()
  var watchTurnAt = Instant.distantFuture
  /// Who is at the other end of each stream.
  var watchStreams: [WatchStreamID: Int] = [:]
  /// Streams that have not taken what they were offered, and since when.
  var refusingSince: [WatchStreamID: Instant] = [:]
  /// Reads for the watches while none of their streams took anything.
  var readsForNobody = 0
  var watchStanding = WatchStanding()
  /// Apart from the others, so that who watches changes nothing else.
  var watchDice: SplitMix64

  init(
    position: Int, member: InitialCluster.Member, isInitial: Bool, disk: any MemberDisk,
    clock: MemberClock, count: Int, weather: Weather, dice: SplitMix64, laneSeed: UInt64
  ) {
    self.position = position
    id = member.id
    name = member.name
    peerURL = member.peerURLs[0]
    self.isInitial = isInitial
    self.disk = disk
    self.clock = clock
    pieceBytes = weather.chunkBytes
    exchangeSettings = SnapshotExchange.Settings(
      electionTimeout: weather.settings.raft.electionTimeout)
    exchange = SnapshotExchange(settings: exchangeSettings)
    snapshotLane = SnapshotLane(pieceBytes: weather.chunkBytes)
    self.dice = dice
    watchDice = SplitMix64(seed: ~UInt64(position))
    electionTimeout = weather.settings.raft.electionTimeout
    watchLane = World.newWatchLane(electionTimeout: electionTimeout)
    laneDice = SplitMix64(seed: laneSeed)
    sessions = Array(repeating: nil, count: count)
    sessionSince = Array(repeating: .zero, count: count)
    sessionIncarnations = Array(repeating: .unknown, count: count)
    log = durable.log
    appliedConfiguration = log.base.configuration
  }

  var isUp: Bool {
    switch phase {
    case .down: false
    case .forming, .running: true
    }
  }

  var isRunning: Bool {
    switch phase {
    case .running: true
    case .down, .forming: false
    }
  }

  var isLeader: Bool { standing.isLeader }

  var incarnation: Incarnation { disk.identity.incarnation }

  var durableLog: ShadowLog { durable.log }

  var marks: NeverBack.Marks? {
    guard isRunning, let meta = keyValue?.meta else { return nil }
    return NeverBack.Marks(
      boot: boot, term: standing.term, commitIndex: standing.commitIndex,
      applied: LogIndex(meta.appliedIndex), revision: meta.revision)
  }

  /// What a crash of the process takes with it.
  func forgetMemory() {
    phase = .down
    (isPaused, isLeaving, isTerminating, hasFailed) = (false, false, false, false)
    (isSpaceShort, isOverlayFull) = (false, false)
    backlog = []
    core = nil
    admission = nil
    (wakeAt, wakeScheduled) = (.distantFuture, .distantFuture)
    for peer in sessions.indices { sessions[peer] = nil }
    quorumView = nil
    (logInbox, logBatch, promises, lastCommit) = ([], [], PromiseQueue(), nil)
    (logLane, nextSpaceLook) = (LogLane(), .zero)
    (applyLane, flushLane, state, view) = (nil, nil, nil, nil)
    (applyInbox, flushInbox) = (LaneInbox(), LaneInbox())
    (applyTurnAt, flushTurnAt) = (.distantFuture, .distantFuture)
    rowCache = RowCache(limitBytes: 64 << 10)
    (isTendingHeldUp, isInstalling, isDraining) = (false, false, false)
    exchange = SnapshotExchange(settings: exchangeSettings)
    snapshotLane = SnapshotLane(pieceBytes: pieceBytes)
    (snapshotLetters, snapshotReports) = ([], [])
    (isLaneTurnDue, exchangeScheduled) = (false, .distantFuture)
    (inbox, waiting, seeking) = ([], [:], [:])
    nextRequest = 0
    watchLane = World.newWatchLane(electionTimeout: electionTimeout)
    (watchInbox, watchFeed) = (LaneInbox(), World.newWatchFeed())
    (watchStreams, refusingSince, readsForNobody) = ([:], [:], 0)
    (watchTurnAt, watchStanding) = (.distantFuture, WatchStanding())
    (readers, readerLetters) = (nil, [])
    scrubLane = ScrubLane(pace: World.scrubPace)
    (scrubLetters, scrubTurnAt) = ([], .distantFuture)
    backupLane = BackupLane(settings: World.backupSettings)
    (backupLetters, backupTurnAt, backupReaders) = ([], .distantFuture, [:])
  }
}
