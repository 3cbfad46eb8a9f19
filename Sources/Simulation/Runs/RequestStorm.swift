import Base
import EtcdAPI
import KeyValue
import Raft
import Replica
import Services
import Storage

/// Sends generated calls to three members that differ in all that must not matter: how soon they
/// flush, how much they keep in memory, whether they have files, when they clear away what was
/// compacted, when they start again, and whether they came by a snapshot. Every plan, refusal,
/// result, answer and digest is compared (failures A2, A3).
///
/// A request that would trap ends the process: print the seed before `run`.
public struct RequestStorm: Sendable {
  public let seed: UInt64
  public let requests: Int

  public init(seed: UInt64, requests: Int) {
    self.seed = seed
    self.requests = requests
  }

  public struct Verdict: Hashable, Sendable {
    /// What differed, and where; `nil`: nothing.
    public var failure: String?
    public var requests = 0
    /// Refused by all members before anything was appended.
    public var refused = 0
    /// Read by all members, and not appended.
    public var reads = 0
    /// Entries that all members applied.
    public var applied = 0
    /// Entries of another release, which this one would have refused.
    public var invalid = 0
    /// Answered with a `CommandError`.
    public var failed = 0
    public var restarts = 0
    public var snapshots = 0
    public var revision: Int64 = 0
  }

  /// Plays all requests, or stops at the first difference.
  public func run() -> Verdict {
    var course = Course(seed: seed)
    do {
      let machines = try (0..<3).map { try Machine($0, seed: course.dice.next()) }
      for _ in 0..<requests where course.verdict.failure == nil {
        try course.advance(machines)
      }
      course.verdict.revision = machines[0].store.meta.revision
    } catch {
      course.verdict.failure = "after \(course.verdict.requests) requests: \(error)"
    }
    return course.verdict
  }
}

/// How far a storm of requests has got.
private struct Course {
  var verdict = RequestStorm.Verdict()
  var dice: SplitMix64
  private var generator: RequestGenerator
  /// A client sees the same header whoever answers, so that the answers may be compared.
  private static let header = AnswerHeader(cluster: 1, member: 1, raftTerm: 1)

  init(seed: UInt64) {
    generator = RequestGenerator(seed: seed)
    dice = SplitMix64(seed: ~seed)
  }

  /// One request, and what the members do beside it.
  mutating func advance(_ machines: [Machine]) throws {
    let newest = machines[0].store.meta.revision
    verdict.requests += 1
    if dice.chance(1, in: 16) {
      // Also what is not valid: another release may have let it in.
      let command = generator.command(newest)
      if !command.isValid { verdict.invalid += 1 }
      try apply(command, machines)
    } else {
      let call = generator.call(newest)
      try serve(call, machines)
      if let failure = verdict.failure {
        verdict.failure =
          "\(failure)\n\(call.method), \(call.maxStaleness ?? "any age"), "
          + "\(call.body)"
      }
    }
    for machine in machines { verdict.restarts += try machine.live() ? 1 : 0 }
    if dice.chance(1, in: 5_000) {
      try machines[0].send(to: machines[1 + dice.index(below: 2)])
      verdict.snapshots += 1
    }
  }

  private mutating func serve(_ call: RequestCall, _ machines: [Machine]) throws {
    let plans = machines.map {
      $0.service.plan(call.method, body: call.body, maxStaleness: call.maxStaleness)
    }
    compare(plans, "plans")
    if let wrong = call.contradiction(plans[0], limits: machines[0].service.limits) {
      fail(wrong)
    }
    switch plans[0] {
    case .refused: verdict.refused += 1
    case .read(let plan):
      verdict.reads += 1
      compare(try machines.map { try $0.answer(plan, Course.header) }, "reads")
    case .proposal(let plan): try apply(plan.command, machines)
    }
  }

  private mutating func apply(_ command: Command, _ machines: [Machine]) throws {
    let index = UInt64(verdict.applied) + 1
    let asked = dice.index(below: machines.count)
    let envelope = CommandEnvelope(
      origin: CommandOrigin(member: UInt64(asked) + 1, boot: 1, sequence: index),
      command: command)
    let bytes = envelope.encoded()
    let results = try machines.map { try $0.apply(bytes, index: index) }
    verdict.applied += 1
    if case .failed = results[0].answer { verdict.failed += 1 }
    compare(results, "answers")
    compare(machines.map { $0.store.meta.stateDigest }, "states after it")
    compare(machines.map { $0.store.meta.revision }, "revisions after it")
    // What the client is told is made of the result alone, by whom it asked.
    _ = Result { () throws(EtcdStatus) in try KVService.body(results[asked], Course.header) }
    if let failure = verdict.failure { verdict.failure = "\(failure)\n\(command)" }
  }

  /// All members say the same.
  private mutating func compare<Answer: Equatable>(_ answers: [Answer], _ what: String) {
    for (number, answer) in answers.enumerated() where answer != answers[0] {
      fail("\(what): member \(number + 1) \(answer), member 1 \(answers[0])")
    }
  }

  private mutating func fail(_ sentence: String) {
    if verdict.failure == nil { verdict.failure = "request \(verdict.requests), \(sentence)" }
  }
}

/// One member without its consensus: service, state and store.
private final class Machine {
  let service = KVService()
  private let disk: any MemberDisk
  private(set) var store: Store
  private var state: any StateStore
  private var settings: StoreSettings
  private var cache = RowCache(limitBytes: 16 << 10)
  private var dice: SplitMix64
  /// One flush in so many requests, and how many rows it clears away at most.
  private let flushInterval: UInt64
  private let purgeRows: Int

  private static let configuration = Configuration(members: [])

  /// The first keeps all in memory, the second hardly anything; the third has files.
  init(_ number: Int, seed: UInt64) throws {
    dice = SplitMix64(seed: seed)
    let identity = Identity(
      cluster: 1, member: MemberID(UInt64(number) + 1), name: "m\(number + 1)",
      incarnation: Incarnation(1))
    var storage = StorageSettings()
    storage.reserveBytes = 16 << 10
    storage.neededBytes = 0
    disk =
      number == 2
      ? FileDisk(identity: identity, settings: storage) : ModelDisk(identity: identity)
    settings = StoreSettings()
    settings.overlayLimitBytes = [64 << 20, 4_000, 64_000][number]
    settings.recentLimitBytes = [8 << 20, 0, 1_000][number]
    settings.cacheLimitBytes = [4 << 20, 0, 2_000][number]
    (flushInterval, purgeRows) = [(500, 4_096), (3, 64), (60, 512)][number]
    try disk.open()
    try disk.store.log.form(
      Formation(
        base: LogBase(last: .zero, configuration: Machine.configuration), founding: .unknown))
    state = try disk.store.openState()
    store = try state.load(settings: settings)
  }

  func apply(_ bytes: [UInt8], index: UInt64) throws -> CommandResult {
    let envelope = try CommandEnvelope(decoding: bytes)
    return try store.apply(
      index: index, term: 1 + index / 1_000, envelope.command, reading: state
    ).result
  }

  /// As a server does it: from memory if that has all rows, else again with the table.
  func answer(_ plan: ReadPlan, _ header: AnswerHeader) throws -> Result<[UInt8], EtcdStatus> {
    let readView = store.readView
    switch plan.kind {
    case .range(let request):
      switch readView.resolve(request) {
      case .failure(let error): return .failure(EtcdStatus(error))
      case .success(let range): return .success(try body(range, header))
      }
    case .txn(let request):
      let response: Result<TxnResponse, CommandError> =
        switch readView.transact(request, cache: &cache) {
        case .answer(let response): .success(response)
        case .refused(let error): .failure(error)
        case .misses: try readView.transact(request, cache: &cache, reading: state)
        }
      return response.map { KVService.body($0, revision: readView.revision, header) }
        .mapError { EtcdStatus($0) }
    }
  }

  private func body(_ range: ResolvedRange, _ header: AnswerHeader) throws -> [UInt8] {
    if range.isScan {
      return try KVService.body(range, reading: range.isInMemory ? nil : state, header)
    }
    let response =
      switch range.response(cache: &cache) {
      case .answer(let response): response
      case .refused, .misses: try range.response(cache: &cache, reading: state)
      }
    return KVService.body(response, header)
  }

  /// What a member does beside applying; whether it started again.
  func live() throws -> Bool {
    if store.isFull || dice.chance(1, in: flushInterval) { try flush() }
    guard dice.chance(1, in: 3_000) else { return false }
    try flush()
    try state.sync()
    try state.close()
    try disk.close()
    try disk.open()
    state = try disk.store.openState()
    store = try state.load(settings: settings)
    return true
  }

  private func flush() throws {
    if !state.isCompactionHeld { _ = try store.purge(limitRows: purgeRows, reading: state) }
    while let batch = store.takeFlushBatch(limitBytes: 64 << 10) {
      try state.flush(batch)
      store.flushed(through: batch.meta.appliedIndex)
    }
    try state.maintain()
  }

  /// The other takes this member's state over, by a snapshot.
  func send(to other: Machine) throws {
    try flush()
    let source = try state.openSnapshot()
    defer { source.close() }
    let sink = try other.disk.store.receiveSnapshot()
    while let chunk = try source.next(limitBytes: 4_096) { try sink.receive(chunk) }
    let meta = try sink.finish()
    var write = StorageWrite(ticket: WriteTicket(1))
    write.install = LogBase(
      last: EntryID(term: Term(meta.appliedTerm), index: LogIndex(meta.appliedIndex)),
      configuration: Machine.configuration)
    try other.disk.store.log.commit([write])
    other.state = try other.disk.store.openState()
    other.store = try other.state.load(settings: other.settings)
    other.cache = RowCache(limitBytes: 16 << 10)
    try other.disk.store.removeGenerations(before: other.state.generation)
  }
}
