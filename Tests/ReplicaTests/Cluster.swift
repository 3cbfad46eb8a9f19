import Base
import KeyValue
import Raft
import Replica

/// A replica where an array can hold it, and what tests look at.
final class ReplicaBox {
  private var core: ReplicaCore

  init(_ core: consuming ReplicaCore) { self.core = core }

  func step(_ input: ReplicaInput) -> ReplicaEffects { core.step(input) }

  func status(at now: Instant) -> ReplicaStatus { core.status(at: now) }

  var id: MemberID { core.id }
  var boot: Boot { core.boot }
  var isLeader: Bool { core.isLeader }
  var leader: MemberID? { core.leader }
  var currentTerm: Term { core.currentTerm }
  var commitIndex: LogIndex { core.commitIndex }
  var configuration: Configuration { core.configuration }
  var membership: (index: LogIndex, isMember: Bool) { core.membership }
  var knownMembers: [KnownMember] { core.knownMembers }
  var serializablePass: SerializablePass? { core.serializablePass }
  var freshAsOf: Instant? { core.freshAsOf }
  var awaitsApply: Bool { core.awaitsApply }
  var isFenced: Bool { core.isFenced }
  var fencedRevisions: ClosedRange<Int64>? { core.fencedRevisions }
  func writeHealth(at now: Instant) -> WriteHealth { core.writeHealth(at: now) }
}

/// A few replicas on virtual time with a network, disks and state machines that only take time.
///
/// A command is nine bytes: the member that was asked and the request's number.
struct Cluster {
  fileprivate enum Happening {
    case event(ReplicaEvent)
    /// A write is on disk: what rested on it leaves.
    case durable(ReplicaWrite)
    /// The state machine is through with these.
    case apply([Entry])
  }

  private struct Item {
    var at: Instant
    var order: UInt64
    var member: Int
    var happening: Happening
  }

  var now = Instant(nanoseconds: 0)
  private(set) var members: [ReplicaBox] = []
  /// What each member told its clients, in order.
  private(set) var answers: [[Answer]]
  /// Requests that were answered by their results, by member.
  private(set) var completed: [[RequestID]]
  /// When the command in each slot was first answered by its result.
  private(set) var acknowledgedAt: [LogIndex: Instant] = [:]
  /// Every command that was applied, at each member in order.
  private(set) var applied: [[[UInt8]]]
  /// Messages that left, by sender.
  private(set) var sent: [[PeerEnvelope]]
  private(set) var isDrained: [Bool]
  private(set) var isRemoved: [Bool]
  private(set) var notes: [[ReplicaNote]]
  private var wakeAt: [Instant]
  private var queue: [Item] = []
  private var order: UInt64 = 0
  /// Directed links that are cut, as from × 100 + to.
  private var cut: Set<Int> = []
  /// Until when each member stands still.
  private var pausedUntil: [Instant]
  /// Until when disks write nothing, by member.
  private var stalledUntil: [Int: Instant] = [:]
  private var dice: SplitMix64

  var networkDelay: Range<Duration> = .milliseconds(1)..<(.milliseconds(2))
  var applyDelay: Range<Duration> = .microseconds(100)..<(.microseconds(200))
  /// How much later a member applies, all the time.
  var applyLag: [Int: Duration] = [:]
  var diskDelay: Range<Duration> = .microseconds(500)..<(.milliseconds(1))
  var isDoublingForwards = false
  var dropsRoomReplies = false

  /// What members ask by themselves is carried out here.
  var stores: [Store]
  private(set) var upkeepCommands: [[Command]]

  init(_ count: Int, seed: UInt64 = 1, settings: ReplicaSettings = ReplicaSettings()) {
    dice = SplitMix64(seed: seed)
    answers = Array(repeating: [], count: count)
    completed = Array(repeating: [], count: count)
    applied = Array(repeating: [], count: count)
    sent = Array(repeating: [], count: count)
    isDrained = Array(repeating: false, count: count)
    isRemoved = Array(repeating: false, count: count)
    notes = Array(repeating: [], count: count)
    wakeAt = Array(repeating: .zero, count: count)
    pausedUntil = Array(repeating: .zero, count: count)
    stores = (0..<count).map { _ in Store(generation: 1) }
    upkeepCommands = Array(repeating: [], count: count)
    let recovered = Cluster.fresh(voters: count)
    members = (0..<count).map { position in
      ReplicaBox(
        ReplicaCore(
          id: MemberID(UInt64(position) + 1), boot: Boot(UInt64(position) + 1),
          settings: settings, recovered: recovered, seed: seed &+ UInt64(position), now: .zero))
    }
    for position in 0..<count {
      for other in 0..<count where other != position {
        step(position, .sessionOpened(id(other), Boot(UInt64(other) + 1)))
      }
    }
  }

  static func fresh(voters: Int) -> Recovered {
    let configuration = Configuration(
      members: (1...UInt64(voters)).map {
        Configuration.Member(
          id: MemberID($0), incarnation: Incarnation($0 + 100), role: .voter, name: "n\($0)",
          peerURLs: ["http://n\($0)"])
      })
    return Recovered(
      hardState: HardState(), base: LogBase(last: .zero, configuration: configuration),
      entries: [], applied: .zero)
  }

  func id(_ position: Int) -> MemberID { MemberID(UInt64(position) + 1) }

  var leader: Int? {
    members.indices.filter { members[$0].isLeader }
      .max { members[$0].currentTerm < members[$1].currentTerm }
  }

  // MARK: What a test does

  /// Runs for a while.
  mutating func run(_ duration: Duration) {
    let end = now + duration
    while let next = nextInstant(), next <= end {
      now = max(now, next)
      turn()
    }
    now = end
  }

  /// Runs until all members know one leader. Returns it and the position of a follower.
  mutating func elect() -> (leader: Int, follower: Int) {
    for _ in 0..<1_000 {
      run(.milliseconds(10))
      if let leader, members.allSatisfy({ $0.leader == id(leader) }),
        members.allSatisfy({ $0.status(at: now).quorum.missing.isEmpty }),
        members.allSatisfy({ $0.freshAsOf != nil })
      {
        return (leader, leader == 0 ? 1 : 0)
      }
    }
    preconditionFailure("nobody was elected by \(now)")
  }

  mutating func propose(
    _ number: UInt64, at position: Int, within time: Duration = .seconds(5),
    isGrowing: Bool = true
  ) {
    let request = ProposalRequest(
      id: RequestID(number), command: Self.command(position, number), deadline: now + time,
      isGrowing: isGrowing)
    step(position, .propose([request]))
  }

  /// Asks for a change of the members at any of them.
  mutating func reconfigure(
    _ number: UInt64, _ change: ConfigurationChange, at position: Int,
    within time: Duration = .seconds(10)
  ) {
    step(
      position,
      .reconfigure(
        MemberRequest(id: RequestID(number), change: change, deadline: now + time)))
  }

  /// A member that is not in the first configuration comes, with a data directory: it begins with
  /// what somebody told it, shakes hands with everybody, and is met by them.
  mutating func join(
    _ position: Int, _ incarnation: UInt64, settings: ReplicaSettings = ReplicaSettings()
  ) {
    precondition(position == members.count, "members join in order")
    var present = members[0].configuration
    if present[id(position)] == nil { present = members[leader ?? 0].configuration }
    members.append(
      ReplicaBox(
        ReplicaCore(
          id: id(position), boot: Boot(UInt64(position) + 1), settings: settings,
          recovered: Recovered(
            hardState: HardState(), base: LogBase(last: .zero, configuration: present),
            entries: [], applied: .zero), seed: UInt64(position), now: now)))
    answers.append([])
    completed.append([])
    applied.append([])
    sent.append([])
    isDrained.append(false)
    isRemoved.append(false)
    notes.append([])
    wakeAt.append(now)
    pausedUntil.append(.zero)
    stores.append(Store(generation: 1))
    upkeepCommands.append([])
    let introduction = Introduction(
      id: id(position), incarnation: Incarnation(incarnation), name: "n\(position + 1)",
      clientURLs: ["http://c\(position + 1)"])
    for other in 0..<position {
      step(position, .sessionOpened(id(other), Boot(UInt64(other) + 1)))
      step(other, .sessionOpened(id(position), Boot(UInt64(position) + 1)))
      step(other, .introduced(introduction))
    }
  }

  mutating func read(
    _ number: UInt64, at position: Int, _ consistency: ReadConsistency = .linearizable,
    within time: Duration = .seconds(5)
  ) {
    let request = ReadRequest(
      id: RequestID(number), consistency: consistency, deadline: now + time)
    step(position, .read([request]))
  }

  static func command(_ position: Int, _ number: UInt64) -> [UInt8] {
    [UInt8(position)] + (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
  }

  /// Cuts everything between the members and the rest, silently; `isLoud`: sessions break.
  mutating func isolate(_ positions: [Int], isLoud: Bool = false) {
    for inside in positions {
      for outside in members.indices where !positions.contains(outside) {
        cut.insert(inside * 100 + outside)
        cut.insert(outside * 100 + inside)
        if isLoud {
          step(inside, .sessionLost(id(outside)))
          step(outside, .sessionLost(id(inside)))
        }
      }
    }
  }

  mutating func cutLink(from: Int, to: Int) { cut.insert(from * 100 + to) }

  mutating func heal() { cut = [] }

  mutating func pause(_ position: Int, for duration: Duration) {
    pausedUntil[position] = now + duration
  }

  /// What is asked of the disk from now on is done when the time is over.
  mutating func stallDisk(of position: Int, for duration: Duration) {
    stalledUntil[position] = now + duration
  }

  mutating func step(_ position: Int, _ event: ReplicaEvent) {
    let effects = members[position].step(ReplicaInput(now: now, event: event))
    precondition(effects.fetches.isEmpty, "these logs fit into memory")
    send(effects.sends, from: position)
    for write in effects.writes {
      let stall = max(stalledUntil[position, default: now] - now, .zero)
      schedule(position, after: stall + dice.duration(in: diskDelay), .durable(write))
    }
    if !effects.apply.isEmpty {
      let lag = applyLag[position, default: .zero]
      schedule(position, after: lag + dice.duration(in: applyDelay), .apply(effects.apply))
    }
    answers[position] += effects.answers
    isDrained[position] = effects.isDrained
    isRemoved[position] = effects.isRemoved
    notes[position] += effects.notes
    wakeAt[position] = effects.wakeAt
  }

  // MARK: Time

  private func nextInstant() -> Instant? {
    var next: Instant?
    for item in queue {
      let at = max(item.at, pausedUntil[item.member])
      next = min(next ?? at, at)
    }
    for position in members.indices {
      let at = max(wakeAt[position], pausedUntil[position])
      next = min(next ?? at, at)
    }
    return next
  }

  /// Does everything that is due, in order.
  private mutating func turn() {
    let now = now
    let pausedUntil = pausedUntil
    func isDue(_ item: Item) -> Bool { max(item.at, pausedUntil[item.member]) <= now }
    let due = queue.filter(isDue).sorted { ($0.at, $0.order) < ($1.at, $1.order) }
    queue.removeAll(where: isDue)
    for item in due { happen(item.member, item.happening) }
    for position in members.indices where max(wakeAt[position], pausedUntil[position]) <= now {
      step(position, .timer)
    }
  }

  private mutating func happen(_ position: Int, _ happening: Happening) {
    switch happening {
    case .event(let event): step(position, event)
    case .durable(let write):
      send(write.releasedWhenDurable, from: position)
      step(position, .stored(write.write.ticket))
    case .apply(let entries): apply(entries, at: position)
    }
  }

  private mutating func apply(_ entries: [Entry], at position: Int) {
    var own: [RequestID] = []
    for entry in entries { takeUpkeep(entry, at: position, &own) }
    for case .command(let command) in entries.map(\.content)
    where (try? CommandEnvelope(decoding: command)) == nil {
      applied[position].append(command)
      guard command[0] == UInt8(position) else { continue }
      own.append(RequestID((1...8).reduce(0) { $0 | UInt64(command[$1]) << (8 * ($1 - 1)) }))
    }
    for entry in entries {
      if case .command(let command) = entry.content, command[0] == UInt8(position) {
        acknowledgedAt[entry.index] = acknowledgedAt[entry.index] ?? now
      }
    }
    completed[position] += own
    guard let last = entries.last else { return }
    step(
      position,
      .applied(through: last.index, completed: own, upkeep: stores[position].facts))
  }

  /// What members ask by themselves is for a real store; the test's own commands mean nothing to
  /// it.
  private mutating func takeUpkeep(
    _ entry: Entry, at position: Int, _ own: inout [RequestID]
  ) {
    let (index, term) = (entry.index.number, entry.term.number)
    guard case .command(let bytes) = entry.content,
      let envelope = try? CommandEnvelope(decoding: bytes)
    else { return stores[position].skip(index: index, term: term) }
    _ = try? stores[position].apply(index: index, term: term, envelope.command, reading: NoRows())
    upkeepCommands[position].append(envelope.command)
    if envelope.origin.member == id(position).number {
      own.append(RequestID(envelope.origin.sequence))
    }
  }

  /// Changes one member's state behind everybody's back.
  mutating func corrupt(_ position: Int) {
    var store = Store(generation: 1)
    let (index, term) = (stores[position].meta.appliedIndex, stores[position].meta.appliedTerm)
    for number in 1..<index { store.skip(index: number, term: term) }
    let put = Command.put(PutRequest(key: [1], value: [2]))
    _ = try? store.apply(index: index, term: term, put, reading: NoRows())
    stores[position] = store
  }

  private mutating func send(_ envelopes: [PeerEnvelope], from position: Int) {
    for envelope in envelopes {
      sent[position].append(envelope)
      let to = Int(envelope.to.number) - 1
      guard members.indices.contains(to), !cut.contains(position * 100 + to) else { continue }
      var copies = 1
      if case .forward = envelope.message, isDoublingForwards { copies = 2 }
      if case .roomReply = envelope.message, dropsRoomReplies { copies = 0 }
      for _ in 0..<copies {
        schedule(
          to, after: dice.duration(in: networkDelay),
          .event(.message(envelope.message, from: id(position))))
      }
    }
  }

  private mutating func schedule(
    _ position: Int, after delay: Duration, _ happening: Happening
  ) {
    order += 1
    // Disk and state machine are queues: what came first is done first.
    var at = now + delay
    for item in queue where item.member == position && item.happening.isSameQueue(happening) {
      at = max(at, item.at)
    }
    queue.append(Item(at: at, order: order, member: position, happening: happening))
  }
}

extension Cluster.Happening {
  fileprivate func isSameQueue(_ other: Cluster.Happening) -> Bool {
    switch (self, other) {
    case (.durable, .durable), (.apply, .apply): true
    case (.event, _), (.durable, _), (.apply, _): false
    }
  }
}

/// Nothing here reads rows that memory does not hold.
private struct NoRows: RowReading {
  struct Unexpected: Error {}

  func rows(numbered numbers: [RowNumber]) throws -> [Row] { throw Unexpected() }
}
