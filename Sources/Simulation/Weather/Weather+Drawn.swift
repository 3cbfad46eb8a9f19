import Raft
import Base
import Replica
import Storage

extension SplitMix64 {
  /// Dice for one concern of a seed. Each concern has its own, so that one more, or one more draw
  /// of one, changes nothing that the others draw.
  init(seed: UInt64, for concern: String) {
    // FNV-1a, 64 bits.
    var name: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in concern.utf8 { name = (name ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    var mixer = SplitMix64(seed: name)
    self.init(seed: seed ^ mixer.next())
  }
}

/// What a seed draws: each concern by dice of its own, in the order of the declarations.
extension Weather {
  /// `members` `nil`: drawn as well.
  static func drawn(seed: UInt64, members: Int?) -> Weather {
    var weather = Weather()
    weather.draw("members", of: seed) { weather, dice in
      weather.members = members ?? [1, 2, 3, 3, 3, 3, 4, 5, 5, 5, 6, 7][dice.index(below: 12)]
    }
    weather.draw("raft", of: seed) { $0.drawRaft(&$1) }
    weather.draw("gathering", of: seed) { $0.drawGathering(&$1) }
    weather.draw("network", of: seed) { $0.drawNetwork(&$1) }
    weather.draw("disk", of: seed) { $0.drawDisk(&$1) }
    weather.keepElectionsPossible()
    weather.draw("files", of: seed) { weather, dice in
      weather.usesFiles = dice.chance(1, in: Weather.filesShare)
      weather.drawFiles(&dice)
    }
    weather.draw("clocks", of: seed) { weather, dice in
      weather.driftMillionths = [0, 0, 100, 500][dice.index(below: 4)]
    }
    weather.draw("clients", of: seed) { $0.drawClients(&$1) }
    weather.draw("leases", of: seed) { weather, dice in
      weather.leaseKeepers = dice.chance(1, in: 3) ? 1 + dice.index(below: 4) : 0
    }
    weather.draw("watches", of: seed) { weather, dice in
      weather.watchers = dice.chance(1, in: 3) ? 1 + dice.index(below: 4) : 0
    }
    weather.draw("scrub", of: seed) { $0.scrubs = $1.chance(1, in: 4) }
    weather.draw("backups", of: seed) { weather, dice in
      guard dice.chance(1, in: 8) else { return }
      weather.backups = Span(.milliseconds(20), .milliseconds([100, 1_000][dice.index(below: 2)]))
    }
    weather.draw("compaction", of: seed) { $0.drawCompaction(&$1) }
    weather.draw("upkeep", of: seed) { $0.drawUpkeep(&$1) }
    weather.draw("faults", of: seed) { $0.drawFaults(&$1, of: seed) }
    weather.draw("changes of members", of: seed) { $0.drawMembership(&$1) }
    weather.draw("connections", of: seed) { weather, dice in
      weather.silentEndsPerThousand = [0, 100, 500, 1_000][dice.index(below: 4)]
      weather.lateEnd = Span(.zero, .milliseconds([0, 10, 500, 5_000][dice.index(below: 4)]))
      weather.hasDeadAddresses = dice.chance(1, in: 4)
    }
    weather.draw("forming", of: seed) { $0.drawForming(&$1) }
    weather.draw("lasting fault", of: seed) { weather, dice in
      weather.lasting = [nil, nil, .hungMember, .stalledDisk][dice.index(below: 4)]
    }
    return weather
  }

  private mutating func draw(
    _ concern: String, of seed: UInt64, _ body: (inout Weather, inout SplitMix64) -> Void
  ) {
    var dice = SplitMix64(seed: seed, for: concern)
    body(&self, &dice)
  }

  // MARK: The members

  private mutating func drawRaft(_ dice: inout SplitMix64) {
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
  }

  private mutating func drawGathering(_ dice: inout SplitMix64) {
    settings.gatherLimit =
      [.zero, .microseconds(500), .milliseconds(10), .milliseconds(200)][dice.index(below: 4)]
  }

  /// An election takes two rounds and two syncs; a timeout below that is no weather but a mistake.
  private mutating func keepElectionsPossible() {
    let round = delay.high * 2 + sync.high
    settings.raft.electionTimeout = max(settings.raft.electionTimeout, round * 5)
    settings.raft.heartbeatInterval = max(
      settings.raft.heartbeatInterval, settings.raft.electionTimeout / 10)
  }

  /// Digests in all seeds, quotas and compaction by the members themselves in some.
  private mutating func drawUpkeep(_ dice: inout SplitMix64) {
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

  // MARK: What is around them

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

  /// One seed in `filesShare` runs on files.
  static let filesShare: UInt64 = 4

  private mutating func drawFiles(_ dice: inout SplitMix64) {
    storage.checkpointPages = [2, 10, 100][dice.index(below: 3)]
    storage.segmentBytes = storage.checkpointPages * 8_192
    storage.reserveBytes = 16 << 10
    storage.neededBytes = 32 << 10
  }

  // MARK: Clients

  private mutating func drawClients(_ dice: inout SplitMix64) {
    clients = 1 + dice.index(below: 6)
    keys = 1 + dice.index(below: 5)
    think = Span(.zero, .milliseconds([2, 20, 100][dice.index(below: 3)]))
    clientTimeout = .milliseconds([300, 2_000][dice.index(below: 2)])
    valueBytes = [8, 8, 200][dice.index(below: 3)]
    if dice.chance(1, in: 3) {
      maxStaleness = .milliseconds([1, 50, 1_000][dice.index(below: 3)])
    }
  }

  private mutating func drawCompaction(_ dice: inout SplitMix64) {
    guard dice.chance(1, in: 2) else { return }
    compaction = Span(.milliseconds(5), .milliseconds([50, 1_000][dice.index(below: 2)]))
  }

  // MARK: Faults

  /// A quarter of the seeds have no fault at all but the network's and the disk's.
  private mutating func drawFaults(_ dice: inout SplitMix64, of seed: UInt64) {
    faultInterval = Span(
      .milliseconds(20), .milliseconds([100, 400, 1_500][dice.index(below: 3)]))
    faultLength = Span(
      .milliseconds(5), .milliseconds([50, 500, 3_000][dice.index(below: 3)]))
    crashesInChanges = dice.chance(1, in: 2)
    guard !dice.chance(1, in: 4) else { return }
    for fault in Fault.allCases where usesFiles || !fault.needsFiles {
      draw(fault.rawValue, of: seed) { weather, dice in
        guard let (seeds, weight) = fault.commonness, dice.chance(1, in: seeds) else { return }
        weather.faultWeights[fault] = 1 + dice.next(below: weight)
      }
    }
  }

  /// In one seed of three, clients that change the members at any member, places that are taken,
  /// successors and spares.
  private mutating func drawMembership(_ dice: inout SplitMix64) {
    guard dice.chance(1, in: 3) else { return }
    introducesMembers = true
    spareDelay = settings.raft.electionTimeout * [1, 2, 5][dice.index(below: 3)]
    for fault in Fault.directChanges { faultWeights[fault] = nil }
    for fault in Fault.membership { faultWeights[fault] = 1 + dice.next(below: 3) }
  }

  // MARK: Power

  /// The weather of a seed whose members all lose power at once, again and again.
  mutating func failPower(seed: UInt64) {
    usesFiles = true
    draw("power", of: seed) { $0.drawPower(&$1) }
  }

  private mutating func drawPower(_ dice: inout SplitMix64) {
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
