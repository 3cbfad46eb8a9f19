import Base
import KeyValue
import Linearizability
import Member
import Raft
import Replica
import Storage
import Wire

/// Many members on virtual time: the product's own cores, stores and frames, and a world that
/// loses, delays, stops and forgets as the weather has it.
///
/// Everything happens in `run`, one event after the other; nothing else moves the clock.
final class World {
  let seed: UInt64
  var weather: Weather
  let cluster: InitialCluster
  /// The initial members, then those that may join.
  let members: [SimulatedMember]
  let positionOf: [MemberID: Int]

  private(set) var now = Instant.zero
  private(set) var events = 0
  var queue = EventQueue()
  var network: Network
  var clients: [SimulatedClient] = []
  var keepers: [LeaseKeeper] = []
  var watchers: [Watcher] = []
  /// The newest stream of watches.
  var lastWatchStream: UInt64 = 0
  var history = History(initialRevision: 1)
  /// Open at one end at least.
  var connections: [SnapshotConnection] = []
  var lastConnection = 0
  var checks = Checks()
  var counts = Counts()

  /// Separate dice, so that one more draw for the network does not change what clients do.
  var networkDice: SplitMix64
  var streamDice: SplitMix64
  var weatherDice: SplitMix64
  var backupDice: SplitMix64
  /// Until when somebody may wait for a change of the members.
  var membersAskedUntil = Instant.zero

  /// Whether no client asks and no weather changes.
  var isCalm = true
  /// Since when the network's own roughness is what it is.
  var smoothSince = Instant.zero
  /// What went wrong first; nothing happens afterwards.
  private(set) var violation: String?
  /// The power is to fail everywhere at some operation of a disk; `nil`: it is not.
  var powerCut: PowerCut?
  /// It has just done so.
  var powerFailedAt: DiskPoint?
  /// Members whose disks refused something in this event.
  var failing: [(Int, StorageError)] = []
  /// New leaders that were to be cut off, so that each third one is not.
  var cutLeaders = 0
  /// Counts the turns of the weather.
  var weatherTurns = 0
  /// The turns at which something may strike; `nil`: all. For shrinking.
  var allowedTurns: [Int]?
  /// Takes the trace, a line at a time; `nil`: none is made.
  var trace: ((String) -> Void)?
  /// Is shown the run event by event, for a drawing; `nil`: nobody looks.
  var watch: ((TraceEvent) -> Void)?
  /// Messages so far, handshakes not counted.
  var sentMessages: UInt64 = 0
  /// Also what passes between the members, not only the story.
  var tracesMessages = true

  /// What happened, for reports.
  struct Counts {
    var elections = 0
    var crashes = 0
    var snapshots = 0
    var acknowledged = 0
    var refused = 0
    var unknown = 0
    var configurationChanges = 0
    /// Power losses of all, by `DiskPoint`.
    var powerCuts = Array(repeating: 0, count: DiskPoint.allCases.count)
    /// Members that stopped because of their disks.
    var diskStops = 0
    var replacements = 0
    var drains = 0
    var compactions = 0
    /// Backups that clients have read to their ends.
    var backups = 0
    /// Brought to watchers, and found right.
    var watchedEvents = 0
    /// How far clocks have jumped ahead, all together.
    var clockJumps = Duration.zero
  }

  init(seed: UInt64, weather: Weather, spareMembers: Int = 0) {
    self.seed = seed
    self.weather = weather
    var dice = SplitMix64(seed: seed)
    networkDice = SplitMix64(seed: dice.next())
    weatherDice = SplitMix64(seed: dice.next())
    streamDice = SplitMix64(seed: ~seed)
    backupDice = SplitMix64(seed: seed, for: "clients of backups")
    func list(_ numbers: ClosedRange<Int>) -> InitialCluster {
      do {
        return try InitialCluster(
          token: "simulation",
          members: numbers.map { (name: "m\($0)", peerURLs: ["http://m\($0):2380"]) })
      } catch {
        preconditionFailure("the simulated list is refused: \(error)")
      }
    }
    let count = weather.members + spareMembers
    cluster = list(1...weather.members)
    network = Network(count: count)
    let everyone = list(1...count)
    var built: [SimulatedMember] = []
    for position in 0..<count {
      guard let member = everyone.member(named: "m\(position + 1)") else {
        preconditionFailure("m\(position + 1) is not in its own list")
      }
      let identity = Identity(
        cluster: cluster.clusterID.number, member: member.id, name: member.name,
        incarnation: Incarnation(dice.next() | 1))
      let drift = Int64(dice.next(below: 2 * weather.driftMillionths + 1))
      let clock = MemberClock(
        offset: Int64(dice.next(below: 3_600_000_000_000)),
        driftMillionths: drift - Int64(weather.driftMillionths))
      built.append(
        SimulatedMember(
          position: position, member: member, isInitial: position < weather.members,
          disk: World.disk(for: identity, weather), clock: clock, count: count,
          weather: weather, dice: SplitMix64(seed: dice.next()),
          laneSeed: ~seed ^ UInt64(position + 1) << 32))
    }
    members = built
    positionOf = Dictionary(uniqueKeysWithValues: built.map { ($0.id, $0.position) })
    clients = (0..<weather.clients).map { _ in
      SimulatedClient(
        dice: SplitMix64(seed: dice.next()), lastSeen: Array(repeating: nil, count: weather.keys))
    }
    keepers = (0..<weather.leaseKeepers).map {
      LeaseKeeper(dice: SplitMix64(seed: ~seed &+ UInt64($0)), number: $0)
    }
    checks.leaseHonesty = LeaseHonesty(driftMillionths: weather.driftMillionths)
    watchers = (0..<weather.watchers).map {
      Watcher(dice: SplitMix64(seed: ~seed &- UInt64($0) &- 1), number: $0)
    }
  }

  static func disk(for identity: Identity, _ weather: Weather) -> any MemberDisk {
    weather.usesFiles
      ? FileDisk(identity: identity, settings: weather.storage) : ModelDisk(identity: identity)
  }

  // MARK: Time

  func after(_ delay: Duration, _ event: Event) { queue.push(event, at: now + delay) }

  /// Starts the handshakes, and the initial members: all, or those at these positions.
  func begin(starting positions: [Int]? = nil) {
    if weather.powerCuts != nil, weather.powerPoint == .form || weatherDice.chance(1, in: 4) {
      layPowerCut()
    }
    for member in members where member.isInitial && positions?.contains(member.position) ?? true {
      start(member)
    }
    if !failing.isEmpty || powerFailedAt != nil { endFailing() }
    queue.push(.connectTurn, at: now)
    after(weather.settings.raft.electionTimeout, .inspection)
  }

  /// Lets events happen until the condition holds, nothing is left, something is violated, the
  /// instant has come or `limit` events have passed. Whether the condition holds.
  @discardableResult
  func run(until end: Instant, limit: Int = .max, _ condition: () -> Bool = { false }) -> Bool {
    var left = limit
    while violation == nil {
      if condition() { return true }
      guard left > 0, let next = queue.next, next <= end, let (at, event) = queue.pop() else {
        break
      }
      precondition(at >= now, "time goes back from \(now) to \(at)")
      now = at
      left -= 1
      events += 1
      happen(event)
      if !failing.isEmpty || powerFailedAt != nil { endFailing() }
    }
    if violation == nil && end > now && left > 0 && end < .distantFuture { now = end }
    return condition()
  }

  // MARK: What goes wrong, what is told

  func check(_ finding: @autoclosure () -> String?) {
    guard violation == nil, let finding = finding() else { return }
    violation = finding
    tell(nil, "violation: \(finding)")
  }

  func fail(_ sentence: String) { check(sentence) }

  /// One line of the trace: the instant in microseconds, who, what.
  func tell(_ member: SimulatedMember?, _ text: @autoclosure () -> String) {
    guard trace != nil || watch != nil else { return }
    let text = text()
    watch?(.told(member?.position, at: now, text: text))
    trace?("\(now.nanoseconds / 1_000) \(member?.name ?? "world") \(text)")
  }

  /// One line about what passes between members.
  func tellMessage(_ text: @autoclosure () -> String) {
    guard tracesMessages, let trace else { return }
    trace("\(now.nanoseconds / 1_000) \(text())")
  }

  // MARK: One event

  private func happen(_ event: Event) {
    switch event {
    case .packet(let packet): deliver(packet)
    case .connectTurn: connectAll()
    case .snapshotDialed(let number): accept(number)
    case .snapshotDelivery(let number, let toAcceptor):
      deliverSnapshot(number, toAcceptor: toAcceptor)
    case .clientTurn(let client): ask(client)
    case .answer(let client, let attempt, let answer): take(answer, client, attempt)
    case .clientTimeout(let client, let attempt): take(.unknown, client, attempt)
    case .keeperTurn(let keeper): keeperTurn(keeper)
    case .keeperAnswer(let keeper, let attempt, let result):
      take(result, keeper: keeper, attempt)
    case .keeperTimeout(let keeper, let attempt): take(nil, keeper: keeper, attempt)
    case .watcherTurn(let watcher): watcherTurn(watcher)
    case .watchNews(let watcher, let stream, let news): take(news, watcher: watcher, stream)
    case .backupAsk: askForBackup()
    case .weatherTurn: changeWeather()
    case .powerTurn: armPowerCut()
    case .crashSoon(let position): crashSoon(members[position])
    case .cutLeader(let position, let boot): cutOff(members[position], boot)
    case .replaceTurn(let position): replaceTurn(members[position])
    case .diskRoom(let position): makeRoom(members[position])
    case .flapTurn(let left, let right, let end): flap(left, right, end)
    case .constrain(let hub): constrain(hub)
    case .compactTurn: compact()
    case .healLinks: healLinks()
    case .restart(let position): restart(members[position])
    case .resume(let position): resume(members[position])
    case .diskCalm(let position): members[position].diskSlowness = 1
    case .inspection: inspectQuorumRule()
    case .request(let request): arrive(request, event)
    case .wake(let position, let boot), .diskDone(let position, let boot),
      .applyTurn(let position, let boot), .flushTurn(let position, let boot),
      .spaceTurn(let position, let boot),
      .drain(let position, let boot), .sessionBroken(let position, let boot, _, _),
      .snapshotConnected(let position, let boot, _, _),
      .snapshotBroken(let position, let boot, _, _),
      .snapshotWritable(let position, let boot, _), .exchangeTurn(let position, let boot),
      .laneTurn(let position, let boot), .laneReports(let position, let boot),
      .terminated(let position, let boot),
      .retired(let position, let boot), .watchTurn(let position, let boot),
      .readerTurn(let position, let boot), .scrubTurn(let position, let boot),
      .backupTurn(let position, let boot), .backupRead(let position, let boot, _):
      let member = members[position]
      guard member.boot == boot, member.isUp else { return }
      if member.isPaused { return member.backlog.append(event) }
      happen(event, to: member)
    }
  }

  /// An event of a member's present boot, while it is not paused.
  func happen(_ event: Event, to member: SimulatedMember) {
    switch event {
    case .wake: wake(member)
    case .diskDone: workLog(member)
    case .applyTurn: applyTurn(member)
    case .flushTurn: flushTurn(member)
    case .spaceTurn: spaceTurn(member)
    case .drain: drain(member)
    case .sessionBroken(_, _, let peer, let peerBoot): breakSession(member, peer, peerBoot)
    case .snapshotConnected(_, _, let number, let peerBoot):
      connected(member, number, peerBoot)
    case .snapshotBroken(_, _, let number, let isAcceptor): learnEnd(number, isAcceptor)
    case .snapshotWritable(_, _, let stream): exchange(member, .writable(stream))
    case .exchangeTurn: exchangeTurn(member)
    case .laneTurn: laneTurn(member)
    case .laneReports: takeReports(member)
    case .terminated: endInOrder(member)
    case .retired: retire(member)
    case .watchTurn: watchTurn(member)
    case .readerTurn: readerTurn(member)
    case .scrubTurn: scrubTurn(member)
    case .backupTurn: backupTurn(member)
    case .backupRead(_, _, let call): readBackup(call, member)
    case .packet(let packet): receive(packet, member)
    case .request(let request): admit(request, member)
    case .connectTurn, .snapshotDialed, .snapshotDelivery, .clientTurn, .answer, .clientTimeout,
      .weatherTurn,
      .healLinks, .restart, .resume, .diskCalm, .inspection, .powerTurn, .crashSoon, .cutLeader,
      .replaceTurn, .diskRoom, .flapTurn, .constrain, .compactTurn, .keeperTurn, .keeperAnswer,
      .keeperTimeout, .watcherTurn, .watchNews, .backupAsk:
      preconditionFailure("\(event) happens to no member")
    }
  }
}
