import Base
import QuorateClient
import EtcdAPI
import Foundation
import NIOCore
import RPC
import Synchronization

/// Sends the same generated calls of `v3lockpb.Lock` and `v3electionpb.Election` to two servers,
/// with grants, revocations, puts and deletions between them, and compares the answers: those that
/// come at once, those that come when it is one's turn, and those of who gives up waiting.
struct LockComparison {
  private let left: RPCConnection
  private let right: RPCConnection
  private var dice: SplitMix64
  /// Calls that were made, and how many of them were refused or gave up.
  private(set) var calls = 0
  private(set) var refusals = 0
  /// Answers that differ, and why we know of it; the others are faults.
  private(set) var known: [String: Int] = [:]
  private(set) var differences: [String] = []

  private static let leases: [Int64] = [11, 12, 13, -14, .max]
  private static let names = ["a", "b", "", "c/d", "\u{E9}"]
  /// Whoever waits gives up after so long; long enough for a turn that comes.
  private static let patience = Duration.milliseconds(150)
  private static let turn = Duration.seconds(20)

  struct Fault: Error { var text: String }

  /// How a call ended, without what differs between any two clusters.
  private struct Ending: Sendable, Equatable {
    var text: String
    var isRefusal = false
    var leader: EtcdLeaderKey?
    var key: Data?
  }

  init(_ left: RPCConnection, _ right: RPCConnection, seed: UInt64) {
    self.left = left
    self.right = right
    dice = SplitMix64(seed: seed &+ 2)
  }

  mutating func begin() async throws {
    for lease in Self.leases { try await grant(lease) }
  }

  /// One generated call, or a few that belong together.
  mutating func play() async throws {
    switch dice.index(below: 40) {
    case ..<8: try await lock()
    case ..<13: try await unlock()
    case ..<20: try await campaign()
    case ..<25: try await proclaim()
    case ..<28: try await resign()
    case ..<31: try await leader()
    case ..<33: try await observe()
    case ..<36: try await takeTurns()
    case 36: try await expireWaiting()
    case 37: try await renewLease()
    default: try await write()
    }
  }

  // MARK: Draws

  private mutating func name() -> Data {
    Data((dice.oneIn(8) ? dice.pick(Self.names) : dice.pick(["a", "b"])).utf8)
  }

  /// Now and then one that nobody was granted.
  private mutating func lease() -> Int64 { dice.oneIn(12) ? 99 : dice.pick(Self.leases) }

  private mutating func value() -> Data { Data("v\(dice.index(below: 3))".utf8) }

  /// Mostly the key of somebody who takes part.
  private mutating func key() -> Data {
    dice.oneIn(10) ? Data() : LockRequests.key(in: name(), lease: lease())
  }

  /// As the store has it, or a wrong one.
  private mutating func leaderKey() async throws -> EtcdLeaderKey? {
    if dice.oneIn(15) { return nil }
    var leader = EtcdLeaderKey()
    (leader.name, leader.lease) = (name(), lease())
    leader.key = dice.oneIn(15) ? Data() : LockRequests.key(in: leader.name, lease: leader.lease)
    let request = EtcdRangeRequest.make { $0.key = leader.key }
    if let pair: EtcdRangeResponse = try? await message(EtcdMethod.KV.range, request, left) {
      leader.rev = pair.kvs.first?.createRevision ?? 0
    }
    if dice.oneIn(5) { leader.rev += 1 }
    return leader
  }

  // MARK: Calls

  private mutating func lock() async throws {
    var request = EtcdLockRequest()
    (request.name, request.lease) = (name(), lease())
    if dice.oneIn(60) { request.name = Data(repeating: 0x6e, count: 2 << 20) }
    try await both(
      "Lock \(request.fieldText)", EtcdMethod.Lock.lock, request, patience: Self.patience,
      lockEnding)
    try await settle()
  }

  private mutating func unlock() async throws {
    let request = EtcdUnlockRequest.make { $0.key = key() }
    try await both("Unlock \(request.fieldText)", EtcdMethod.Lock.unlock, request) {
      Self.plain($0, \EtcdUnlockResponse.header)
    }
  }

  private mutating func campaign() async throws {
    var request = EtcdCampaignRequest()
    (request.name, request.lease) = (name(), lease())
    request.value = value()
    try await both(
      "Campaign \(request.fieldText)", EtcdMethod.Election.campaign, request,
      patience: Self.patience, campaignEnding)
    try await settle()
  }

  private mutating func proclaim() async throws {
    let leader = try await leaderKey()
    let request = EtcdProclaimRequest.make {
      if let leader { $0.leader = leader }
      $0.value = value()
    }
    try await both("Proclaim \(request.fieldText)", EtcdMethod.Election.proclaim, request) {
      Self.plain($0, \EtcdProclaimResponse.header)
    }
  }

  private mutating func resign() async throws {
    let leader = try await leaderKey()
    let request = EtcdResignRequest.make { if let leader { $0.leader = leader } }
    try await both("Resign \(request.fieldText)", EtcdMethod.Election.resign, request) {
      Self.plain($0, \EtcdResignResponse.header)
    }
  }

  private mutating func leader() async throws {
    let request = EtcdLeaderRequest.make { $0.name = name() }
    try await both("Leader \(request.fieldText)", EtcdMethod.Election.leader, request) {
      Self.plain($0, \EtcdLeaderResponse.header)
    }
  }

  /// The first thing that an observer hears, or that it hears nothing.
  private mutating func observe() async throws {
    let request = EtcdLeaderRequest.make { $0.name = name() }
    async let mine = Self.firstLeader(request, left)
    async let theirs = Self.firstLeader(request, right)
    judge("Observe \(request.fieldText)", await mine, await theirs)
  }

  /// Somebody waits for who has it now, and gets it.
  private mutating func takeTurns() async throws {
    let (name, isLock) = (name(), dice.oneIn(2))
    guard let first = try await firstKey(name) else { return }
    let lease = dice.pick(Self.leases)
    guard first != LockRequests.key(in: name, lease: lease) else { return }
    try await waiting(name, lease, isLock) { comparison in
      // Whoever is before goes, one after the other.
      while let first = try await comparison.firstKey(name),
        first != LockRequests.key(in: name, lease: lease)
      {
        try await comparison.delete(first)
      }
    }
  }

  /// Somebody's lease ends while it waits.
  private mutating func expireWaiting() async throws {
    let (name, isLock) = (name(), dice.oneIn(2))
    guard let first = try await firstKey(name) else { return }
    let lease = dice.pick(Self.leases)
    guard first != LockRequests.key(in: name, lease: lease) else { return }
    try await waiting(name, lease, isLock) { comparison in
      try await comparison.revoke(lease)
      while let first = try await comparison.firstKey(name) { try await comparison.delete(first) }
    }
    try await grant(lease)
  }

  /// A call that waits while `meanwhile` happens on both sides.
  private mutating func waiting(
    _ name: Data, _ lease: Int64, _ isLock: Bool,
    _ meanwhile: (inout LockComparison) async throws -> Void
  ) async throws {
    let (left, right) = (left, right)
    let value = value()
    let call = { @Sendable (connection: RPCConnection) async -> Ending in
      isLock
        ? await Self.ending(
          EtcdMethod.Lock.lock, EtcdLockRequest.make { ($0.name, $0.lease) = (name, lease) },
          connection, Self.turn, Self.lockEnding)
        : await Self.ending(
          EtcdMethod.Election.campaign,
          EtcdCampaignRequest.make {
            ($0.name, $0.lease) = (name, lease)
            $0.value = value
          }, connection, Self.turn, Self.campaignEnding)
    }
    let mine = Task { await call(left) }
    let theirs = Task { await call(right) }
    let key = LockRequests.key(in: name, lease: lease)
    for connection in [left, right] {
      try await until("the key of who waits") { try await Self.exists(key, connection) }
    }
    // Its watch stands a moment after its key.
    try await Task.sleep(for: .milliseconds(20))
    try await meanwhile(&self)
    let what = "\(isLock ? "Lock" : "Campaign") of \(name) with \(lease), waiting"
    judge(what, await mine.value, await theirs.value)
  }

  private mutating func renewLease() async throws {
    let lease = dice.pick(Self.leases)
    try await revoke(lease)
    try await grant(lease)
  }

  /// What is no contender's may stand in the way of all.
  private mutating func write() async throws {
    if dice.oneIn(2) { return try await delete(key()) }
    let request = EtcdPutRequest.make {
      $0.key = LockRequests.key(in: name(), lease: 15)
      $0.value = value()
    }
    try await both("Put \(request.fieldText)", EtcdMethod.KV.put, request) {
      Self.plain($0, \EtcdPutResponse.header)
    }
  }

  private mutating func delete(_ key: Data) async throws {
    let request = EtcdDeleteRangeRequest.make { $0.key = key }
    try await both("DeleteRange \(request.fieldText)", EtcdMethod.KV.deleteRange, request) {
      Self.plain($0, \EtcdDeleteRangeResponse.header)
    }
  }

  private mutating func grant(_ lease: Int64) async throws {
    let request = EtcdLeaseGrantRequest.make { ($0.id, $0.ttl) = (lease, 3_600) }
    try await both("LeaseGrant \(request.fieldText)", EtcdMethod.Lease.leaseGrant, request) {
      Self.plain($0, \EtcdLeaseGrantResponse.header)
    }
  }

  private mutating func revoke(_ lease: Int64) async throws {
    let request = EtcdLeaseRevokeRequest.make { $0.id = lease }
    try await both("LeaseRevoke \(request.fieldText)", EtcdMethod.Lease.leaseRevoke, request) {
      Self.plain($0, \EtcdLeaseRevokeResponse.header)
    }
  }
}

// MARK: Both sides

extension LockComparison {
  /// `patience`: for those that may wait for others.
  private mutating func both(
    _ what: String, _ method: String, _ request: some EtcdMessage,
    patience: Duration = LockComparison.turn,
    _ read: @escaping @Sendable ([UInt8]) -> Ending
  ) async throws {
    async let mine = Self.ending(method, request, left, patience, read)
    async let theirs = Self.ending(method, request, right, patience, read)
    judge(what, await mine, await theirs)
  }

  private mutating func judge(_ what: String, _ mine: Ending, _ theirs: Ending) {
    calls += 1
    if mine.isRefusal { refusals += 1 }
    guard mine != theirs else { return }
    // etcd tells a candidate that it leads, though its key is gone.
    let expired = "unknown (2): election: session is expired"
    if [mine.text, theirs.text].contains(expired), mine.isRefusal != theirs.isRefusal {
      known["a candidate whose lease has ended while it waited is told so by one", default: 0] += 1
      return
    }
    differences.append("\(what)\n\(mine.text)\nbeside\n\(theirs.text)")
  }

  private static func ending(
    _ method: String, _ request: some EtcdMessage, _ connection: RPCConnection,
    _ patience: Duration, _ read: @Sendable ([UInt8]) -> Ending
  ) async -> Ending {
    let outcome = await connection.call(method, request.encodedBytes, timeout: patience)
    guard outcome.status.code == .ok, let body = outcome.message else { return refusal(outcome) }
    return read(Array(body.readableBytesView))
  }

  private static func refusal(_ outcome: CallOutcome) -> Ending {
    // Whose clock ends a call that waits says nothing of the servers; nor does what etcd makes of
    // the end of its own context.
    let isLate =
      outcome.status.code == .deadlineExceeded
      || outcome.status.message == "context deadline exceeded"
    let text =
      isLate
      ? "gave up"
      : "\(outcome.status.code) (\(outcome.status.code.rawValue)): "
        + outcome.status.message
    return Ending(text: text, isRefusal: true)
  }

  private static func plain<Response: EtcdMessage>(
    _ body: [UInt8], _ header: WritableKeyPath<Response, EtcdResponseHeader>
  ) -> Ending {
    guard var response = try? Response(decoding: body) else { return Ending(text: "no message") }
    let revision = response[keyPath: header].revision
    response[keyPath: header] = .make { $0.revision = revision }
    return Ending(text: response.fieldText)
  }

  private static let lockEnding: @Sendable ([UInt8]) -> Ending = {
    plain($0, \EtcdLockResponse.header)
  }

  private static let campaignEnding: @Sendable ([UInt8]) -> Ending = {
    plain($0, \EtcdCampaignResponse.header)
  }

  private var lockEnding: @Sendable ([UInt8]) -> Ending { Self.lockEnding }
  private var campaignEnding: @Sendable ([UInt8]) -> Ending { Self.campaignEnding }

  private static func firstLeader(
    _ request: EtcdLeaderRequest, _ connection: RPCConnection
  ) async -> Ending {
    let first = Mutex<CheckedContinuation<Ending, Never>?>(nil)
    let tell = { @Sendable (ending: Ending) in
      let waiting = first.withLock { $0.take() }
      waiting?.resume(returning: ending)
    }
    var stream: ClientStream?
    let ending = await withCheckedContinuation { continuation in
      first.withLock { $0 = continuation }
      stream = connection.open(EtcdMethod.Election.observe) { event in
        switch event {
        case .message(let message):
          tell(plain(Array(message.readableBytesView), \EtcdLeaderResponse.header))
        case .ended(let outcome): tell(refusal(outcome))
        case .metadata, .writable: break
        }
      }
      _ = stream?.send(request.encodedBytes)
      stream?.halfClose()
      Task {
        try? await Task.sleep(for: patience)
        tell(Ending(text: "hears nothing", isRefusal: true))
      }
    }
    stream?.cancel()
    return ending
  }

  // MARK: Looking

  private func message<Response: EtcdMessage>(
    _ method: String, _ request: some EtcdMessage, _ connection: RPCConnection
  ) async throws -> Response {
    try await Self.message(method, request, connection)
  }

  private static func message<Response: EtcdMessage>(
    _ method: String, _ request: some EtcdMessage, _ connection: RPCConnection
  ) async throws -> Response {
    let outcome = await connection.call(method, request.encodedBytes, timeout: .seconds(10))
    guard let body = outcome.message else { throw Fault(text: outcome.status.message) }
    return try Response(decoding: Array(body.readableBytesView))
  }

  private static func exists(_ key: Data, _ connection: RPCConnection) async throws -> Bool {
    let request = EtcdRangeRequest.make { $0.key = key }
    let found: EtcdRangeResponse = try await message(EtcdMethod.KV.range, request, connection)
    return found.count == 1
  }

  /// Who has it now.
  private func firstKey(_ name: Data) async throws -> Data? {
    let found: EtcdRangeResponse = try await message(
      EtcdMethod.KV.range, LockRequests.first(in: name), left)
    return found.kvs.first?.key
  }

  /// Until both sides have taken back what somebody who gave up has left.
  private func settle() async throws {
    let all = EtcdRangeRequest.make {
      ($0.key, $0.rangeEnd) = (Data([0]), Data([0]))
      $0.keysOnly = true
    }
    try await until("both hold the same") {
      let mine: EtcdRangeResponse = try await message(EtcdMethod.KV.range, all, left)
      let theirs: EtcdRangeResponse = try await message(EtcdMethod.KV.range, all, right)
      return mine.header.revision == theirs.header.revision && mine.kvs == theirs.kvs
    }
  }

  private func until(_ what: String, _ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(10)
    while try await !condition() {
      guard ContinuousClock.now < deadline else { throw Fault(text: "not in time: \(what)") }
      try await Task.sleep(for: .milliseconds(2))
    }
  }
}
