import Base
@testable import Raft

/// Members on virtual time, with a network and disks that follow a weather. Calm weather delivers
/// and stores in no time, for scenarios; the swarm draws storms.
struct Cluster {
  /// What the world does by itself. Chances are per mille.
  struct Weather {
    var loss: UInt64 = 0
    var duplication: UInt64 = 0
    var delay = Duration.zero
    var diskDelay = Duration.zero
    var applyDelay = Duration.zero
    /// Whether peers learn at once that a session opened or broke.
    var reportsSessions = false
  }

  struct Node {
    var core: RaftCore
    var disk: Disk
    var isUp = true
    var boot: UInt64 = 1
    /// How far this member's clock is ahead of the cluster's.
    var skew = Duration.zero
    var wakeAt = Instant.distantFuture
    var pending: [StorageWrite] = []
    var machine: Machine
    /// Handed over, not yet applied.
    var queue: [Entry] = []
  }

  enum Event {
    case message(Message, from: Int, to: Int, fromBoot: UInt64, toBoot: UInt64)
    case wake(Int)
    case disk(Int, boot: UInt64)
    case apply(Int, boot: UInt64)
    case fetch(LogFetch, Int, boot: UInt64)
    case snapshot(SnapshotRequest, Term, Int, boot: UInt64)
    case restored(LogBase, Int, boot: UInt64)
    case session(Int, with: Int, isOpen: Bool, boot: UInt64)
  }

  struct Link: Hashable {
    var from: Int
    var to: Int
  }

  var settings: RaftSettings
  var weather = Weather()
  var nodes: [Node] = []
  var now = Instant(nanoseconds: 1_000_000_000)
  var dice: SplitMix64
  var agenda = Agenda<Event>()
  var cuts: Set<Link> = []
  /// Whether the disks finish what they are given; if not, writes pile up.
  var stoppedDisks: Set<Int> = []
  var trace: [String] = []
  var checker = Checker()
  var appended: [Appended] = []
  var refused: [Refused] = []
  var readable: [Readable] = []
  var unreadable: [ReadID] = []
  var snapshots: [SnapshotRequest] = []
  var lastNumber: UInt64 = 0

  init(voters: ClosedRange<UInt64>, learners: [UInt64] = [], seed: UInt64 = 1) {
    self.init(
      voters: voters, learners: learners, seed: seed, settings: RaftSettings())
  }

  init(
    voters: ClosedRange<UInt64>, learners: [UInt64] = [], seed: UInt64, settings: RaftSettings
  ) {
    self.settings = settings
    dice = SplitMix64(seed: seed)
    let members =
      voters.map { Self.member($0, .voter) } + learners.map { Self.member($0, .learner) }
    let base = LogBase(last: .zero, configuration: Configuration(members: members))
    for _ in members { addNode(base: base) }
  }

  static func member(
    _ number: UInt64, _ role: Configuration.Role
  ) -> Configuration.Member {
    Configuration.Member(
      id: MemberID(number), incarnation: Incarnation(number), role: role, name: "m\(number)",
      peerURLs: ["http://m\(number)"])
  }

  /// One more process, with the next number, that starts from `base`.
  mutating func addNode(base: LogBase) {
    let disk = Disk(base: base)
    let id = MemberID(UInt64(nodes.count + 1))
    let core = RaftCore(
      id: id, settings: settings,
      recovered: Recovered(
        hardState: HardState(), base: base, entries: [], applied: base.last.index),
      seed: dice.next(), now: now)
    nodes.append(Node(core: core, disk: disk, machine: disk.machine))
    planWake(nodes.count - 1, at: core.wakeAt)
  }

  // MARK: Access by number

  subscript(number: UInt64) -> RaftCore { nodes[Int(number) - 1].core }

  var leaders: [UInt64] {
    nodes.filter { $0.isUp && $0.core.isLeader }.map(\.core.id.number)
  }

  mutating func takeTrace() -> String {
    defer { trace = [] }
    return trace.joined(separator: "\n")
  }

  // MARK: Time

  /// Lets everything happen that takes no time.
  mutating func settle() { run(until: now) }

  /// Lets what takes no time happen one by one, and stops as soon as the condition holds.
  mutating func settle(until isMet: (Cluster) -> Bool) {
    while !isMet(self), let at = agenda.nextAt, at <= now { perform(agenda.takeNext()) }
  }

  mutating func advance(by duration: Duration) { run(until: now + duration) }

  mutating func run(until end: Instant) {
    var steps = 0
    while let at = agenda.nextAt, at <= end, checker.violation == nil {
      now = max(now, at)
      perform(agenda.takeNext())
      steps += 1
      if steps > 200_000 { checker.violation = "the cluster never comes to rest" }
    }
    now = max(now, end)
  }

  /// Runs until the condition holds; false: it did not within `limit`.
  mutating func run(
    upTo limit: Duration, until isMet: (Cluster) -> Bool
  ) -> Bool {
    let end = now + limit
    while !isMet(self) {
      guard now < end, checker.violation == nil else { return false }
      advance(by: .milliseconds(5))
    }
    return true
  }

  mutating func plan(_ event: Event, after delay: Duration) {
    let wait = delay == .zero ? .zero : dice.duration(in: .zero..<delay)
    agenda.plan(event, at: now + wait)
  }

  private mutating func planWake(_ position: Int, at local: Instant) {
    guard local != nodes[position].wakeAt else { return }
    nodes[position].wakeAt = local
    guard local != .distantFuture else { return }
    agenda.plan(.wake(position), at: max(now, local + (.zero - nodes[position].skew)))
  }

  private mutating func perform(_ event: Event) {
    switch event {
    case .message(let message, from: let from, to: let to, fromBoot: let sent, toBoot: let meant):
      guard isLive(from, sent), isLive(to, meant), !cuts.contains(Link(from: from, to: to)) else {
        return
      }
      step(to, .message(message, from: nodes[from].core.id))
    case .wake(let position):
      guard nodes[position].isUp, nodes[position].wakeAt <= now + nodes[position].skew else {
        return
      }
      nodes[position].wakeAt = .distantFuture
      step(position, .timer)
    case .disk(let position, boot: let boot):
      if isLive(position, boot), !stoppedDisks.contains(position) { store(position) }
    case .apply(let position, boot: let boot):
      if isLive(position, boot) { apply(position) }
    case .fetch(let fetch, let position, boot: let boot):
      guard isLive(position, boot) else { return }
      step(position, .fetched(fetch, nodes[position].disk.read(fetch)))
    case .snapshot(let request, let term, let position, boot: let boot):
      if isLive(position, boot) { stream(request, term, from: position) }
    case .restored(let base, let position, boot: let boot):
      if isLive(position, boot) { step(position, .restored(base)) }
    case .session(let position, with: let other, isOpen: let isOpen, boot: let boot):
      guard isLive(position, boot) else { return }
      let member = nodes[other].core.id
      step(position, isOpen ? .sessionOpened(member) : .sessionLost(member))
    }
  }

  func isLive(_ position: Int, _ boot: UInt64) -> Bool {
    nodes[position].isUp && nodes[position].boot == boot
  }

  // MARK: One step and its effects

  mutating func step(_ position: Int, _ event: Input.Event) {
    guard nodes[position].isUp else { return }
    let before = Self.describe(nodes[position].core)
    let commit = nodes[position].core.commitIndex
    let input = Input(now: now + nodes[position].skew, event: event)
    let output = nodes[position].core.step(input)
    let after = Self.describe(nodes[position].core)
    if before != after { trace.append("m\(position + 1) \(before) ⇒ \(after)") }
    record(output, position)
    perform(output, position)
    checker.check(position, commitBefore: commit, in: nodes)
  }

  private mutating func record(_ output: Output, _ position: Int) {
    for note in output.notes {
      switch note {
      case .configurationChanged(let configuration, at: let index):
        trace.append(
          "m\(position + 1) has \(Self.describe(configuration)) at \(index.number)")
      case .logTruncated(after: let index):
        trace.append("m\(position + 1) truncates after \(index.number)")
      case .transferStarted(to: let member):
        trace.append("m\(position + 1) hands over to m\(member.number)")
      case .steppedDown(let reason):
        trace.append("m\(position + 1) steps down: \(reason)")
      case .becameFollower, .becamePreCandidate, .becameCandidate, .becameLeader, .committed,
        .transferEnded:
        break
      }
    }
    appended += output.appended
    refused += output.refused
    readable += output.readable
    unreadable += output.unreadable
    snapshots += output.snapshots
    for answer in output.readable { checker.readAnswered(answer) }
    for id in output.unreadable { checker.readRefused(id) }
  }

  private mutating func perform(_ output: Output, _ position: Int) {
    let boot = nodes[position].boot
    for envelope in output.sends { post(envelope, from: position) }
    for write in output.writes {
      nodes[position].pending.append(write)
      plan(.disk(position, boot: boot), after: weather.diskDelay)
    }
    if !output.committed.isEmpty {
      for entry in output.committed { checker.handedOver(entry, to: position) }
      nodes[position].queue += output.committed
      plan(.apply(position, boot: boot), after: weather.applyDelay)
    }
    for fetch in output.fetches {
      plan(.fetch(fetch, position, boot: boot), after: weather.diskDelay)
    }
    let term = nodes[position].core.currentTerm
    for request in output.snapshots {
      plan(.snapshot(request, term, position, boot: boot), after: weather.diskDelay * 4)
    }
    if let base = output.restore {
      nodes[position].queue = []
      nodes[position].machine = Machine(applied: base.last, configuration: base.configuration)
      plan(.restored(base, position, boot: boot), after: weather.applyDelay)
    }
    planWake(position, at: output.wakeAt)
  }

  mutating func post(_ envelope: Envelope, from: Int) {
    let to = Int(envelope.to.number) - 1
    guard to < nodes.count, !cuts.contains(Link(from: from, to: to)) else { return }
    if dice.chance(weather.loss, in: 1000) { return }
    let event = Event.message(
      envelope.message, from: from, to: to, fromBoot: nodes[from].boot, toBoot: nodes[to].boot)
    plan(event, after: weather.delay)
    if dice.chance(weather.duplication, in: 1000) { plan(event, after: weather.delay * 3) }
  }

  /// One group commit: some or all of what waits.
  mutating func store(_ position: Int) {
    let waiting = nodes[position].pending.count
    guard waiting > 0 else { return }
    let isCalm = weather.diskDelay == .zero
    let count = isCalm ? waiting : 1 + dice.index(below: waiting)
    let group = Array(nodes[position].pending.prefix(count))
    nodes[position].pending.removeFirst(count)
    for write in group { nodes[position].disk.apply(write) }
    for envelope in group.flatMap(\.releasedWhenDurable) { post(envelope, from: position) }
    step(position, .stored(group[count - 1].ticket))
    if !nodes[position].pending.isEmpty {
      plan(.disk(position, boot: nodes[position].boot), after: weather.diskDelay)
    } else {
      checker.checkConfiguration(nodes[position])
    }
  }

  private mutating func apply(_ position: Int) {
    let queue = nodes[position].queue
    guard let last = queue.last else { return }
    nodes[position].queue = []
    for entry in queue { nodes[position].machine.apply(entry) }
    step(position, .applied(last.index))
    // Now and then what is applied reaches the disk as well.
    if weather.applyDelay == .zero || dice.chance(300, in: 1000) {
      nodes[position].disk.machine = nodes[position].machine
      step(position, .durableApplied(last.index))
    }
  }

  private mutating func stream(_ request: SnapshotRequest, _ term: Term, from position: Int) {
    let to = Int(request.to.number) - 1
    let base = nodes[position].machine.base
    let isCut = cuts.contains(Link(from: position, to: to))
    guard to < nodes.count, nodes[to].isUp, !isCut, base.last.index >= request.atLeast,
      nodes[position].core.delivery.installing == nil
    else {
      return step(position, .snapshotSent(request, .failed))
    }
    step(
      to,
      .message(
        Message(term: term, body: .installSnapshot(InstallSnapshot(base: base))),
        from: nodes[position].core.id))
    step(position, .snapshotSent(request, .delivered(base)))
  }

  static func describe(_ core: RaftCore) -> String {
    switch core.role {
    case .follower: "follower@\(core.currentTerm.number)"
    case .preCandidate: "pre-candidate@\(core.currentTerm.number)"
    case .candidate: "candidate@\(core.currentTerm.number)"
    case .leader: "leader@\(core.currentTerm.number)"
    }
  }

  static func describe(_ configuration: Configuration) -> String {
    configuration.members.map { member in
      switch member.role {
      case .voter: "\(member.id.number)"
      case .learner: "(\(member.id.number))"
      case .incoming: "+\(member.id.number)"
      case .outgoing: "-\(member.id.number)"
      case .demoting: "-(\(member.id.number))"
      }
    }.joined(separator: " ")
  }
}
