import KeyValue
import Raft
import Storage

/// Applies generated requests on three members that differ in all that must not matter: how soon
/// they flush, how much they keep in memory, whether they have files, when they clear away what was
/// compacted, when they start again, and whether they came by a snapshot. Every result, read and
/// digest is compared (failures A2, A3).
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
    public var applied = 0
    /// Requests that a member would have refused before they were appended.
    public var invalid = 0
    /// Answered with a `CommandError`.
    public var failed = 0
    public var restarts = 0
    public var snapshots = 0
    public var revision: Int64 = 0
  }

  /// Applies all requests, or stops at the first difference.
  public func run() -> Verdict {
    var verdict = Verdict()
    var generator = RequestGenerator(seed: seed)
    var dice = SplitMix64(seed: ~seed)
    do {
      let machines = try (0..<3).map { try Machine($0, seed: dice.next()) }
      for number in 1...max(1, requests) {
        let newest = machines[0].store.meta.revision
        let command = generator.command(newest)
        if !command.isValid { verdict.invalid += 1 }
        // Also what is not valid: another release may have let it in.
        let envelope = CommandEnvelope(
          origin: CommandOrigin(member: 1, boot: 1, sequence: UInt64(number)), command: command)
        let bytes = envelope.encoded()
        let results = try machines.map { try $0.apply(bytes, index: UInt64(number)) }
        verdict.applied += 1
        if case .failed = results[0].answer { verdict.failed += 1 }
        let read = dice.chance(1, in: 8) ? generator.range(newest) : nil
        if let failure = difference(machines, results, read) {
          verdict.failure = "request \(number), \(command): \(failure)"
          break
        }
        for machine in machines { verdict.restarts += try machine.live() ? 1 : 0 }
        if dice.chance(1, in: 5_000) {
          try machines[0].send(to: machines[1 + dice.index(below: 2)])
          verdict.snapshots += 1
        }
      }
      verdict.revision = machines[0].store.meta.revision
    } catch {
      verdict.failure = "after \(verdict.applied) requests: \(error)"
    }
    return verdict
  }

  private func difference(
    _ machines: [Machine], _ results: [CommandResult], _ read: RangeRequest?
  ) -> String? {
    for (number, machine) in machines.enumerated().dropFirst() {
      let member = "member \(number + 1)"
      if results[number] != results[0] {
        return "\(member) answers \(results[number]), member 1 \(results[0])"
      }
      let (left, right) = (machine.store.meta, machines[0].store.meta)
      if left.digest != right.digest || left.revision != right.revision {
        return "the states of \(member) and member 1 differ after it"
      }
    }
    guard let read else { return nil }
    let answers = machines.map { $0.read(read) }
    for (number, answer) in answers.enumerated() where answer != answers[0] {
      return "member \(number + 1) reads \(answer), member 1 \(answers[0]): \(read)"
    }
    return nil
  }
}

extension Command {
  /// Whether a member would append it.
  fileprivate var isValid: Bool {
    do throws(RequestError) {
      switch self {
      case .put(let put): try put.validate()
      case .deleteRange(let deletion): try deletion.validate()
      case .txn(let txn): try txn.validate()
      case .compaction: break
      }
      return true
    } catch {
      return false
    }
  }
}

/// One member without its consensus: state and store.
private final class Machine {
  private let disk: any MemberDisk
  private(set) var store: Store
  private var state: any StateStore
  private var settings: StoreSettings
  private var cache = RowCache(limitBytes: 16 << 10)
  private var dice: SplitMix64
  /// One flush in so many requests.
  private let flushInterval: UInt64

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
    flushInterval = [500, 3, 60][number]
    try disk.open()
    try disk.store.log.form(LogBase(last: .zero, configuration: Machine.configuration))
    state = try disk.store.openState()
    store = try state.load(settings: settings)
  }

  func apply(_ bytes: [UInt8], index: UInt64) throws -> CommandResult {
    let envelope = try CommandEnvelope(decoding: bytes)
    return try store.apply(
      index: index, term: 1 + index / 1_000, envelope.command, reading: state
    ).result
  }

  func read(_ request: RangeRequest) -> String {
    do {
      switch try store.root.range(request, cache: &cache, reading: state) {
      case .success(let response): return "\(response)"
      case .failure(let error): return "\(error)"
      }
    } catch {
      return "\(error)"
    }
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
    if !state.isCompactionHeld { _ = try store.scrub(limitRows: 64, reading: state) }
    while let batch = store.takeFlushBatch(limitBytes: 64 << 10) {
      try state.flush(batch)
      store.flushed(through: batch.meta.appliedIndex)
    }
    try state.tend()
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
    try other.disk.store.removeOldGenerations()
  }
}
