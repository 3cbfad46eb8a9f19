public import Raft
public import Replica
public import Storage

/// How rough one run is. Every seed draws its own: a fixed mixture would average out the storms,
/// and many things must be absent for others to go far.
public struct Weather: Hashable, Sendable {
  /// A duration is drawn evenly from `low ..< high`; equal bounds: always the same.
  public struct Span: Hashable, Sendable {
    public var low: Duration
    public var high: Duration

    public init(_ low: Duration, _ high: Duration) {
      self.low = low
      self.high = high
    }

    func draw(_ dice: inout SplitMix64) -> Duration {
      low < high ? dice.duration(in: low..<high) : low
    }
  }

  public var members = 3
  public var settings = ReplicaSettings()

  // The network. Chances are per thousand.
  public var delay = Span(.microseconds(200), .milliseconds(2))
  public var lossPerThousand: UInt64 = 0
  public var duplicatePerThousand: UInt64 = 0
  /// A message that is overtaken comes up to this much later.
  public var reorderPerThousand: UInt64 = 0
  public var reorderDelay = Span(.milliseconds(1), .milliseconds(50))
  public var reconnect = Duration.milliseconds(20)
  /// A session over a silent link is given up after this.
  public var silenceLimit = Duration.seconds(3)

  // Connections for snapshots.
  /// How often one end never learns that the other is gone.
  public var silentEndsPerThousand: UInt64 = 0
  /// How long it takes an end to learn it.
  public var lateEnd = Span(.zero, .zero)
  /// The first of each member's two addresses is dead.
  public var hasDeadAddresses = false

  // The disk.
  public var sync = Span(.microseconds(200), .milliseconds(2))
  public var flushInterval = Duration.milliseconds(20)
  public var tendPerThousand: UInt64 = 500
  public var apply = Span(.microseconds(20), .microseconds(200))
  public var applyBatch = 64
  public var chunkBytes = 4_096

  /// The members keep what they have in the product's own files, on a disk in memory.
  public var usesFiles = false
  public var storage = StorageSettings()

  // Clocks: offsets up to an hour, drift up to this.
  public var driftMillionths: UInt64 = 0

  // Clients.
  public var clients = 3
  public var keys = 3
  public var think = Span(.zero, .milliseconds(40))
  public var clientTimeout = Duration.milliseconds(2_000)
  public var valueBytes = 8
  /// What the clients accept of a serializable read, half of the time; `nil`: any age.
  public var maxStaleness: Duration?
  /// Clients that hold leases.
  public var leaseKeepers = 0
  /// Members say who they are, and are written down: clients change who they are.
  public var introducesMembers = false
  /// How long a voter is silent before a spare takes its place.
  public var spareDelay = Duration.seconds(1)
  /// Clients that watch.
  public var watchers = 0
  /// How often the store is compacted; `nil`: never.
  public var compaction: Span?

  // Faults: relative weights of what happens at each turn of the weather; zero: never.
  public var faultInterval = Span(.milliseconds(100), .milliseconds(800))
  public var faultWeights: [Fault: UInt64] = [:]
  /// How long a fault lasts.
  public var faultLength = Span(.milliseconds(50), .milliseconds(2_000))
  public var resetsLinks = false
  /// Whether members are killed in the middle of what an operator asked for.
  public var crashesInChanges = false
  /// How often a power cut is laid; `nil`: never.
  public var powerCuts: Span?
  /// What most of them wait for; `nil`: all are alike.
  public var powerPoint: DiskPoint?
  /// Whether two leaders out of three are cut off in the moment of their election.
  public var cutsNewLeaders = false
  /// What the seed draws from: a seed that found something keeps its own edition. One: until the
  /// members had files; two: all faults; three: commands gather; four: some clients hold leases;
  /// five: members compare digests, have quotas and compact by themselves; six: clients change the
  /// members; seven: some watch.
  public var edition = Weather.newestEdition

  public static let newestEdition = 7

  public init() {
    // Earlier editions, and stories, have their logs for themselves.
    settings.digestInterval = .seconds(1 << 30)
  }
}

/// What the weather can do to a cluster.
public enum Fault: UInt8, CaseIterable, Hashable, Sendable {
  case crash, powerLoss, crashAll, pause, partition, isolate, oneWay, bridge, ring
  case slowDisk, heal, transfer, addLearner, promote, remove, replaceVoters
  // Since the second edition:
  case quorumLoss, constrainedElection, chained, flap
  case clockJump, stalledDisk, fullDisk, failingDisk, bitFlip, wipe, terminate, powerCut
  // Since the sixth edition, asked for by clients:
  case join, leave, succeed

  /// Those of the first edition come first and keep their order.
  static let first = allCases.prefix { $0 != .quorumLoss }
  static let later = allCases.drop { $0 != .quorumLoss }.prefix { $0 != .join }
  /// They take the place of what an operator does at the leader itself.
  static let membership: [Fault] = [.join, .leave, .succeed]
  static let directChanges: [Fault] = [.addLearner, .promote, .remove, .replaceVoters]

  /// It strikes files, so there must be some.
  var needsFiles: Bool {
    switch self {
    case .fullDisk, .failingDisk, .bitFlip, .powerCut: true
    case .crash, .powerLoss, .crashAll, .pause, .partition, .isolate, .oneWay, .bridge, .ring,
      .slowDisk, .heal, .transfer, .addLearner, .promote, .remove, .replaceVoters, .quorumLoss,
      .constrainedElection, .chained, .flap, .clockJump, .stalledDisk, .wipe, .terminate, .join,
      .leave, .succeed:
      false
    }
  }
}

extension Weather {
  /// The weather of a seed. `members` `nil`: drawn as well.
  public static func drawn(
    _ dice: inout SplitMix64, members: Int?, edition: Int = newestEdition
  ) -> Weather {
    var weather = Weather()
    weather.members = members ?? [1, 2, 3, 3, 3, 3, 4, 5, 5, 5, 6, 7][dice.index(below: 12)]
    weather.drawSettings(&dice)
    weather.drawNetwork(&dice)
    weather.drawDisk(&dice)
    weather.keepElectionsPossible()
    weather.drawClients(&dice)
    weather.drawFaults(&dice)
    weather.edition = edition
    if edition > 1 {
      var more = SplitMix64(seed: dice.next())
      weather.drawMore(&more)
      if edition > 2 { weather.drawGathering(seed: more.next()) }
      if edition > 3 { weather.drawKeepers(seed: more.next()) }
      if edition > 4 { weather.drawUpkeep(seed: more.next()) }
      if edition > 5 { weather.drawMembers(seed: more.next()) }
      if edition > 6 { weather.drawWatchers(seed: more.next()) }
      weather.drawConnections(seed: more.next())
    }
    return weather
  }

  private mutating func drawSettings(_ dice: inout SplitMix64) {
    let heartbeat = Duration.milliseconds([10, 20, 50, 100][dice.index(below: 4)])
    settings.raft.heartbeatInterval = heartbeat
    settings.raft.electionTimeout = heartbeat * [5, 8, 10][dice.index(below: 3)]
    settings.raft.appendLimitBytes = [1, 200, 4_000, 1 << 20][dice.index(below: 4)]
    settings.raft.inflightLimit = [1, 2, 16, 256][dice.index(below: 4)]
    settings.raft.windowLimitBytes = [1, 500, 10_000, 32 << 20][dice.index(below: 4)]
    settings.raft.unappliedLimitBytes = [1, 1_000, 16 << 20][dice.index(below: 3)]
    settings.raft.uncommittedLimitBytes = [2_000, 64 << 20, 64 << 20][dice.index(below: 3)]
    settings.raft.retainedEntries = [0, 5, 50, 10_000][dice.index(below: 4)]
    settings.raft.promotionLag = [0, 10, 1_000][dice.index(below: 3)]
    settings.quorumPolicy = [.readOnly, .readOnly, .halt, .wait][dice.index(below: 4)]
    settings.gatherLimit = .zero
    driftMillionths = [0, 0, 100, 500][dice.index(below: 4)]
  }

  private mutating func drawNetwork(_ dice: inout SplitMix64) {
    delay =
      [
        Span(.microseconds(100), .microseconds(100)),
        Span(.microseconds(100), .milliseconds(1)),
        Span(.milliseconds(1), .milliseconds(8)),
      ][dice.index(below: 3)]
    lossPerThousand = [0, 0, 0, 5, 50, 200][dice.index(below: 6)]
    duplicatePerThousand = [0, 0, 10, 100][dice.index(below: 4)]
    reorderPerThousand = [0, 0, 10, 200][dice.index(below: 4)]
    reorderDelay = Span(
      .milliseconds(1), .milliseconds([5, 50, 500][dice.index(below: 3)]))
    resetsLinks = dice.chance(1, in: 2)
    silenceLimit = .milliseconds([500, 3_000][dice.index(below: 2)])
  }

  private mutating func drawDisk(_ dice: inout SplitMix64) {
    sync =
      [
        Span(.microseconds(50), .microseconds(50)),
        Span(.microseconds(200), .milliseconds(2)),
        Span(.milliseconds(2), .milliseconds(20)),
      ][dice.index(below: 3)]
    flushInterval = .milliseconds([5, 20, 200][dice.index(below: 3)])
    tendPerThousand = [50, 500, 1_000][dice.index(below: 3)]
    applyBatch = [1, 8, 64][dice.index(below: 3)]
    chunkBytes = [100, 4_096][dice.index(below: 2)]
  }

  /// An election takes two rounds and two syncs; a timeout below that is no weather but a mistake.
  private mutating func keepElectionsPossible() {
    let round = delay.high * 2 + sync.high
    settings.raft.electionTimeout = max(settings.raft.electionTimeout, round * 5)
    settings.raft.heartbeatInterval = max(
      settings.raft.heartbeatInterval, settings.raft.electionTimeout / 10)
  }

  private mutating func drawClients(_ dice: inout SplitMix64) {
    clients = 1 + dice.index(below: 6)
    keys = 1 + dice.index(below: 5)
    think = Span(.zero, .milliseconds([2, 20, 100][dice.index(below: 3)]))
    clientTimeout = .milliseconds([300, 2_000][dice.index(below: 2)])
    valueBytes = [8, 8, 200][dice.index(below: 3)]
  }

  /// A quarter of the seeds have no fault at all but the network's and the disk's; the others have
  /// each kind with a chance of one third.
  private mutating func drawFaults(_ dice: inout SplitMix64) {
    faultInterval = Span(
      .milliseconds(20), .milliseconds([100, 400, 1_500][dice.index(below: 3)]))
    faultLength = Span(
      .milliseconds(5), .milliseconds([50, 500, 3_000][dice.index(below: 3)]))
    guard !dice.chance(1, in: 4) else { return }
    for fault in Fault.first where dice.chance(1, in: 3) {
      faultWeights[fault] = 1 + dice.next(below: 5)
    }
  }

  /// One seed in `filesShare` runs on files.
  static let filesShare: UInt64 = 4

  /// What the second edition adds, by dice of its own.
  private mutating func drawMore(_ dice: inout SplitMix64) {
    usesFiles = dice.chance(1, in: Weather.filesShare)
    drawFiles(&dice)
    if dice.chance(1, in: 3) {
      maxStaleness = .milliseconds([1, 50, 1_000][dice.index(below: 3)])
    }
    if dice.chance(1, in: 2) {
      compaction = Span(.milliseconds(5), .milliseconds([50, 1_000][dice.index(below: 2)]))
    }
    crashesInChanges = dice.chance(1, in: 2)
    guard !faultWeights.isEmpty else { return }
    for fault in Fault.later where dice.chance(1, in: 4) {
      if usesFiles || !fault.needsFiles { faultWeights[fault] = 1 + dice.next(below: 3) }
    }
  }

  /// What the third edition adds: how long commands may gather.
  private mutating func drawGathering(seed: UInt64) {
    var dice = SplitMix64(seed: seed)
    settings.gatherLimit =
      [.zero, .microseconds(500), .milliseconds(10), .milliseconds(200)][dice.index(below: 4)]
  }

  /// What the fourth edition adds: in one seed of three, clients that hold leases.
  private mutating func drawKeepers(seed: UInt64) {
    var dice = SplitMix64(seed: seed)
    leaseKeepers = dice.chance(1, in: 3) ? 1 + dice.index(below: 4) : 0
  }

  /// What the sixth edition adds: in one seed of three, clients that change the members at any
  /// member, places that are taken, successors and spares.
  private mutating func drawMembers(seed: UInt64) {
    var dice = SplitMix64(seed: seed)
    guard dice.chance(1, in: 3) else { return }
    introducesMembers = true
    spareDelay = settings.raft.electionTimeout * [1, 2, 5][dice.index(below: 3)]
    for fault in Fault.directChanges { faultWeights[fault] = nil }
    for fault in Fault.membership { faultWeights[fault] = 1 + dice.next(below: 3) }
  }

  /// What the fifth edition adds: digests in all seeds, quotas and compaction in some.
  private mutating func drawUpkeep(seed: UInt64) {
    var dice = SplitMix64(seed: seed)
    settings.digestInterval = .milliseconds([100, 1_000, 5_000][dice.index(below: 3)])
    // Rows are small, and files begin with a few pages.
    let quota: UInt64 = usesFiles ? 24 << 10 : 4 << 10
    settings.quotaBytes = dice.chance(1, in: 3) ? quota + dice.next(below: quota) : 0
    switch dice.index(below: 4) {
    case 0: settings.compaction = .period(.milliseconds([100, 2_000][dice.index(below: 2)]))
    case 1: settings.compaction = .revisions(1 + Int64(dice.next(below: 50)))
    default: break
    }
  }

  /// What the seventh edition adds: in one seed of three, clients that watch.
  private mutating func drawWatchers(seed: UInt64) {
    var dice = SplitMix64(seed: seed)
    watchers = dice.chance(1, in: 3) ? 1 + dice.index(below: 4) : 0
  }

  /// How the two ends of a snapshot's connection learn of its end.
  private mutating func drawConnections(seed: UInt64) {
    var dice = SplitMix64(seed: seed)
    silentEndsPerThousand = [0, 100, 500, 1_000][dice.index(below: 4)]
    lateEnd = Span(.zero, .milliseconds([0, 10, 500, 5_000][dice.index(below: 4)]))
    hasDeadAddresses = dice.chance(1, in: 4)
  }

  private mutating func drawFiles(_ dice: inout SplitMix64) {
    storage.checkpointPages = [2, 10, 100][dice.index(below: 3)]
    storage.segmentBytes = storage.checkpointPages * 8_192
    // What earlier editions drew for a bound that is gone.
    _ = dice.index(below: 2)
    storage.reserveBytes = 16 << 10
    storage.neededBytes = 32 << 10
  }

  /// The weather of a seed whose members all lose power at once, again and again.
  mutating func failPower(_ dice: inout SplitMix64) {
    usesFiles = true
    drawFiles(&dice)
    powerCuts = Span(.milliseconds(5), .milliseconds([20, 100, 400][dice.index(below: 3)]))
    // Short logs and small files: every kind of write happens early.
    storage.checkpointPages = [2, 10][dice.index(below: 2)]
    storage.segmentBytes = storage.checkpointPages * 8_192
    settings.raft.retainedEntries = [0, 5][dice.index(below: 2)]
    if dice.chance(1, in: 2) { faultWeights[.crash] = 3 }
    if dice.chance(1, in: 2) { faultWeights[.partition] = 2 }
    if dice.chance(1, in: 2) { faultWeights[.terminate] = 1 }
    let points = DiskPoint.allCases + DiskPoint.allCases.filter(\.isRare)
    let point = points[dice.index(below: points.count)]
    powerPoint = point
    bringAbout(point)
  }

  /// What makes an operation of this kind frequent.
  private mutating func bringAbout(_ point: DiskPoint) {
    switch point {
    case .boot, .form, .vote, .append, .landmark, .flush, .checkpoint: break
    case .truncate:
      cutsNewLeaders = true
      // One entry at a time: the first of those that come may be older than the last that goes.
      settings.raft.appendLimitBytes = 1
      members = 3
      // Nothing else cuts links or makes them whole meanwhile.
      faultWeights = [:]
      faultLength = Span(.milliseconds(50), .milliseconds(500))
      clients = min(clients, 2)
      think = Span(.zero, .milliseconds(100))
    case .cut, .install, .receive, .finish, .move:
      // Who is away comes back too late for the log.
      settings.raft.retainedEntries = 0
      faultWeights[.isolate] = 6
      faultLength = Span(.milliseconds(200), .milliseconds(1_500))
      faultInterval = Span(.milliseconds(20), .milliseconds(400))
      flushInterval = min(flushInterval, .milliseconds(20))
      // An arrival of several pieces, and not of hundreds.
      chunkBytes = point == .receive ? 300 : 4_096
      members = max(3, members)
    case .close: faultWeights[.terminate] = 8
    }
  }
}
